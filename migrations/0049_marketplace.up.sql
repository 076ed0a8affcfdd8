SET LOCAL ROLE bb_owner;

CREATE TABLE plugin_categories (
    id          uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    slug        text        NOT NULL
        CONSTRAINT ck_plugin_categories_1 CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name        text        NOT NULL CONSTRAINT ck_plugin_categories_2 CHECK (char_length(name) <= 80),
    description text CONSTRAINT ck_plugin_categories_3 CHECK (char_length(description) <= 500),
    icon        text CONSTRAINT ck_plugin_categories_4 CHECK (char_length(icon) <= 64),
    sort_order  integer     NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_plugin_categories_1 UNIQUE (slug)
);
COMMENT ON TABLE plugin_categories IS 'shelves of the marketplace';

CREATE TRIGGER touch BEFORE UPDATE ON plugin_categories
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE plugins (
    id                        uuid          PRIMARY KEY DEFAULT app.uuid_v7(),
    publisher_organization_id uuid          NOT NULL,
    developer_id              uuid,
    category_id               uuid          NOT NULL,
    slug                      text          NOT NULL
        CONSTRAINT ck_plugins_1 CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name                      text          NOT NULL CONSTRAINT ck_plugins_2 CHECK (char_length(name) <= 120),
    summary                   text          NOT NULL CONSTRAINT ck_plugins_3 CHECK (char_length(summary) <= 200),
    description               text CONSTRAINT ck_plugins_4 CHECK (char_length(description) <= 20000),
    kind                      text          NOT NULL
        CONSTRAINT ck_plugins_5 CHECK (kind IN ('channel', 'tool', 'integration', 'model', 'analytics', 'theme')),
    icon_url                  text
        CONSTRAINT ck_plugins_6 CHECK (icon_url ~* '^https?://[^[:space:]]+$' AND char_length(icon_url) <= 2048),
    homepage_url              text
        CONSTRAINT ck_plugins_7 CHECK (homepage_url ~* '^https?://[^[:space:]]+$' AND char_length(homepage_url) <= 2048),
    support_url               text
        CONSTRAINT ck_plugins_8 CHECK (support_url ~* '^https?://[^[:space:]]+$' AND char_length(support_url) <= 2048),
    tags                      text[]        NOT NULL DEFAULT '{}',
    status                    text          NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_plugins_9 CHECK (status IN ('draft', 'in_review', 'published', 'rejected', 'suspended', 'deprecated')),
    review_note               text CONSTRAINT ck_plugins_10 CHECK (char_length(review_note) <= 2000),
    reviewed_by               uuid,
    reviewed_at               timestamptz,
    published_at              timestamptz,
    pricing                   text          NOT NULL DEFAULT 'free'
        CONSTRAINT ck_plugins_11 CHECK (pricing IN ('free', 'one_time', 'subscription')),
    price                     bigint        NOT NULL DEFAULT 0 CONSTRAINT ck_plugins_12 CHECK (price >= 0),
    currency                  text          NOT NULL DEFAULT 'USD'
        CONSTRAINT ck_plugins_13 CHECK (currency ~ '^[A-Z]{3}$'),
    latest_version_id         uuid,
    install_count             integer       NOT NULL DEFAULT 0
        CONSTRAINT ck_plugins_14 CHECK (install_count >= 0),
    rating_avg                numeric(3, 2) NOT NULL DEFAULT 0,
    rating_count              integer       NOT NULL DEFAULT 0 CONSTRAINT ck_plugins_15 CHECK (rating_count >= 0),
    search_tsv                tsvector      GENERATED ALWAYS AS (app.text_vector('en', name || ' ' || summary || ' ' || coalesce(description, ''))) STORED,
    created_at                timestamptz   NOT NULL DEFAULT now(),
    updated_at                timestamptz   NOT NULL DEFAULT now(),
    deleted_at                timestamptz,
    lock_version              integer       NOT NULL DEFAULT 1,
    CONSTRAINT uq_plugins_1 UNIQUE (slug),
    CONSTRAINT ck_plugins_16 CHECK ((pricing = 'free') = (price = 0)),
    CONSTRAINT ck_plugins_17 CHECK (status <> 'published' OR latest_version_id IS NOT NULL),
    CONSTRAINT fk_plugins_publisher_organization_id FOREIGN KEY (publisher_organization_id)
        REFERENCES organizations (id) ON DELETE RESTRICT,
    CONSTRAINT fk_plugins_developer_id FOREIGN KEY (developer_id)
        REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT fk_plugins_category_id FOREIGN KEY (category_id)
        REFERENCES plugin_categories (id) ON DELETE RESTRICT,
    CONSTRAINT fk_plugins_reviewed_by FOREIGN KEY (reviewed_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE plugins IS 'a marketplace listing owned by a publishing organization';

CREATE INDEX ix_plugins_1 ON plugins (category_id, rating_avg DESC)
    WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX ix_plugins_2 ON plugins (install_count DESC)
    WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX ix_plugins_3 ON plugins USING gin (search_tsv);
CREATE INDEX ix_plugins_4 ON plugins USING gin (tags);
CREATE INDEX ix_plugins_5 ON plugins (publisher_organization_id, status);
-- for foreign keys that no index above serves
CREATE INDEX ix_plugins_6 ON plugins (category_id);
CREATE INDEX ix_plugins_7 ON plugins (latest_version_id);

CREATE TRIGGER touch BEFORE UPDATE ON plugins
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE plugin_versions (
    id                   uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    plugin_id            uuid        NOT NULL,
    version              text        NOT NULL
        CONSTRAINT ck_plugin_versions_1 CHECK (version ~ '^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$' AND char_length(version) <= 64),
    runtime              text        NOT NULL
        CONSTRAINT ck_plugin_versions_2 CHECK (runtime IN ('wasm', 'http', 'declarative')),
    manifest             jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_plugin_versions_3 CHECK (jsonb_typeof(manifest) = 'object'),
    permissions          text[]      NOT NULL DEFAULT '{}',
    changelog            text CONSTRAINT ck_plugin_versions_4 CHECK (char_length(changelog) <= 8000),
    artifact_key         text CONSTRAINT ck_plugin_versions_5 CHECK (char_length(artifact_key) <= 512),
    artifact_sha256      bytea CONSTRAINT ck_plugin_versions_6 CHECK (octet_length(artifact_sha256) = 32),
    artifact_bytes       bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_plugin_versions_7 CHECK (artifact_bytes >= 0),
    signature            bytea,
    signing_key_id       text CONSTRAINT ck_plugin_versions_8 CHECK (char_length(signing_key_id) <= 64),
    min_platform_version text
        CONSTRAINT ck_plugin_versions_9 CHECK (min_platform_version ~ '^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$' AND char_length(min_platform_version) <= 64),
    status               text        NOT NULL DEFAULT 'draft'
        CONSTRAINT ck_plugin_versions_10 CHECK (status IN ('draft', 'in_review', 'published', 'rejected', 'yanked')),
    scan_report          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_plugin_versions_11 CHECK (jsonb_typeof(scan_report) = 'object'),
    published_at         timestamptz,
    yanked_at            timestamptz,
    yanked_reason        text CONSTRAINT ck_plugin_versions_12 CHECK (char_length(yanked_reason) <= 500),
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_plugin_versions_1 UNIQUE (plugin_id, version),
    CONSTRAINT ck_plugin_versions_13 CHECK (app.valid_settings('plugin_manifest', manifest)),
    CONSTRAINT ck_plugin_versions_14 CHECK (runtime <> 'wasm' OR status = 'draft' OR (artifact_sha256 IS NOT NULL AND signature IS NOT NULL)),
    CONSTRAINT fk_plugin_versions_plugin_id FOREIGN KEY (plugin_id)
        REFERENCES plugins (id) ON DELETE CASCADE
);
COMMENT ON TABLE plugin_versions IS 'an immutable, signed release of a plugin';

CREATE INDEX ix_plugin_versions_1 ON plugin_versions (created_at) WHERE status = 'in_review';

CREATE TRIGGER touch BEFORE UPDATE ON plugin_versions
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE plugin_installations (
    id                  uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id     uuid        NOT NULL,
    plugin_id           uuid        NOT NULL,
    version_id          uuid        NOT NULL,
    status              text        NOT NULL DEFAULT 'installing'
        CONSTRAINT ck_plugin_installations_1 CHECK (status IN ('installing', 'active', 'disabled', 'error', 'uninstalled')),
    granted_permissions text[]      NOT NULL DEFAULT '{}',
    settings            jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_plugin_installations_2 CHECK (jsonb_typeof(settings) = 'object'),
    secrets_ct          bytea,
    secrets_kid         text
        CONSTRAINT ck_plugin_installations_3 CHECK ((secrets_ct IS NULL) = (secrets_kid IS NULL)),
    auto_update         boolean     NOT NULL DEFAULT true,
    update_version_id   uuid,
    installed_by        uuid,
    activated_at        timestamptz,
    uninstalled_at      timestamptz,
    error_message       text CONSTRAINT ck_plugin_installations_4 CHECK (char_length(error_message) <= 2000),
    call_count          bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_plugin_installations_5 CHECK (call_count >= 0),
    failure_count       integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_plugin_installations_6 CHECK (failure_count >= 0),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    lock_version        integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_plugin_installations_1 UNIQUE (organization_id, id),
    CONSTRAINT fk_plugin_installations_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_plugin_installations_plugin_id FOREIGN KEY (plugin_id)
        REFERENCES plugins (id) ON DELETE RESTRICT,
    CONSTRAINT fk_plugin_installations_version_id FOREIGN KEY (version_id)
        REFERENCES plugin_versions (id) ON DELETE RESTRICT,
    CONSTRAINT fk_plugin_installations_update_version_id FOREIGN KEY (update_version_id)
        REFERENCES plugin_versions (id) ON DELETE SET NULL,
    CONSTRAINT fk_plugin_installations_installed_by FOREIGN KEY (installed_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE plugin_installations IS 'a plugin installed in an organization with the permissions it was granted';

CREATE UNIQUE INDEX uq_plugin_installations_2 ON plugin_installations (organization_id, plugin_id)
    WHERE status <> 'uninstalled';
CREATE INDEX ix_plugin_installations_1 ON plugin_installations (plugin_id, status);
CREATE INDEX ix_plugin_installations_2 ON plugin_installations (organization_id, status);
-- for foreign keys that no index above serves
CREATE INDEX ix_plugin_installations_3 ON plugin_installations (version_id);
CREATE INDEX ix_plugin_installations_4 ON plugin_installations (update_version_id);

CREATE TRIGGER touch BEFORE UPDATE ON plugin_installations
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE plugin_reviews (
    id              uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id uuid        NOT NULL,
    plugin_id       uuid        NOT NULL,
    version_id      uuid,
    user_id         uuid        NOT NULL,
    rating          integer     NOT NULL CONSTRAINT ck_plugin_reviews_1 CHECK (rating BETWEEN 1 AND 5),
    title           text CONSTRAINT ck_plugin_reviews_2 CHECK (char_length(title) <= 120),
    body            text CONSTRAINT ck_plugin_reviews_3 CHECK (char_length(body) <= 4000),
    status          text        NOT NULL DEFAULT 'visible'
        CONSTRAINT ck_plugin_reviews_4 CHECK (status IN ('visible', 'hidden', 'flagged')),
    helpful_count   integer     NOT NULL DEFAULT 0 CONSTRAINT ck_plugin_reviews_5 CHECK (helpful_count >= 0),
    reply           text CONSTRAINT ck_plugin_reviews_6 CHECK (char_length(reply) <= 2000),
    replied_by      uuid,
    replied_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT fk_plugin_reviews_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_plugin_reviews_plugin_id FOREIGN KEY (plugin_id)
        REFERENCES plugins (id) ON DELETE CASCADE,
    CONSTRAINT fk_plugin_reviews_version_id FOREIGN KEY (version_id)
        REFERENCES plugin_versions (id) ON DELETE SET NULL,
    CONSTRAINT fk_plugin_reviews_user_id FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_plugin_reviews_replied_by FOREIGN KEY (replied_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE plugin_reviews IS 'a rating by a member of an organization that has the plugin installed';

CREATE UNIQUE INDEX uq_plugin_reviews_1 ON plugin_reviews (plugin_id, user_id)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_plugin_reviews_1 ON plugin_reviews (plugin_id, rating, created_at DESC)
    WHERE status = 'visible' AND deleted_at IS NULL;
CREATE INDEX ix_plugin_reviews_2 ON plugin_reviews (created_at) WHERE status = 'flagged';
-- for foreign keys that no index above serves
CREATE INDEX ix_plugin_reviews_3 ON plugin_reviews (plugin_id);
CREATE INDEX ix_plugin_reviews_4 ON plugin_reviews (version_id);
CREATE INDEX ix_plugin_reviews_5 ON plugin_reviews (user_id);
CREATE INDEX ix_plugin_reviews_6 ON plugin_reviews (organization_id);

CREATE TRIGGER touch BEFORE UPDATE ON plugin_reviews
    FOR EACH ROW EXECUTE FUNCTION app.touch();

-- references between the tables of this file that point forward

ALTER TABLE plugins ADD CONSTRAINT fk_plugins_latest_version_id FOREIGN KEY (latest_version_id)
        REFERENCES plugin_versions (id) ON DELETE SET NULL;

-- A published release never changes; it can only be yanked.
CREATE FUNCTION app.freeze_release() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    mutable constant text[] := ARRAY['status', 'yanked_at', 'yanked_reason', 'updated_at'];
BEGIN
    IF to_jsonb(NEW) - mutable <> to_jsonb(OLD) - mutable OR NEW.status NOT IN ('published', 'yanked') THEN
        RAISE EXCEPTION 'a published release does not change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'freeze_release', TABLE = 'plugin_versions';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.freeze_release() IS 'trigger: published releases are immutable';

CREATE TRIGGER freeze_release BEFORE UPDATE ON plugin_versions
    FOR EACH ROW WHEN (OLD.status IN ('published', 'yanked')) EXECUTE FUNCTION app.freeze_release();

-- Ratings of all organizations count, and the listing belongs to the publisher: hence the definer's rights.
SET LOCAL ROLE bb_definer;
CREATE FUNCTION app.plugin_rating_sync() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    plugin uuid;
BEGIN
    FOR plugin IN SELECT DISTINCT id FROM unnest(ARRAY[OLD.plugin_id, NEW.plugin_id]) id
                   WHERE id IS NOT NULL ORDER BY id LOOP
        PERFORM FROM plugins p WHERE p.id = plugin FOR UPDATE;
        UPDATE plugins p
           SET rating_avg = r.average, rating_count = r.amount
          FROM (SELECT coalesce(round(avg(v.rating), 2), 0) AS average, count(*)::integer AS amount
                  FROM plugin_reviews v
                 WHERE v.plugin_id = plugin AND v.status = 'visible' AND v.deleted_at IS NULL) r
         WHERE p.id = plugin AND (p.rating_avg, p.rating_count) IS DISTINCT FROM (r.average, r.amount);
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.plugin_rating_sync() IS 'trigger: average and number of visible ratings on the plugin';
SET LOCAL ROLE bb_owner;

CREATE TRIGGER plugin_rating_sync AFTER INSERT OR DELETE OR UPDATE OF rating, status, deleted_at, plugin_id
    ON plugin_reviews
    FOR EACH ROW EXECUTE FUNCTION app.plugin_rating_sync();

RESET ROLE;
