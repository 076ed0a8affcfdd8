//! Providers that speak real HTTP on this machine, keep what they accepted, and misbehave when told to.
//!
//! Each answers what the real one answers (limits, error shapes, ids; rates and windows where [`Behaviour`] says so) and
//! has, beside it, `/__fake/`:
//!
//! | Address | What it does |
//! | --- | --- |
//! | `GET /__fake/messages?to=&after=&limit=` | what was accepted, in order; the newest are kept |
//! | `GET /__fake/conversations?to=` | per recipient ids, tags and texts in order of acceptance |
//! | `GET /__fake/counters` | requests, accepted, refused, faults, callbacks |
//! | `GET`, `POST /__fake/behaviour` | how it misbehaves: see [`Behaviour`] |
//! | `POST /__fake/forget` | empties what is kept |
//! | `POST /__fake/webhook` | where events go: `{"url"}`, or null |
//! | `POST /__fake/say` | a person writes: `{"from", "text"}`; sent to the webhook. WhatsApp: `without_number` |
//! | `POST /__fake/tap` | a person chooses: `{"from", "payload", "title"}`; sent to the webhook |
//! | `POST /__fake/template` | WhatsApp: a review, `{"name", "language", "status", "quality", "category"}`; sent to the webhook |
//! | `POST /__fake/lapse` | WhatsApp: `{"from"}` has not written for a day |
//! | `POST /__fake/command` | Slack: `{"from", "command", "text"}` |
//! | `POST /__fake/mention` | Slack: `{"from", "channel", "text"}` |
//! | `POST /__fake/disconnect` | Slack: `{"reason"}`; the sockets are announced to end, and end |
//!
//! They listen on loopback only and call loopback only.

mod behaviour;
mod caller;
mod control;
mod faults;
mod files;
mod graph;
pub mod instagram;
mod journal;
mod pace;
pub mod receiver;
mod server;
pub mod slack;
pub mod telegram;
pub mod whatsapp;

pub use behaviour::{Behaviour, Fault, StatusBehaviour};
pub use control::Counters;
pub use files::File;
pub use journal::{Accepted, Delivered};

/// Why a fake could not be started or could not reach the webhook.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address to listen on is not one of this machine only.
    #[error("{0} is not a loopback address")]
    NotLoopback(std::net::SocketAddr),
    /// The address to call is not one of this machine.
    #[error(transparent)]
    NotLocal(#[from] crate::local_client::NotLocal),
    /// It could not listen.
    #[error("fake provider cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// The client could not be made.
    #[error("http client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
    /// Nobody has said where events go.
    #[error("no webhook is set")]
    NoWebhook,
    /// The webhook did not take the event.
    #[error("webhook did not take the event: {0}")]
    NotTaken(String),
}
