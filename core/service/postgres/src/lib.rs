//! A PostgreSQL server of the program's own, so that nobody has to install one to try the product or to test it.
//!
//! The server runs on an unpacked [installation](Installation) and listens on a Unix socket only, inside a directory
//! that nobody else may enter: there is no port to collide on and no password to keep. PostgreSQL refuses to run as
//! root, so a process of root runs it under an unprivileged account.
//!
//! Only the standard library is used, and calls block: `xtask` needs this crate, and is the first thing that a fresh
//! clone compiles. The program wraps it in `botbuilder_service::postgres`.

mod account;
pub mod dirs;
mod error;
mod installation;
mod process;
mod server;
mod settings;
mod temporary;

pub use self::{
    error::Error,
    installation::{Installation, VERSION},
    server::{Options, Server, url_of_running},
    settings::Durability,
    temporary::TemporaryServer,
};
