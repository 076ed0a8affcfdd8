DROP FUNCTION app.health_history();
