DROP FUNCTION app.last_owner_guard();
