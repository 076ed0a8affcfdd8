//! The kill suite: kill the program again and again while people write, then say what became of every message.
//!
//! [`driver`] writes as the providers would, [`run`] kills and restarts, [`evidence`] reads what database and providers
//! hold, [`checker`] judges. With the `embedded` stream the program is one process with every role, so that is what is
//! killed. [`points`] are the places at which it can also be made to die on its own.

pub mod checker;
pub mod driver;
pub mod evidence;
pub mod points;
pub mod providers;
pub mod run;
