//! Files of messages. [`fetch`] gets what came in from its network, [`outgoing`] makes what goes out ready for its
//! network, [`serve`] shows both by links that end.

pub mod fetch;
pub(crate) mod outgoing;
mod serve;

pub use self::{outgoing::Uploads, serve::routes};
