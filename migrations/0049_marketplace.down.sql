SET LOCAL ROLE bb_owner;

ALTER TABLE plugins DROP CONSTRAINT fk_plugins_latest_version_id;
DROP TABLE plugin_reviews;
DROP TABLE plugin_installations;
DROP TABLE plugin_versions;
DROP TABLE plugins;
DROP TABLE plugin_categories;
DROP FUNCTION app.plugin_rating_sync();
DROP FUNCTION app.freeze_release();

RESET ROLE;
