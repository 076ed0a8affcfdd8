SET LOCAL ROLE bb_owner;

DROP FUNCTION app.forbid_mutation();
DROP FUNCTION app.touch_lock();
DROP FUNCTION app.touch();
DROP FUNCTION app.text_vector(text, text);
DROP FUNCTION app.text_config(text);
DROP FUNCTION app.may_act_for(uuid);
DROP FUNCTION app.current_user_id();
DROP FUNCTION app.current_org();
DROP FUNCTION app.uuid_v7_ts(uuid);
DROP FUNCTION app.uuid_v7_at(timestamptz);
DROP FUNCTION app.uuid_v7();

RESET ROLE;
