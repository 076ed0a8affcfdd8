SET LOCAL ROLE bb_owner;

DROP TRIGGER touch ON plugins;
CREATE TRIGGER touch BEFORE UPDATE ON plugins FOR EACH ROW EXECUTE FUNCTION app.touch_lock();
DROP TRIGGER plugin_installs_sync ON plugin_installations;

SET LOCAL ROLE bb_definer;
DROP FUNCTION app.plugin_installs_sync(), app.review_is_helpful(uuid), app.report_review(uuid),
    app.reply_to_review(uuid, text, uuid);

SET LOCAL ROLE bb_owner;
REVOKE UPDATE ON plugin_reviews FROM bb_definer;
DROP POLICY definer_write ON plugin_reviews;

RESET ROLE;
