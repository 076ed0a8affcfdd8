//! The schema, held against a real server: every line of the checklist in the data dictionary, and what its triggers,
//! policies and functions promise. Each test has a database of its own.

mod addresses;
mod attempts;
mod audit;
mod changes;
mod checklist;
mod contacts;
mod fixture;
mod guards;
mod inbox;
mod messages;
mod migrations;
mod outbox;
mod partitions;
mod plans;
mod searches;
mod tables;
mod tenancy;
mod timers;
mod tls;
mod validators;
