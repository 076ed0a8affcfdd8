//! A PostgreSQL server of the program's own, so that nobody has to install one to try the product or to test it.

pub mod dirs;
