-- What every installation starts with. Platform staff may change all of it afterwards.
SET LOCAL ROLE bb_admin;

-- Prices in cents; null limits are unlimited.
INSERT INTO subscription_plans
    (id, code, name, description, currency, price_monthly, price_yearly, limits, features, trial_days, sort_order)
VALUES
    ('01900000-0000-7000-8000-000000000101', 'free', 'Free', 'To try the platform and for small sites', 'USD', 0, 0,
     '{"bots": 1, "channels": 2, "seats": 2, "contacts": 500, "messages_month": 1000, "model_tokens_month": 100000,
       "voice_minutes_month": 10, "storage_mb": 100, "knowledge_bases": 1, "campaigns": 0, "api_rate": 60}',
     '{}', 0, 10),
    ('01900000-0000-7000-8000-000000000102', 'pro', 'Pro', 'For a team with a few bots', 'USD', 4900, 49000,
     '{"bots": 5, "channels": 10, "seats": 5, "contacts": 10000, "messages_month": 25000, "model_tokens_month": 5000000,
       "voice_minutes_month": 300, "storage_mb": 5000, "knowledge_bases": 10, "campaigns": 3, "api_rate": 300}',
     '{"whitelabel": true}', 14, 20),
    ('01900000-0000-7000-8000-000000000103', 'business', 'Business', 'For companies with several teams', 'USD', 19900, 199000,
     '{"bots": 25, "channels": 50, "seats": 25, "contacts": 100000, "messages_month": 250000,
       "model_tokens_month": 50000000, "voice_minutes_month": 3000, "storage_mb": 50000, "knowledge_bases": 100,
       "campaigns": 25, "api_rate": 1200}',
     '{"whitelabel": true, "remove_powered_by": true, "team_roles": true}', 14, 30),
    ('01900000-0000-7000-8000-000000000104', 'enterprise', 'Enterprise', 'Without limits, with single sign-on', 'USD', 0, 0,
     '{"bots": null, "channels": null, "seats": null, "contacts": null, "messages_month": null,
       "model_tokens_month": null, "voice_minutes_month": null, "storage_mb": null, "knowledge_bases": null,
       "campaigns": null, "api_rate": 6000}',
     '{"whitelabel": true, "remove_powered_by": true, "team_roles": true, "sso": true, "scim": true,
       "audit_retention": true}', 0, 40);
-- Sold by contract, so it has no public price.
UPDATE subscription_plans SET is_public = false WHERE code = 'enterprise';

INSERT INTO plugin_categories (id, slug, name, description, icon, sort_order) VALUES
    ('01900000-0000-7000-8000-000000000201', 'channels', 'Channels', 'More networks to talk on', 'message', 10),
    ('01900000-0000-7000-8000-000000000202', 'tools', 'Tools', 'Things an agent or a flow can do', 'wrench', 20),
    ('01900000-0000-7000-8000-000000000203', 'integrations', 'Integrations', 'Other systems to work with', 'link', 30),
    ('01900000-0000-7000-8000-000000000204', 'models', 'Models', 'Language, speech and embedding models', 'cpu', 40),
    ('01900000-0000-7000-8000-000000000205', 'analytics', 'Analytics', 'Reports and exports', 'chart', 50),
    ('01900000-0000-7000-8000-000000000206', 'themes', 'Themes', 'Looks for the web widget', 'palette', 60);

INSERT INTO voice_bot_templates
    (id, organization_id, slug, name, description, category, language, prompt, example_phrases, default_intents,
     default_entities)
VALUES
    ('01900000-0000-7000-8000-000000000301', NULL, 'support', 'Customer support',
     'Answers questions, takes problem reports and hands over to a person', 'support', 'en',
     'You help customers with questions and problems. Ask for what you need to know, one thing at a time. If you cannot help, offer to hand over to a person.',
     '{"My order has not arrived","I want to talk to somebody","It does not work"}',
     '[{"name": "report_problem", "examples": ["it does not work", "I have a problem", "something is broken"]},
       {"name": "order_status", "examples": ["where is my order", "has it been sent", "when will it arrive"]},
       {"name": "talk_to_person", "examples": ["I want to talk to a person", "can somebody call me", "agent please"]}]',
     '[{"name": "order_number", "kind": "pattern", "pattern": "[A-Z0-9]{6,12}"}]'),
    ('01900000-0000-7000-8000-000000000302', NULL, 'sales', 'Sales',
     'Finds out what a visitor needs and collects contact details', 'sales', 'en',
     'You talk to people who are interested in the product. Find out what they need and when, answer questions about it, and ask for a way to reach them.',
     '{"What does it cost?","I would like a demo","Do you deliver to us?"}',
     '[{"name": "ask_price", "examples": ["what does it cost", "how much is it", "price list"]},
       {"name": "ask_demo", "examples": ["can I see a demo", "show me how it works", "book a demo"]}]',
     '[{"name": "email", "kind": "system", "system_type": "email"}, {"name": "phone", "kind": "system", "system_type": "phone"}]'),
    ('01900000-0000-7000-8000-000000000303', NULL, 'faq', 'Questions and answers',
     'Answers from a list of questions or a knowledge base', 'faq', 'en',
     'You answer questions from what you are given. Say so when the answer is not there.',
     '{"When are you open?","How do I return something?"}',
     '[{"name": "opening_hours", "examples": ["when are you open", "opening hours", "are you open on Sunday"]}]', '[]'),
    ('01900000-0000-7000-8000-000000000304', NULL, 'booking', 'Booking',
     'Makes, moves and cancels appointments', 'booking', 'en',
     'You make appointments. Ask for the service, the day and the time, and repeat them before you book.',
     '{"I need an appointment","Can I move my appointment?","Please cancel it"}',
     '[{"name": "book", "examples": ["I need an appointment", "book a table", "do you have time tomorrow"]},
       {"name": "move", "examples": ["can I move my appointment", "another day please"]},
       {"name": "cancel", "examples": ["cancel my appointment", "I cannot come"]}]',
     '[{"name": "date", "kind": "system", "system_type": "date"}, {"name": "time", "kind": "system", "system_type": "time"}]'),
    ('01900000-0000-7000-8000-000000000305', NULL, 'survey', 'Survey',
     'Asks a few questions and records the answers', 'survey', 'en',
     'You ask the questions of the survey one after the other, accept any answer, and thank at the end.',
     '{"Four out of five","I would rather not say"}',
     '[{"name": "skip", "examples": ["next question", "I would rather not say", "skip"]}]',
     '[{"name": "rating", "kind": "system", "system_type": "number"}]'),
    ('01900000-0000-7000-8000-000000000306', NULL, 'recovery', 'Revenue recovery',
     'Speaks to customers who left something in the cart or whose payment failed', 'recovery', 'en',
     'You remind customers of what they left behind, help with what held them back, and respect a no.',
     '{"The payment failed","I was only looking","Is there a discount?"}',
     '[{"name": "payment_problem", "examples": ["my payment failed", "the card was refused"]},
       {"name": "not_interested", "examples": ["no thanks", "I was only looking", "stop writing to me"]}]', '[]');

RESET ROLE;
