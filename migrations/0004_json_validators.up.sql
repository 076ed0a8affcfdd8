-- Validators of JSON documents, used in CHECK constraints. The types of the program are the full schema; these
-- are the last line of defence, so they check structure and refuse unknown keys, and leave meaning to the program.
-- All are IMMUTABLE and return false, never an error, for a document they do not accept.
SET LOCAL ROLE bb_owner;

-- Whether a JSON value is of a type: text, number, integer, boolean, object, array, text[], object[], any; several
-- joined by |, and a trailing ? also accepts null.
CREATE FUNCTION app.json_is(value jsonb, type text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    kind constant text := jsonb_typeof(value);
    alternative text;
    fits boolean;
BEGIN
    IF value IS NULL OR type IS NULL THEN
        RETURN false;
    END IF;
    IF right(type, 1) = '?' THEN
        IF kind = 'null' THEN
            RETURN true;
        END IF;
        type := left(type, -1);
    END IF;
    FOREACH alternative IN ARRAY string_to_array(type, '|') LOOP
        fits := CASE alternative
            WHEN 'any' THEN true
            WHEN 'text' THEN kind = 'string'
            WHEN 'integer' THEN kind = 'number' AND value::numeric = trunc(value::numeric)
            WHEN 'text[]' THEN kind = 'array' AND NOT jsonb_path_exists(value, 'strict $[*] ? (@.type() != "string")')
            WHEN 'object[]' THEN kind = 'array' AND NOT jsonb_path_exists(value, 'strict $[*] ? (@.type() != "object")')
            ELSE kind = alternative
        END;
        IF fits THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION app.json_is(jsonb, text) IS 'whether a JSON value is of the named type';

-- The keys of every kind of settings, and the type of each. Amounts of time carry their unit in the name.
CREATE FUNCTION app.settings_keys(kind text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE kind
        WHEN 'organization' THEN jsonb_build_object(
            'business_hours', 'object',          -- time zone, weekly hours, holidays
            'require_2fa', 'boolean',            -- members without a second factor see enrolment only
            'allowed_email_domains', 'text[]',   -- who may be invited
            'session_idle_minutes', 'integer',
            'session_absolute_minutes', 'integer',
            'default_language', 'text',
            'currency', 'text',
            'opt_out_words', 'text[]',           -- words by which a contact ends campaign messages
            'opt_in_words', 'text[]',
            'assignment', 'object',              -- how a hand-off finds a member
            'notifications', 'object',
            'security', 'object',
            'audit_months', 'integer',           -- longer than the default, if the plan allows
            'labels', 'object')
        WHEN 'bot' THEN jsonb_build_object(
            'business_hours', 'object',          -- overrides the organization's
            'budget', 'object',                  -- steps, messages, seconds, HTTP calls, tokens, micros of a turn
            'keywords', 'object|array',
            'start_keywords', 'text[]',
            'handoff', 'object',
            'handoff_keywords', 'text[]',
            'typing_indicator', 'boolean',
            'typing_delay_ms', 'integer',
            'session_ttl_seconds', 'integer',
            'conversation_timeout_seconds', 'integer',
            'reply_max_age_seconds', 'integer',
            'languages', 'text[]',
            'translations', 'object',
            'nlu', 'object',
            'fallback', 'object',
            'constants', 'object',               -- variables of scope bot
            'csat', 'object',
            'safety', 'object',
            'labels', 'object')
        WHEN 'channel' THEN jsonb_build_object(
            'base_url', 'text',                  -- of the provider's API
            'api_version', 'text',
            'phone_number_id', 'text',
            'waba_id', 'text',
            'app_id', 'text',
            'page_id', 'text',
            'ig_user_id', 'text',
            'team_id', 'text',
            'bot_user_id', 'text',
            'bot_username', 'text',
            'verify_token_hint', 'text',
            'outside_window', 'text|object',     -- refuse, hold, or template with its mapping
            'retry', 'object',
            'allowed_updates', 'text[]',
            'parse_mode', 'text?',
            'greeting', 'text|object',
            'media_hosts', 'text[]',
            'link_preview', 'boolean',
            'mark_read', 'boolean',
            'typing_indicator', 'boolean',
            'join_parts_ms', 'integer',          -- wait for the rest of an album or a burst
            'reply_in_thread', 'boolean',
            'group_mode', 'text',
            'commands', 'object[]',
            'default_language', 'text',
            'expires_after_seconds', 'integer',
            'ordered', 'boolean',
            'polling', 'boolean',
            'webhook', 'object',
            'limits', 'object',
            'labels', 'object')
        WHEN 'knowledge_base' THEN jsonb_build_object(
            'weights', 'object',                 -- vector and text, 0.5 each if unset
            'top_k', 'integer',
            'min_score', 'number',
            'max_pages', 'integer',
            'max_depth', 'integer',
            'include', 'text[]',
            'exclude', 'text[]',
            'respect_robots', 'boolean',
            'refresh_hours', 'integer',
            'ocr', 'boolean',
            'answer', 'object',
            'labels', 'object')
        WHEN 'agent_retrieval' THEN jsonb_build_object(
            'top_k', 'integer',
            'min_score', 'number',
            'max_tokens', 'integer',
            'cite', 'boolean',
            'rewrite_query', 'boolean',
            'required', 'boolean',               -- no answer without a passage
            'no_answer', 'text',
            'filters', 'object',
            'audiences', 'text[]')
        WHEN 'workflow' THEN jsonb_build_object(
            'steps', 'object[]',
            'branches', 'object[]',
            'stages', 'object[]',
            'router', 'object',
            'condition', 'text',
            'join', 'text|object',               -- all, first, vote, merge
            'output', 'text|object',
            'on_error', 'text',
            'max_parallel', 'integer',
            'variables', 'object')
        WHEN 'widget_theme' THEN jsonb_build_object(
            'primary_color', 'text',
            'text_color', 'text',
            'background_color', 'text',
            'bubble_color', 'text',
            'font_family', 'text',
            'font_size', 'number',
            'radius', 'number',
            'position', 'text',
            'offset_x', 'number',
            'offset_y', 'number',
            'z_index', 'integer',
            'width', 'number',
            'height', 'number',
            'launcher_icon', 'text',
            'launcher_text', 'text',
            'avatar_url', 'text',
            'logo_url', 'text',
            'title', 'text',
            'subtitle', 'text',
            'dark_mode', 'text|boolean',
            'colors', 'object')
        WHEN 'widget_behaviour' THEN jsonb_build_object(
            'open_after_seconds', 'number?',
            'open_on_scroll_percent', 'number?',
            'show_typing', 'boolean',
            'sound', 'boolean',
            'remember_days', 'integer',
            'start_buttons', 'array',
            'placeholder', 'text',
            'hide_on_paths', 'text[]',
            'show_on_paths', 'text[]',
            'offline_form', 'boolean|object',
            'business_hours', 'object',
            'rating', 'boolean|object',
            'transcript', 'boolean',
            'markdown', 'boolean',
            'allowed_upload_types', 'text[]',
            'consent', 'object',
            'proactive', 'array')
        WHEN 'voice' THEN jsonb_build_object(
            'codecs', 'text[]',
            'vad', 'object',
            'endpoint_ms', 'integer',
            'silence_prompts', 'text[]',
            'dtmf', 'boolean|object',
            'ambient', 'text',
            'speed', 'number',
            'pitch', 'number',
            'recording_days', 'integer',
            'voicemail', 'boolean|object',
            'summary', 'boolean',
            'sentiment', 'boolean',
            'transfer', 'object',
            'sip', 'object',
            'webrtc', 'object',
            'pronunciations', 'object')
        WHEN 'clone' THEN jsonb_build_object(
            'languages', 'text[]',
            'min_similarity', 'number',
            'samples', 'integer',
            'signature', 'text',
            'avoid_phrases', 'text[]',
            'label_drafts', 'boolean')
        WHEN 'plan_limits' THEN jsonb_build_object(   -- null is unlimited
            'bots', 'integer?',
            'channels', 'integer?',
            'seats', 'integer?',
            'contacts', 'integer?',
            'messages_month', 'integer?',
            'model_tokens_month', 'integer?',
            'voice_minutes_month', 'integer?',
            'storage_mb', 'integer?',
            'knowledge_bases', 'integer?',
            'campaigns', 'integer?',
            'api_rate', 'integer?')
        WHEN 'integration' THEN jsonb_build_object(
            'base_url', 'text',
            'url', 'text',
            'api_version', 'text',
            'model', 'text',
            'models', 'array',
            'region', 'text',
            'account', 'text',
            'project', 'text',
            'organization', 'text',
            'shop', 'text',
            'host', 'text',
            'port', 'integer',
            'database', 'text',
            'bucket', 'text',
            'prefix', 'text',
            'from_address', 'text',
            'from_name', 'text',
            'voice', 'text',
            'language', 'text',
            'timeout_ms', 'integer',
            'max_retries', 'integer',
            'rate_per_minute', 'integer',
            'headers', 'object',
            'query', 'object',
            'mapping', 'object',
            'sync', 'object',
            'options', 'object')
        WHEN 'plugin_manifest' THEN jsonb_build_object(
            'schema', 'integer',
            'name', 'text',
            'entry', 'text',
            'endpoint', 'text',
            'hooks', 'array',
            'nodes', 'object[]',
            'tools', 'object[]',
            'schedule', 'text|object|array',
            'settings_schema', 'object',
            'templates', 'object|array',
            'hosts', 'text[]',
            'limits', 'object',
            'assets', 'array',
            'locales', 'object')
        WHEN 'sso_attributes' THEN jsonb_build_object( -- name of the provider's attribute, or several to try
            'user_id', 'text|text[]',
            'email', 'text|text[]',
            'name', 'text|text[]',
            'given_name', 'text|text[]',
            'family_name', 'text|text[]',
            'groups', 'text|text[]',
            'locale', 'text|text[]',
            'timezone', 'text|text[]',
            'title', 'text|text[]',
            'phone', 'text|text[]',
            'avatar_url', 'text|text[]')
        WHEN 'recovery_trigger' THEN jsonb_build_object(
            'event_types', 'text[]',
            'sources', 'text[]',
            'min_value', 'number?',
            'max_value', 'number?',
            'currency', 'text',
            'after_minutes', 'integer',
            'inactive_days', 'integer',
            'days_before', 'integer',
            'health', 'object',
            'condition', 'text',
            'match', 'object')
        WHEN 'recovery_audience' THEN jsonb_build_object(
            'include_tags', 'text[]',
            'exclude_tags', 'text[]',
            'segments', 'text[]',
            'countries', 'text[]',
            'languages', 'text[]',
            'consent', 'text|text[]',
            'min_lifetime_value', 'number?',
            'max_lifetime_value', 'number?',
            'new_customers', 'boolean',
            'condition', 'text',
            'attributes', 'object')
        WHEN 'recovery_incentive' THEN jsonb_build_object(
            'kind', 'text',                      -- none, percent, amount, free_shipping, custom
            'percent', 'number',
            'amount', 'integer',
            'currency', 'text',
            'code', 'text',
            'code_prefix', 'text',
            'unique_codes', 'boolean',
            'valid_hours', 'integer',
            'min_order', 'integer',
            'max_uses', 'integer',
            'provider', 'text',
            'description', 'text')
        WHEN 'health_factors' THEN jsonb_build_object( -- a number, or score, weight and inputs
            'engagement', 'number|object?',
            'financial', 'number|object?',
            'satisfaction', 'number|object?',
            'tenure', 'number|object?',
            'activity', 'number|object?')
    END;
COMMENT ON FUNCTION app.settings_keys(text) IS 'allowed keys of a kind of settings with their types; NULL for an unknown kind';

CREATE FUNCTION app.valid_settings(kind text, doc jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    allowed jsonb;
BEGIN
    -- Most rows keep the default, and a CHECK runs at every update of its row.
    IF doc = '{}'::jsonb THEN
        RETURN true;
    END IF;
    allowed := app.settings_keys(kind);
    IF doc IS NULL OR allowed IS NULL OR jsonb_typeof(doc) <> 'object' THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (
        SELECT FROM jsonb_each(doc) entry WHERE NOT app.json_is(entry.value, allowed ->> entry.key));
END
$$;
COMMENT ON FUNCTION app.valid_settings(text, jsonb) IS 'whether settings hold only the keys of their kind, each of its type';

-- Content of an authored message: at least one of text, media, template and interactive. Limits are those of the
-- widest channel; each channel cuts down to its own.
CREATE FUNCTION app.valid_message(doc jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    known constant jsonb := jsonb_build_object(
        'text', 'text', 'media', 'object|object[]', 'template', 'object', 'interactive', 'object',
        'buttons', 'object[]', 'quick_replies', 'object[]', 'location', 'object');
    buttons jsonb;
    row_count bigint;
BEGIN
    IF doc IS NULL OR jsonb_typeof(doc) <> 'object' OR NOT doc ?| ARRAY['text', 'media', 'template', 'interactive'] THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM jsonb_each(doc) entry
                WHERE known ? entry.key AND NOT app.json_is(entry.value, known ->> entry.key)) THEN
        RETURN false;
    END IF;
    IF doc ? 'text' AND (doc ->> 'text' = '' OR char_length(doc ->> 'text') > 40000) THEN
        RETURN false;
    END IF;
    IF doc -> 'media' = '[]'::jsonb OR doc -> 'template' = '{}'::jsonb OR doc -> 'interactive' = '{}'::jsonb THEN
        RETURN false;
    END IF;
    IF jsonb_typeof(doc -> 'media') = 'array' AND jsonb_array_length(doc -> 'media') > 10 THEN
        RETURN false;
    END IF;
    FOREACH buttons IN ARRAY ARRAY[doc -> 'buttons', doc -> 'quick_replies', doc #> '{interactive,buttons}'] LOOP
        CONTINUE WHEN buttons IS NULL;
        IF NOT app.json_is(buttons, 'object[]') OR jsonb_array_length(buttons) NOT BETWEEN 1 AND 13 THEN
            RETURN false;
        END IF;
        IF EXISTS (SELECT FROM jsonb_array_elements(buttons) b
                    WHERE coalesce(char_length(coalesce(b ->> 'title', b ->> 'text')), 0) NOT BETWEEN 1 AND 80
                       OR char_length(coalesce(b ->> 'id', b ->> 'payload', '')) > 256) THEN
            RETURN false;
        END IF;
    END LOOP;
    IF doc #> '{interactive,sections}' IS NOT NULL THEN
        IF NOT app.json_is(doc #> '{interactive,sections}', 'object[]')
            OR jsonb_array_length(doc #> '{interactive,sections}') NOT BETWEEN 1 AND 10 THEN
            RETURN false;
        END IF;
        SELECT count(*) INTO row_count FROM jsonb_path_query(doc, '$.interactive.sections[*].rows[*]');
        RETURN row_count BETWEEN 1 AND 100;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION app.valid_message(jsonb) IS 'whether the content of an authored message has something to send and keeps the limits';

-- The value of a transition's trigger fits its type.
CREATE FUNCTION app.valid_transition(type text, doc jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    allowed jsonb;
BEGIN
    allowed := CASE type
        WHEN 'always' THEN '{}'
        WHEN 'on_complete' THEN '{"outcome": "text"}'
        WHEN 'on_condition' THEN '{"expression": "text"}'
        WHEN 'on_intent' THEN '{"intent": "text", "min_confidence": "number"}'
        WHEN 'on_keyword' THEN '{"keywords": "text[]", "match": "text"}'
        WHEN 'on_event' THEN '{"event": "text", "match": "object"}'
        WHEN 'on_timeout' THEN '{"seconds": "integer"}'
        WHEN 'on_error' THEN '{"codes": "text[]"}'
    END::jsonb;
    IF doc IS NULL OR allowed IS NULL OR jsonb_typeof(doc) <> 'object' THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM jsonb_each(doc) entry WHERE NOT app.json_is(entry.value, allowed ->> entry.key)) THEN
        RETURN false;
    END IF;
    RETURN CASE type
        WHEN 'on_condition' THEN coalesce(doc ->> 'expression', '') <> ''
        WHEN 'on_intent' THEN coalesce(doc ->> 'intent', '') <> ''
            AND coalesce((doc ->> 'min_confidence')::numeric, 0) BETWEEN 0 AND 1
        WHEN 'on_keyword' THEN doc ? 'keywords' AND doc -> 'keywords' <> '[]'::jsonb
            AND coalesce(doc ->> 'match', 'exact') IN ('exact', 'contains', 'pattern')
        WHEN 'on_event' THEN coalesce(doc ->> 'event', '') <> ''
        WHEN 'on_timeout' THEN coalesce((doc ->> 'seconds')::numeric, 0) BETWEEN 1 AND 2592000
        ELSE true
    END;
END
$$;
COMMENT ON FUNCTION app.valid_transition(text, jsonb) IS 'whether the value of a flow transition fits its trigger type';

-- Each entry is *, area:* or area:verb.
CREATE FUNCTION app.valid_permissions(permissions text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN permissions IS NOT NULL AND array_position(permissions, NULL) IS NULL AND coalesce((
        SELECT bool_and(entry = '*' OR (
                   split_part(entry, ':', 1) = ANY (ARRAY[
                       'organization', 'member', 'role', 'billing', 'audit', 'token', 'integration', 'webhook', 'sso',
                       'plugin', 'bot', 'flow', 'nlu', 'agent', 'tool', 'knowledge', 'model', 'experiment', 'channel',
                       'contact', 'conversation', 'template', 'widget', 'voice', 'clone', 'recovery', 'health',
                       'usage', 'analytics'])
                   AND substr(entry, strpos(entry, ':') + 1) = ANY (ARRAY[
                       '*', 'read', 'write', 'delete', 'publish', 'execute', 'assign', 'manage'])
                   AND strpos(entry, ':') > 0))
          FROM unnest(permissions) entry), true);
COMMENT ON FUNCTION app.valid_permissions(text[]) IS 'whether each entry is *, area:* or area:verb';

-- 2 to 6 variants {key, name, weight_bp, is_control, config}: unique keys, one control, weights add up to 10000.
CREATE FUNCTION app.valid_ab_variants(variants jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    allowed constant jsonb := jsonb_build_object(
        'key', 'text', 'name', 'text', 'weight_bp', 'integer', 'is_control', 'boolean', 'config', 'object');
BEGIN
    IF NOT app.json_is(variants, 'object[]') OR jsonb_array_length(variants) NOT BETWEEN 2 AND 6 THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(variants) v, jsonb_each(v) entry
                WHERE NOT app.json_is(entry.value, allowed ->> entry.key)) THEN
        RETURN false;
    END IF;
    RETURN (
        SELECT bool_and(coalesce(v ->> 'key', '') ~ '^[A-Za-z0-9_-]{1,32}$'
                        AND coalesce((v ->> 'weight_bp')::numeric, -1) BETWEEN 0 AND 10000)
               AND count(DISTINCT v ->> 'key') = count(*)
               AND count(*) FILTER (WHERE v -> 'is_control' = 'true'::jsonb) = 1
               AND sum((v ->> 'weight_bp')::numeric) = 10000
          FROM jsonb_array_elements(variants) v);
END
$$;
COMMENT ON FUNCTION app.valid_ab_variants(jsonb) IS 'whether the variants of an experiment are complete';

-- At most 10 steps {delay_minutes, channels, content | template_id | personalize, incentive, stop_if}, delays not
-- decreasing.
CREATE FUNCTION app.valid_recovery_steps(steps jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    allowed constant jsonb := jsonb_build_object(
        'delay_minutes', 'integer', 'channels', 'text[]', 'content', 'object|text', 'subject', 'text',
        'template_id', 'text', 'variables', 'object', 'personalize', 'boolean|object', 'incentive', 'object?',
        'stop_if', 'text|object|array', 'name', 'text');
    step jsonb;
    delay numeric;
    last_delay numeric := 0;
BEGIN
    IF NOT app.json_is(steps, 'object[]') OR jsonb_array_length(steps) > 10 THEN
        RETURN false;
    END IF;
    FOR step IN SELECT s.value FROM jsonb_array_elements(steps) WITH ORDINALITY s ORDER BY s.ordinality LOOP
        IF EXISTS (SELECT FROM jsonb_each(step) entry WHERE NOT app.json_is(entry.value, allowed ->> entry.key)) THEN
            RETURN false;
        END IF;
        delay := (step ->> 'delay_minutes')::numeric;
        IF delay IS NULL OR delay < last_delay OR NOT step ?| ARRAY['content', 'template_id', 'personalize'] THEN
            RETURN false;
        END IF;
        last_delay := delay;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION app.valid_recovery_steps(jsonb) IS 'whether the steps of a recovery campaign are complete and in order';

-- A flow {schema: 1, nodes: [{id, type, position, data}], edges: [{id, source, target, port}], variables: []}.
-- Drafts may be incomplete: only broken structure is refused. Strict, for what is published: one start without
-- incoming edges, edges that join existing nodes with one edge a port, every node reachable, no cycle without a
-- node that waits. Whether ports exist, are connected or defaulted, and whether referenced flows, agents, intents
-- and tools are live is known to the program alone.
CREATE FUNCTION app.valid_flow(doc jsonb, strict boolean) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    node_types constant text[] := ARRAY[
        'start', 'message', 'question', 'menu', 'input', 'condition', 'switch', 'set_variable', 'api_call', 'webhook',
        'ai_response', 'knowledge_answer', 'nlu_router', 'agent_workflow', 'delay', 'wait_for_event', 'email',
        'tag_contact', 'ab_split', 'handoff', 'call_flow', 'goto', 'end'];
    waiting_types constant text[] := ARRAY['question', 'menu', 'input', 'delay', 'wait_for_event'];
    nodes jsonb;
    edges jsonb;
    node_ids text[];
    types text[];
    sources integer[];      -- edges, by position of the node, sorted by source
    targets integer[];
    first_edge integer[];   -- where the edges of a node begin
    incoming integer[];     -- edges from nodes that do not wait, not yet followed
    queue integer[];
    seen boolean[];
    at integer;
    done integer;
    edge integer;
BEGIN
    -- A flow may have 1 MiB; the text of a jsonb value has blanks that the program's own has not.
    IF doc IS NULL OR jsonb_typeof(doc) <> 'object' OR octet_length(doc::text) > 1572864 THEN
        RETURN false;
    END IF;
    IF (doc ? 'schema' OR strict) AND doc -> 'schema' IS DISTINCT FROM '1'::jsonb THEN
        RETURN false;
    END IF;
    IF strict AND NOT (doc ? 'nodes' AND doc ? 'edges') THEN
        RETURN false;
    END IF;
    nodes := coalesce(doc -> 'nodes', '[]');
    edges := coalesce(doc -> 'edges', '[]');
    IF NOT app.json_is(nodes, 'object[]') OR NOT app.json_is(edges, 'object[]')
        OR NOT app.json_is(coalesce(doc -> 'variables', '[]'), 'object[]')
        OR jsonb_array_length(nodes) > 500 OR jsonb_array_length(edges) > 2000 THEN
        RETURN false;
    END IF;

    SELECT array_agg(n.value ->> 'id' ORDER BY n.ordinality), array_agg(n.value ->> 'type' ORDER BY n.ordinality)
      INTO node_ids, types
      FROM jsonb_array_elements(nodes) WITH ORDINALITY n;
    IF EXISTS (SELECT FROM jsonb_array_elements(nodes) n
                WHERE NOT coalesce(app.json_is(n -> 'id', 'text') AND app.json_is(n -> 'type', 'text')
                                   AND char_length(n ->> 'id') BETWEEN 1 AND 64
                                   AND n ->> 'type' = ANY (node_types)
                                   AND app.json_is(coalesce(n -> 'position', '{}'), 'object')
                                   AND app.json_is(coalesce(n -> 'data', '{}'), 'object'), false))
        OR (SELECT count(DISTINCT id) FROM unnest(node_ids) id) <> coalesce(cardinality(node_ids), 0) THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(edges) e
                WHERE NOT (app.json_is(e -> 'source', 'text') AND app.json_is(e -> 'target', 'text')
                           AND app.json_is(coalesce(e -> 'port', '""'), 'text')
                           AND app.json_is(coalesce(e -> 'id', '""'), 'text'))) THEN
        RETURN false;
    END IF;
    IF NOT strict THEN
        RETURN true;
    END IF;

    -- One start; edges join existing nodes; one edge for each port.
    IF node_ids IS NULL OR cardinality(array_positions(types, 'start')) <> 1 THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(edges) e
                WHERE e ->> 'source' <> ALL (node_ids) OR e ->> 'target' <> ALL (node_ids))
        OR EXISTS (SELECT FROM jsonb_array_elements(edges) e
                    GROUP BY e ->> 'source', coalesce(e ->> 'port', '') HAVING count(*) > 1)
        OR EXISTS (SELECT FROM jsonb_array_elements(edges) e WHERE e ->> 'id' <> ''
                    GROUP BY e ->> 'id' HAVING count(*) > 1) THEN
        RETURN false;
    END IF;

    -- The graph by positions. A goto leads to the node its data names.
    SELECT array_agg(s.position ORDER BY s.position, t.position), array_agg(t.position ORDER BY s.position, t.position)
      INTO sources, targets
      FROM (SELECT e ->> 'source' AS source, e ->> 'target' AS target FROM jsonb_array_elements(edges) e
             UNION ALL
            SELECT n ->> 'id', coalesce(n #>> '{data,target}', n #>> '{data,node}', n #>> '{data,node_id}')
              FROM jsonb_array_elements(nodes) n WHERE n ->> 'type' = 'goto') arrow
      JOIN unnest(node_ids) WITH ORDINALITY s (id, position) ON s.id = arrow.source
      JOIN unnest(node_ids) WITH ORDINALITY t (id, position) ON t.id = arrow.target;
    sources := coalesce(sources, '{}');
    targets := coalesce(targets, '{}');
    first_edge := array_fill(0, ARRAY[cardinality(node_ids)]);
    incoming := array_fill(0, ARRAY[cardinality(node_ids)]);
    seen := array_fill(false, ARRAY[cardinality(node_ids)]);
    FOR edge IN REVERSE cardinality(sources) .. 1 LOOP
        first_edge[sources[edge]] := edge;
        IF types[targets[edge]] = 'start' THEN
            RETURN false;
        END IF;
        IF types[sources[edge]] <> ALL (waiting_types) THEN
            incoming[targets[edge]] := incoming[targets[edge]] + 1;
        END IF;
    END LOOP;

    -- Every node is reachable from the start.
    queue := ARRAY[array_position(types, 'start')];
    seen[queue[1]] := true;
    done := 0;
    WHILE done < cardinality(queue) LOOP
        done := done + 1;
        at := queue[done];
        edge := first_edge[at];
        WHILE edge > 0 AND edge <= cardinality(sources) AND sources[edge] = at LOOP
            IF NOT seen[targets[edge]] THEN
                seen[targets[edge]] := true;
                queue := queue || targets[edge];
            END IF;
            edge := edge + 1;
        END LOOP;
    END LOOP;
    IF cardinality(queue) < cardinality(node_ids) THEN
        RETURN false;
    END IF;

    -- Without the edges that leave waiting nodes the graph has an order, or else it has a cycle that never waits.
    queue := '{}';
    FOR at IN 1 .. cardinality(node_ids) LOOP
        IF incoming[at] = 0 THEN
            queue := queue || at;
        END IF;
    END LOOP;
    done := 0;
    WHILE done < cardinality(queue) LOOP
        done := done + 1;
        at := queue[done];
        CONTINUE WHEN types[at] = ANY (waiting_types);
        edge := first_edge[at];
        WHILE edge > 0 AND edge <= cardinality(sources) AND sources[edge] = at LOOP
            incoming[targets[edge]] := incoming[targets[edge]] - 1;
            IF incoming[targets[edge]] = 0 THEN
                queue := queue || targets[edge];
            END IF;
            edge := edge + 1;
        END LOOP;
    END LOOP;
    RETURN cardinality(queue) = cardinality(node_ids);
END
$$;
COMMENT ON FUNCTION app.valid_flow(jsonb, boolean) IS 'whether a flow definition is well formed; strict for what is published';

GRANT EXECUTE ON FUNCTION
    app.json_is(jsonb, text), app.settings_keys(text), app.valid_settings(text, jsonb), app.valid_message(jsonb),
    app.valid_transition(text, jsonb), app.valid_permissions(text[]), app.valid_ab_variants(jsonb),
    app.valid_recovery_steps(jsonb), app.valid_flow(jsonb, boolean)
    TO bb_definer, bb_app, bb_auth, bb_worker, bb_purge, bb_admin;

RESET ROLE;
