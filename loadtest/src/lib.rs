//! What the program is held to when it is killed, and when it is busy.
//!
//! The [`kill`] suite runs the real program against fake providers, kills it again and again, and then reads
//! database, providers and driver to say what was lost, done twice, out of order or stuck. [`load`] has the
//! scenarios that measure: each figure stands beside a yardstick from the same run.
//!
//! The driver shares the machine with what it measures, so it is cheap: requests are made before they are needed and
//! [`http`] does no more than it must. To add a scenario: a file in [`load`], a subcommand in `main.rs`.

pub mod database;
pub mod http;
pub mod input;
pub mod kill;
pub mod load;
pub mod platform;
pub mod process;
pub mod program;
pub mod random;
pub mod report;
pub mod socket;
