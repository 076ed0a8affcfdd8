-- Look-ups before a tenant is known, and searches. Operators that are not leakproof (full text, trigrams, arrays) are
-- not used as index conditions below a policy, so the searches run with the definer's rights and name the
-- organization themselves.
SET LOCAL ROLE bb_definer;

-- Loads the vector library: its settings are known, and may be set below, only then.
SELECT '[1]'::vector;

-- Look-ups ----------------------------------------------------------------------------------------------
-- They return ids and status only; what else is needed is read in the tenant's context afterwards.

CREATE FUNCTION app.lookup_token(prefix text, hash bytea)
    RETURNS TABLE (organization_id uuid, token_id uuid, user_id uuid, kind text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.organization_id, t.id, t.user_id, t.kind,
           CASE WHEN t.revoked_at IS NOT NULL OR t.deleted_at IS NOT NULL THEN 'revoked'
                WHEN t.expires_at <= now() OR t.grace_until <= now() THEN 'expired'
                ELSE 'active' END
      FROM api_tokens t
     WHERE t.token_prefix = prefix AND t.token_hash = hash
$$;
COMMENT ON FUNCTION app.lookup_token(text, bytea) IS 'an API token by its prefix and digest: active, revoked or expired';

CREATE FUNCTION app.lookup_channel(public_id text)
    RETURNS TABLE (organization_id uuid, channel_id uuid, bot_id uuid, type text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.organization_id, c.id, c.bot_id, c.type, c.status
      FROM channels c
     WHERE c.public_id = lookup_channel.public_id AND c.deleted_at IS NULL
$$;
COMMENT ON FUNCTION app.lookup_channel(text) IS 'a channel by the public id in its webhook address';

CREATE FUNCTION app.lookup_channel_account(type text, provider_account_id text)
    RETURNS TABLE (organization_id uuid, channel_id uuid, bot_id uuid, type text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.organization_id, c.id, c.bot_id, c.type, c.status
      FROM channels c
     WHERE c.type = $1 AND c.provider_account_id = $2
       AND c.deleted_at IS NULL AND c.status <> 'disconnected'
$$;
COMMENT ON FUNCTION app.lookup_channel_account(text, text) IS 'the connected channel of a provider account';

CREATE FUNCTION app.lookup_widget(public_key text)
    RETURNS TABLE (organization_id uuid, widget_id uuid, bot_id uuid, channel_id uuid, type text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT w.organization_id, w.id, w.bot_id, w.channel_id, 'web',
           CASE WHEN NOT w.is_enabled OR b.deleted_at IS NOT NULL THEN 'disabled' ELSE 'enabled' END
      FROM widget_configs w
      JOIN bots b ON b.organization_id = w.organization_id AND b.id = w.bot_id
     WHERE w.public_key = lookup_widget.public_key
$$;
COMMENT ON FUNCTION app.lookup_widget(text) IS 'a web widget by the key in its page: enabled or disabled';

CREATE FUNCTION app.lookup_domain(domain text)
    RETURNS TABLE (organization_id uuid, domain_id uuid, configuration_id uuid, protocol text, is_enforced boolean,
                   status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT d.organization_id, d.id, s.id, s.protocol, s.is_enforced, s.status
      FROM sso_domains d
      JOIN sso_configurations s ON s.organization_id = d.organization_id AND s.id = d.configuration_id
     WHERE lower(d.domain) = lower(lookup_domain.domain) AND d.status = 'verified' AND s.deleted_at IS NULL
$$;
COMMENT ON FUNCTION app.lookup_domain(text) IS 'the identity provider of a verified e-mail domain';

CREATE FUNCTION app.lookup_host(host text)
    RETURNS TABLE (organization_id uuid, whitelabel_id uuid, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT w.organization_id, w.id, w.tls_status
      FROM whitelabel_settings w
     WHERE lower(w.custom_domain) = lower(host) AND w.domain_status = 'verified'
$$;
COMMENT ON FUNCTION app.lookup_host(text) IS 'the organization of a verified custom domain, with the state of its certificate';

GRANT EXECUTE ON FUNCTION app.lookup_token(text, bytea), app.lookup_domain(text) TO bb_auth;
GRANT EXECUTE ON FUNCTION app.lookup_channel(text), app.lookup_channel_account(text, text), app.lookup_widget(text),
    app.lookup_host(text) TO bb_app, bb_auth, bb_worker;

-- Searches ----------------------------------------------------------------------------------------------
-- A cursor is the id of the last row of the page before.

-- filter: channel_id, bot_id, conversation_id, contact_id, direction, status, from, to.
CREATE FUNCTION app.search_messages(query text, filter jsonb DEFAULT '{}', cursor uuid DEFAULT NULL,
                                    page_size integer DEFAULT 50)
    RETURNS TABLE (id uuid, created_at timestamptz, conversation_id uuid, channel_id uuid, contact_id uuid, bot_id uuid,
                   direction text, kind text, status text, text text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT m.id, m.created_at, m.conversation_id, m.channel_id, m.contact_id, m.bot_id, m.direction, m.kind, m.status,
           m.text
      FROM channel_messages m
     WHERE m.organization_id = app.current_org()
       AND to_tsvector('simple', coalesce(m.text, '')) @@ websearch_to_tsquery('simple', query)
       AND (NOT filter ? 'channel_id' OR m.channel_id = (filter ->> 'channel_id')::uuid)
       AND (NOT filter ? 'bot_id' OR m.bot_id = (filter ->> 'bot_id')::uuid)
       AND (NOT filter ? 'conversation_id' OR m.conversation_id = (filter ->> 'conversation_id')::uuid)
       AND (NOT filter ? 'contact_id' OR m.contact_id = (filter ->> 'contact_id')::uuid)
       AND (NOT filter ? 'direction' OR m.direction = filter ->> 'direction')
       AND (NOT filter ? 'status' OR m.status = filter ->> 'status')
       AND m.created_at >= coalesce((filter ->> 'from')::timestamptz, '-infinity')
       AND m.created_at < coalesce((filter ->> 'to')::timestamptz, 'infinity')
       AND (cursor IS NULL OR (m.created_at, m.id) < (app.uuid_v7_ts(cursor), cursor))
     ORDER BY m.created_at DESC, m.id DESC
     LIMIT least(greatest(page_size, 1), 200)
$$;
COMMENT ON FUNCTION app.search_messages(text, jsonb, uuid, integer) IS 'messages of the current organization by their words, newest first';

-- Finds names by likeness, addresses by their beginning or exactly; an empty query matches all. All tags must be there.
CREATE FUNCTION app.search_contacts(query text, tags text[] DEFAULT '{}', cursor uuid DEFAULT NULL,
                                    page_size integer DEFAULT 50)
    RETURNS TABLE (id uuid, channel_id uuid, external_id text, display_name text, username text, phone text, email citext,
                   tags text[], last_seen_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.id, c.channel_id, c.external_id, c.display_name, c.username, c.phone, c.email, c.tags, c.last_seen_at
      FROM channel_contacts c
     WHERE c.organization_id = app.current_org()
       AND c.deleted_at IS NULL
       AND (coalesce(query, '') = ''
            OR c.display_name ILIKE '%' || replace(replace(replace(query, '\', '\\'), '%', '\%'), '_', '\_') || '%'
            OR starts_with(lower(c.username), lower(query))
            OR starts_with(c.phone, query)
            OR c.email = query::citext
            OR c.external_id = query)
       AND (coalesce(cardinality(search_contacts.tags), 0) = 0 OR c.tags @> search_contacts.tags)
       AND (cursor IS NULL OR (c.last_seen_at, c.id) < (
            SELECT p.last_seen_at, p.id FROM channel_contacts p
             WHERE p.id = cursor AND p.organization_id = app.current_org()))
     ORDER BY c.last_seen_at DESC, c.id DESC
     LIMIT least(greatest(page_size, 1), 200)
$$;
COMMENT ON FUNCTION app.search_contacts(text, text[], uuid, integer) IS 'contacts of the current organization, last seen first';

CREATE FUNCTION app.search_examples(bot uuid, query text, k integer DEFAULT 20)
    RETURNS TABLE (example_id uuid, intent_id uuid, text text, similarity real)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.id, e.intent_id, e.text, similarity(e.text, query) AS likeness
      FROM intent_examples e
      JOIN intents i ON i.organization_id = e.organization_id AND i.id = e.intent_id
     WHERE e.organization_id = app.current_org() AND e.bot_id = bot AND i.deleted_at IS NULL
       AND e.text % query
     ORDER BY likeness DESC, e.id
     LIMIT least(greatest(k, 1), 200)
$$;
COMMENT ON FUNCTION app.search_examples(uuid, text, integer) IS 'training utterances of a bot that look like a text';

CREATE FUNCTION app.search_plugins(query text, category text DEFAULT NULL, cursor uuid DEFAULT NULL,
                                   page_size integer DEFAULT 50)
    RETURNS TABLE (id uuid, slug text, name text, summary text, kind text, rating_avg numeric, rating_count integer,
                   install_count integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT p.id, p.slug, p.name, p.summary, p.kind, p.rating_avg, p.rating_count, p.install_count
      FROM plugins p
     WHERE p.status = 'published' AND p.deleted_at IS NULL
       AND (coalesce(query, '') = '' OR p.search_tsv @@ websearch_to_tsquery('english', query))
       AND (category IS NULL OR p.category_id = (SELECT c.id FROM plugin_categories c WHERE c.slug = category))
       AND (cursor IS NULL OR (p.install_count, p.id) < (SELECT l.install_count, l.id FROM plugins l WHERE l.id = cursor))
     ORDER BY p.install_count DESC, p.id DESC
     LIMIT least(greatest(page_size, 1), 200)
$$;
COMMENT ON FUNCTION app.search_plugins(text, text, uuid, integer) IS 'published plugins, most installed first';

-- Hybrid search in knowledge bases: the 50 nearest by vector and the 50 best by words; both scores for the union of
-- the two, standardised and added with the weights of the knowledge base (or, over several, one half each). Where
-- one side finds nothing, by reciprocal rank. A document with an audience is found only by whom it names.
--
-- Up to 5 000 passages are compared exactly: an index scan below a filter would miss some, and is no faster. Above
-- that the index is asked until it has found enough; the scan gives its rows in a relaxed order, so they are sorted
-- once more. Words are joined by OR and only the eight longest count, which bounds the cost of long questions.
CREATE FUNCTION app.search_chunks(kb_ids uuid[], query text, lang text, embedding halfvec, k integer,
                                  audiences text[] DEFAULT '{}')
    RETURNS TABLE (chunk_id uuid, document_id uuid, knowledge_base_id uuid, document_name text, heading_path text,
                   page_no integer, seq integer, content text, vector_score double precision,
                   text_score double precision, score double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET hnsw.ef_search = 100
    SET hnsw.iterative_scan = relaxed_order
    SET hnsw.max_scan_tuples = 100000 AS $$
DECLARE
    org constant uuid := app.current_org();
    side constant integer := greatest(50, least(k, 200));
    bases uuid[];
    passages bigint;
    weight_vector double precision := 0.5;
    weight_text double precision := 0.5;
    words tsquery;
    near uuid[] := '{}';
    matching uuid[] := '{}';
    visible constant text := $sql$(
        SELECT d.deleted_at IS NULL AND (d.audience = '{}' OR d.audience && $4)
          FROM documents d WHERE d.organization_id = c.organization_id AND d.id = c.document_id)$sql$;
    current_passages constant text := $sql$
          FROM chunks c JOIN knowledge_bases b
            ON b.organization_id = c.organization_id AND b.id = c.knowledge_base_id AND b.generation = c.generation
         WHERE c.organization_id = $2 AND c.knowledge_base_id = ANY ($3)$sql$;
BEGIN
    SELECT array_agg(b.id), sum(b.chunk_count) INTO bases, passages
      FROM knowledge_bases b
     WHERE b.organization_id = org AND b.id = ANY (kb_ids) AND b.deleted_at IS NULL;
    IF bases IS NULL OR k < 1 THEN
        RETURN;
    END IF;
    IF cardinality(bases) = 1 THEN
        SELECT coalesce((b.settings #>> '{weights,vector}')::double precision, 0.5),
               coalesce((b.settings #>> '{weights,text}')::double precision, 0.5)
          INTO weight_vector, weight_text
          FROM knowledge_bases b WHERE b.id = bases[1];
    END IF;

    IF embedding IS NOT NULL THEN
        IF passages <= 5000 THEN
            EXECUTE format($sql$
                WITH candidates AS MATERIALIZED (
                    SELECT c.id, c.embedding %s AND vector_dims(c.embedding) = vector_dims($1) AND %s)
                SELECT array_agg(id ORDER BY distance)
                  FROM (SELECT id, embedding <=> $1 AS distance FROM candidates ORDER BY distance LIMIT $5) nearest
                $sql$, current_passages, visible)
                INTO near USING embedding, org, bases, audiences, side;
        ELSE
            EXECUTE format($sql$
                SELECT array_agg(id ORDER BY distance)
                  FROM (SELECT c.id, c.embedding::halfvec(%1$s) <=> $1::halfvec(%1$s) AS distance
                          FROM chunks c
                         WHERE c.organization_id = $2 AND c.knowledge_base_id = ANY ($3)
                           AND vector_dims(c.embedding) = %1$s
                           AND c.generation = (SELECT b.generation FROM knowledge_bases b WHERE b.id = c.knowledge_base_id)
                           AND %2$s
                         ORDER BY c.embedding::halfvec(%1$s) <=> $1::halfvec(%1$s)
                         LIMIT $5) nearest
                $sql$, vector_dims(embedding), visible)
                INTO near USING embedding, org, bases, audiences, side;
        END IF;
    END IF;

    SELECT string_agg(quote_literal(w.lexeme), ' | ')::tsquery INTO words
      FROM (SELECT t.lexeme FROM unnest(app.text_vector(lang, query)) t ORDER BY length(t.lexeme) DESC, t.lexeme LIMIT 8) w;
    IF words IS NOT NULL THEN
        EXECUTE format($sql$
            SELECT array_agg(id ORDER BY rank DESC)
              FROM (SELECT c.id, ts_rank(c.content_tsv, $1, 1) AS rank %s AND c.content_tsv @@ $1 AND %s
                     ORDER BY rank DESC, c.id LIMIT $5) best
            $sql$, current_passages, visible)
            INTO matching USING words, org, bases, audiences, side;
    END IF;
    near := coalesce(near, '{}');
    matching := coalesce(matching, '{}');

    RETURN QUERY
    WITH found AS (
        SELECT c.*,
               CASE WHEN search_chunks.embedding IS NOT NULL AND c.embedding IS NOT NULL
                         AND vector_dims(c.embedding) = vector_dims(search_chunks.embedding)
                    THEN 1 - (c.embedding <=> search_chunks.embedding) END AS cosine,
               CASE WHEN words IS NOT NULL THEN ts_rank(c.content_tsv, words, 1)::double precision END AS rank
          FROM chunks c
         WHERE c.organization_id = org AND c.id = ANY (near || matching)
    ), scored AS (
        SELECT f.*,
               CASE WHEN near = '{}' OR matching = '{}' THEN
                   coalesce(1.0 / (60 + array_position(near, f.id)), 0)
                   + coalesce(1.0 / (60 + array_position(matching, f.id)), 0)
               ELSE
                   weight_vector * coalesce((f.cosine - avg(f.cosine) OVER ()) / nullif(stddev_pop(f.cosine) OVER (), 0), 0)
                   + weight_text * coalesce((f.rank - avg(f.rank) OVER ()) / nullif(stddev_pop(f.rank) OVER (), 0), 0)
               END AS total
          FROM found f
    )
    SELECT s.id, s.document_id, s.knowledge_base_id, d.name, s.heading_path, s.page_no, s.seq, s.content, s.cosine, s.rank,
           s.total::double precision
      FROM scored s
      JOIN documents d ON d.organization_id = s.organization_id AND d.id = s.document_id
     ORDER BY s.total DESC, s.id
     LIMIT k;
END
$$;
COMMENT ON FUNCTION app.search_chunks(uuid[], text, text, halfvec, integer, text[])
    IS 'passages of knowledge bases of the current organization by meaning and words, best first';

GRANT EXECUTE ON FUNCTION app.search_messages(text, jsonb, uuid, integer), app.search_contacts(text, text[], uuid, integer),
    app.search_examples(uuid, text, integer), app.search_plugins(text, text, uuid, integer),
    app.search_chunks(uuid[], text, text, halfvec, integer, text[]) TO bb_app;

RESET ROLE;

-- The indexes belong to the owner of their tables.
SET LOCAL ROLE bb_owner;
CREATE FUNCTION app.ensure_vector_index(table_name text, dims integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF table_name NOT IN ('chunks', 'intent_examples', 'clone_training_data') OR dims NOT BETWEEN 1 AND 4000 THEN
        RAISE EXCEPTION 'no vector index of % dimensions on %', dims, table_name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('app.ensure_vector_index:' || table_name, 0));
    IF EXISTS (SELECT FROM pg_indexes i
                WHERE i.schemaname = 'public' AND i.tablename = table_name
                  AND i.indexdef LIKE '%USING hnsw%' AND i.indexdef LIKE format('%%halfvec(%s)%%', dims)) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX %1$I ON public.%2$I USING hnsw ((embedding::halfvec(%3$s)) halfvec_cosine_ops)
                    WITH (m = 16, ef_construction = 64) WHERE vector_dims(embedding) = %3$s',
                   format('ix_%s_hnsw_%s', table_name, dims), table_name, dims);
    RETURN true;
END
$$;
COMMENT ON FUNCTION app.ensure_vector_index(text, integer)
    IS 'the index for vectors of a length, before the first row of that length; false if it is there';
GRANT EXECUTE ON FUNCTION app.ensure_vector_index(text, integer) TO bb_app, bb_worker, bb_admin;

RESET ROLE;
