-- The extensions stay: others may use them.
DROP SCHEMA archive;
DROP SCHEMA analytics;
DROP SCHEMA app;
