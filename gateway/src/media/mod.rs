//! Files of messages: [`serve`] shows them by links that end.

mod serve;

pub use serve::routes;
