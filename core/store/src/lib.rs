//! PostgreSQL: the schema's rows and the SQL that reads and writes them.
