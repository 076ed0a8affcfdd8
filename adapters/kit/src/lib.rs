//! What every channel is made of.
//!
//! A channel is a crate with one value that implements [`Channel`]. It translates: provider payloads into
//! [`botbuilder_domain::InboundEvent`]s and planned [`Part`]s into [`ProviderRequest`]s, as pure functions.
//! The gateway does the network, the waiting and the writing. To add a channel, add a
//! [`botbuilder_domain::ChannelKind`] and follow the compiler.

pub mod account;
#[cfg(feature = "contract")]
pub mod contract;
pub mod files;
pub mod http_channel;
pub mod json;
pub mod names;
pub mod planner;
pub mod rates;
pub mod setup;
pub mod source;
pub mod templates;
mod trouble;
pub mod webhook;
pub mod window;

pub use account::Account;
pub use files::{Carried, Carry, Download, Fetch, Files, Pictures, Uploaded};
pub use http_channel::{
    Change, HttpChannel, Part, ProviderMessageId, ProviderRequest, ProviderResponse, RequestBody, SendError,
    Show, Told,
};
pub use names::{Name, Names};
pub use planner::{Downgrade, Plan, PlanError, plan};
pub use rates::{Rate, Rates};
pub use setup::{Act, Callback, Identity, Outcome, Registration, Renewed, Setup};
pub use source::{Delivery, Frame, Poll, Polled, Socket, Source};
pub use templates::{Template, Templates};
pub use trouble::Trouble;
pub use webhook::{
    DecodeError, Locator, NotTaken, RawRequest, Received, Rejection, Reply, Verified, Webhook,
    equal_in_constant_time,
};
pub use window::OutsideWindow;

use botbuilder_domain::{Capabilities, ChannelKind};

/// A channel: what it is, what it can show, and what it offers.
pub trait Channel: Send + Sync {
    /// Which network this is.
    fn kind(&self) -> ChannelKind;

    /// What it can show.
    fn capabilities(&self) -> Capabilities;

    /// How fast it may be sent to.
    fn rates(&self) -> Rates {
        Rates::default()
    }

    /// How fast this recipient may be sent to, where not everyone is alike.
    fn rates_for(&self, _recipient: &str) -> Rates {
        self.rates()
    }

    /// How its provider calls us, if it does.
    fn webhook(&self) -> Option<&dyn Webhook>;

    /// How it carries files, if it does so by itself.
    fn files(&self) -> Option<&dyn Files> {
        None
    }

    /// How we call its provider, if that is by HTTP. A channel without one is delivered by the hub.
    fn http(&self) -> Option<&dyn HttpChannel>;

    /// How its events are fetched where an account asks for that, if they can be.
    fn source(&self) -> Option<Source<'_>> {
        None
    }

    /// The messages that its provider approves beforehand, if it has such.
    fn templates(&self) -> Option<&dyn Templates> {
        None
    }

    /// How it is asked for the names of people, if what comes in does not tell them.
    fn names(&self) -> Option<&dyn Names> {
        None
    }

    /// What is done at its provider when an account is connected, if anything.
    fn setup(&self) -> Option<&dyn Setup> {
        None
    }
}
