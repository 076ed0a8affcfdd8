DROP FUNCTION app.message_state_guard();
