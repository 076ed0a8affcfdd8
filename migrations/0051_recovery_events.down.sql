DROP FUNCTION app.recovery_message_guard();
