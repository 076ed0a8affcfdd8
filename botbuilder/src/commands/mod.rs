//! One file per subcommand.

pub mod channels;
pub mod chat;
pub mod check_config;
pub mod dev;
pub mod doctor;
pub mod migrate;
pub mod replay;
pub mod run;
pub mod trail;
