DROP FUNCTION app.audit_verify(uuid, bigint, bigint);
DROP FUNCTION app.audit_append();
DROP FUNCTION app.audit_entry_hash(bytea, jsonb, timestamptz);
