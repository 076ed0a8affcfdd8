-- What organizations do in the marketplace is counted and written in rows of other organizations, which row security keeps
-- them from changing: hence the definer's rights, in functions that do one thing each.
SET LOCAL ROLE bb_owner;

CREATE POLICY definer_write ON plugin_reviews FOR UPDATE TO bb_definer USING (true) WITH CHECK (true);
GRANT UPDATE ON plugin_reviews TO bb_definer;

SET LOCAL ROLE bb_definer;

CREATE FUNCTION app.plugin_installs_sync() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.status <> 'uninstalled' THEN
        UPDATE plugins SET install_count = greatest(install_count - 1, 0) WHERE id = OLD.plugin_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.status <> 'uninstalled' THEN
        UPDATE plugins SET install_count = install_count + 1 WHERE id = NEW.plugin_id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.plugin_installs_sync() IS 'trigger: how many organizations have a plugin, on the plugin';

CREATE FUNCTION app.review_is_helpful(review uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    WITH counted AS (
        UPDATE plugin_reviews SET helpful_count = helpful_count + 1
         WHERE id = review AND status = 'visible' AND deleted_at IS NULL
     RETURNING 1)
    SELECT EXISTS (SELECT FROM counted)
$$;
COMMENT ON FUNCTION app.review_is_helpful(uuid) IS 'counts that somebody finds a review helpful; whether there is such a review';

CREATE FUNCTION app.report_review(review uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    WITH reported AS (
        UPDATE plugin_reviews SET status = 'flagged'
         WHERE id = review AND status = 'visible' AND deleted_at IS NULL
     RETURNING 1)
    SELECT EXISTS (SELECT FROM reported)
$$;
COMMENT ON FUNCTION app.report_review(uuid) IS 'takes a review out of sight until somebody of the platform has looked at it';

-- Only the organization that offers the plugin answers what is said of it.
CREATE FUNCTION app.reply_to_review(review uuid, reply text, replied_by uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    WITH answered AS (
        UPDATE plugin_reviews r
           SET reply = reply_to_review.reply,
               replied_by = CASE WHEN reply_to_review.reply IS NULL THEN NULL ELSE reply_to_review.replied_by END,
               replied_at = CASE WHEN reply_to_review.reply IS NULL THEN NULL ELSE now() END
         WHERE r.id = review AND r.status = 'visible' AND r.deleted_at IS NULL
           AND EXISTS (SELECT FROM plugins p
                        WHERE p.id = r.plugin_id AND p.publisher_organization_id = app.current_org())
     RETURNING 1)
    SELECT EXISTS (SELECT FROM answered)
$$;
COMMENT ON FUNCTION app.reply_to_review(uuid, text, uuid) IS 'what the publisher answers to a review, or nothing';

REVOKE ALL ON FUNCTION app.plugin_installs_sync(), app.review_is_helpful(uuid), app.report_review(uuid),
    app.reply_to_review(uuid, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.review_is_helpful(uuid), app.report_review(uuid), app.reply_to_review(uuid, text, uuid)
    TO bb_app;

SET LOCAL ROLE bb_owner;

CREATE TRIGGER plugin_installs_sync AFTER INSERT OR DELETE OR UPDATE OF status, plugin_id ON plugin_installations
    FOR EACH ROW EXECUTE FUNCTION app.plugin_installs_sync();

-- A count is nobody's change of the plugin: it leaves the version that publishers change.
DROP TRIGGER touch ON plugins;
CREATE TRIGGER touch BEFORE UPDATE ON plugins FOR EACH ROW
    WHEN ((OLD.install_count, OLD.rating_avg, OLD.rating_count)
              IS NOT DISTINCT FROM (NEW.install_count, NEW.rating_avg, NEW.rating_count))
    EXECUTE FUNCTION app.touch_lock();

RESET ROLE;
