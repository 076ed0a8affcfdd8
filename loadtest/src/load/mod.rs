//! The scenarios that measure, and their yardsticks.
//!
//! [`ingest`] is a provider's signed callback up to the durable answer, [`turn`] a message up to the bot's reply at the
//! provider, [`nlu`] a text up to its meaning, without server or database. [`sockets`], [`fanout`], [`reconnect`] and [`chat`] are about the visitors of websites,
//! [`timers`] about conversations that wait. [`neighbours`] is about organizations that share a program, [`parts`], [`limit`]
//! and [`order`] are about what a provider is handed: in what order, and how fast. Machines are noisy, so every figure stands beside a yardstick that was measured in turns with it: [`nginx`] returning a fixed
//! body, [`inserts`] of one row each, and [`nchan`] and other [`peers`] holding sockets. At a fixed rate a latency counts from the instant
//! the request was due, so that a stall shows in everything that had to wait for it.

pub mod api;
pub mod bare;
pub mod chat;
pub mod fanout;
pub mod ingest;
pub mod inserts;
pub mod latency;
pub mod limit;
pub mod nchan;
pub mod neighbours;
pub mod nginx;
pub mod nlu;
pub mod order;
pub mod pace;
pub mod parts;
pub mod peers;
pub mod reconnect;
pub mod recorder;
pub mod sink;
pub mod sockets;
pub mod timers;
pub mod turn;
