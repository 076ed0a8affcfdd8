DROP FUNCTION app.assign_version();
