//! The management API over a real database.

mod admin;
mod bots;
mod canary;
mod channels;
mod contacts;
mod conventions;
mod foreign;
mod harness;
mod idempotency;
mod identity;
mod limits;
mod map;
mod nlu;
mod openapi;
mod others;
mod people;
mod replays;
mod route_table;
mod saml;
mod scim;
mod sso;
mod tenancy;
mod tokens;
mod versions;
mod widget;
