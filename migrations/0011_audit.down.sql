SET LOCAL ROLE bb_owner;

DROP TABLE audit_logs;
DROP TABLE audit_chain_heads;
DROP FUNCTION app.audit_verify(uuid, bigint, bigint);
DROP FUNCTION app.audit_append();
DROP FUNCTION app.audit_entry_hash(bytea, jsonb, timestamptz);

RESET ROLE;
