DROP FUNCTION app.plugin_rating_sync();
DROP FUNCTION app.freeze_release();
