SET LOCAL ROLE bb_owner;

-- Identifiers -------------------------------------------------------------------------------------------

-- The program makes its own ids (Uuid::now_v7); as a column default this is only a safety net.
CREATE FUNCTION app.uuid_v7() RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN uuidv7();
COMMENT ON FUNCTION app.uuid_v7() IS 'a UUIDv7 of now';

-- 48 bits of milliseconds, then a random version 4 id with its version nibble raised from 4 to 7.
CREATE FUNCTION app.uuid_v7_at(instant timestamptz) RETURNS uuid
    LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
    RETURN encode(
        set_bit(
            set_bit(
                overlay(uuid_send(gen_random_uuid())
                        PLACING substring(int8send(floor(extract(epoch FROM instant) * 1000)::bigint) FROM 3)
                        FROM 1 FOR 6),
                52, 1),
            53, 1),
        'hex')::uuid;
COMMENT ON FUNCTION app.uuid_v7_at(timestamptz) IS 'a UUIDv7 of the given instant, for look-ups by time and for tests';

-- NULL for an id of another version.
CREATE FUNCTION app.uuid_v7_ts(id uuid) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN uuid_extract_version(id) = 7 THEN uuid_extract_timestamp(id) END;
COMMENT ON FUNCTION app.uuid_v7_ts(uuid) IS 'the instant inside a UUIDv7, in milliseconds';

-- Context -----------------------------------------------------------------------------------------------

-- Unset or empty means no tenant, and so no rows.
CREATE FUNCTION app.current_org() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.organization_id', true), '')::uuid;
COMMENT ON FUNCTION app.current_org() IS 'the organization this transaction acts for';

CREATE FUNCTION app.current_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.user_id', true), '')::uuid;
COMMENT ON FUNCTION app.current_user_id() IS 'the user this transaction acts for';

-- For functions that bypass row-level security and take an organization as argument. The setting "role" names
-- whom the caller became with SET ROLE, also inside a SECURITY DEFINER function.
CREATE FUNCTION app.may_act_for(org uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN org = app.current_org() OR current_setting('role') IN ('bb_admin', 'bb_auth', 'bb_purge', 'none');
COMMENT ON FUNCTION app.may_act_for(uuid) IS 'whether the caller may ask about this organization';

-- Text --------------------------------------------------------------------------------------------------

-- A regconfig column would block pg_upgrade, so the dictionary is chosen here by language code.
CREATE FUNCTION app.text_config(lang text) RETURNS regconfig
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE lower(left(lang, 2))
        WHEN 'ar' THEN 'pg_catalog.arabic'::regconfig
        WHEN 'da' THEN 'pg_catalog.danish'::regconfig
        WHEN 'de' THEN 'pg_catalog.german'::regconfig
        WHEN 'el' THEN 'pg_catalog.greek'::regconfig
        WHEN 'en' THEN 'pg_catalog.english'::regconfig
        WHEN 'es' THEN 'pg_catalog.spanish'::regconfig
        WHEN 'fi' THEN 'pg_catalog.finnish'::regconfig
        WHEN 'fr' THEN 'pg_catalog.french'::regconfig
        WHEN 'hi' THEN 'pg_catalog.hindi'::regconfig
        WHEN 'hu' THEN 'pg_catalog.hungarian'::regconfig
        WHEN 'hy' THEN 'pg_catalog.armenian'::regconfig
        WHEN 'id' THEN 'pg_catalog.indonesian'::regconfig
        WHEN 'it' THEN 'pg_catalog.italian'::regconfig
        WHEN 'nb' THEN 'pg_catalog.norwegian'::regconfig
        WHEN 'nl' THEN 'pg_catalog.dutch'::regconfig
        WHEN 'no' THEN 'pg_catalog.norwegian'::regconfig
        WHEN 'pt' THEN 'pg_catalog.portuguese'::regconfig
        WHEN 'ro' THEN 'pg_catalog.romanian'::regconfig
        WHEN 'ru' THEN 'pg_catalog.russian'::regconfig
        WHEN 'sr' THEN 'pg_catalog.serbian'::regconfig
        WHEN 'sv' THEN 'pg_catalog.swedish'::regconfig
        WHEN 'ta' THEN 'pg_catalog.tamil'::regconfig
        WHEN 'tr' THEN 'pg_catalog.turkish'::regconfig
        ELSE 'pg_catalog.simple'::regconfig
    END;
COMMENT ON FUNCTION app.text_config(text) IS 'full-text dictionary of a language code, simple where there is none';

CREATE FUNCTION app.text_vector(lang text, body text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_tsvector(app.text_config(lang), body);
COMMENT ON FUNCTION app.text_vector(text, text) IS 'full-text vector of a text in its language';

-- Triggers of many tables -------------------------------------------------------------------------------

CREATE FUNCTION app.touch() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.touch() IS 'trigger: keeps updated_at';

CREATE FUNCTION app.touch_lock() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    NEW.lock_version := OLD.lock_version + 1;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.touch_lock() IS 'trigger: keeps updated_at and raises lock_version';

-- Append-only tables. Foreign keys act as the table's owner from inside a trigger: their cascades may delete,
-- and their SET NULL may empty a reference, but nothing else of a row ever changes.
CREATE FUNCTION app.forbid_mutation() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user IN ('bb_owner', 'bb_purge') THEN
            RETURN OLD;
        END IF;
    ELSIF current_user = 'bb_owner' AND pg_trigger_depth() > 1
        AND jsonb_strip_nulls(to_jsonb(NEW)) <@ to_jsonb(OLD) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
END
$$;
COMMENT ON FUNCTION app.forbid_mutation() IS 'trigger: refuses changes to append-only tables';

GRANT EXECUTE ON FUNCTION
    app.uuid_v7(), app.uuid_v7_at(timestamptz), app.uuid_v7_ts(uuid), app.current_org(), app.current_user_id(),
    app.may_act_for(uuid), app.text_config(text), app.text_vector(text, text)
    TO bb_definer, bb_app, bb_auth, bb_worker, bb_purge, bb_admin, bb_report;

RESET ROLE;
