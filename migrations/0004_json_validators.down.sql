SET LOCAL ROLE bb_owner;

DROP FUNCTION app.valid_flow(jsonb, boolean);
DROP FUNCTION app.valid_recovery_steps(jsonb);
DROP FUNCTION app.valid_ab_variants(jsonb);
DROP FUNCTION app.valid_permissions(text[]);
DROP FUNCTION app.valid_transition(text, jsonb);
DROP FUNCTION app.valid_message(jsonb);
DROP FUNCTION app.valid_settings(text, jsonb);
DROP FUNCTION app.settings_keys(text);
DROP FUNCTION app.json_is(jsonb, text);

RESET ROLE;
