//! The durable, ordered stream: append, read in order, commit; in memory, embedded and Kafka.
