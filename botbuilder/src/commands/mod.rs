//! One file per subcommand.

pub mod api;
pub mod bot_file;
pub mod channels;
pub mod chat;
pub mod check_config;
pub mod conformance;
pub mod demo;
pub mod dev;
pub mod doctor;
pub mod import;
pub mod migrate;
pub mod openapi;
pub mod replay;
pub mod rotate_root_key;
pub mod run;
pub mod simulate;
pub mod staff;
pub mod test;
pub mod trail;
