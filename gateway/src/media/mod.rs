//! Files of messages. [`fetch`] gets what came in from its network, [`outgoing`] makes what goes out ready for its
//! network ([`pictures`] turns those into another form that it does not show), [`serve`] shows both by links that end, [`sweep`] removes what was uploaded and never sent.

pub mod fetch;
pub(crate) mod outgoing;
mod owned;
mod pictures;
mod serve;
pub mod sweep;

pub use self::{outgoing::Uploads, pictures::Pictures, serve::routes};
