//! Configuration, lifecycle, telemetry, outbound HTTP and the managed PostgreSQL server.
