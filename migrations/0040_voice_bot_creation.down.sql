SET LOCAL ROLE bb_owner;

DROP TABLE voice_bot_sessions;
DROP TABLE voice_bot_creations;
DROP TABLE voice_bot_templates;
DROP FUNCTION app.own_template_guard();

RESET ROLE;
