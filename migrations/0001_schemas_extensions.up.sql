-- Schemas and extensions. Everything of the product lies in four schemas: public (tables and views), app
-- (functions), analytics (materialized views) and archive (detached and restored partitions).
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'functions: identifiers, tenant context, validators, partitions, searches';
CREATE SCHEMA analytics;
COMMENT ON SCHEMA analytics IS 'materialized views, read through app.analytics()';
CREATE SCHEMA archive;
COMMENT ON SCHEMA archive IS 'partitions taken offline, and archived months loaded again';
