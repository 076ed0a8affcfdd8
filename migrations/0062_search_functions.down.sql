SET LOCAL ROLE bb_owner;
DROP FUNCTION app.ensure_vector_index(text, integer);
RESET ROLE;

SET LOCAL ROLE bb_definer;

DROP FUNCTION app.search_chunks(uuid[], text, text, halfvec, integer, text[]);
DROP FUNCTION app.search_plugins(text, text, uuid, integer);
DROP FUNCTION app.search_examples(uuid, text, integer);
DROP FUNCTION app.search_contacts(text, text[], uuid, integer);
DROP FUNCTION app.search_messages(text, jsonb, uuid, integer);
DROP FUNCTION app.lookup_host(text);
DROP FUNCTION app.lookup_domain(text);
DROP FUNCTION app.lookup_widget(text);
DROP FUNCTION app.lookup_channel_account(text, text);
DROP FUNCTION app.lookup_channel(text);
DROP FUNCTION app.lookup_token(text, bytea);

RESET ROLE;
