//! Accounts whose events we fetch instead of being called: by asking again and again, or over a socket that stays open.
//!
//! A channel says how, as pure functions; the gateway keeps the connection, makes what came durable, and only then tells
//! the provider that it has it. An account asks for it with the setting `polling`.

use std::time::Duration;

use botbuilder_domain::{InboundEvent, Secret};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::{Account, ProviderRequest, ProviderResponse, Trouble};

/// How a channel's events are fetched.
#[derive(Clone, Copy)]
pub enum Source<'c> {
    /// By asking for them.
    Poll(&'c dyn Poll),
    /// Over a socket that the provider writes to.
    Socket(&'c dyn Socket),
}

/// Something that came in, as a callback's body would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its events, in order.
    pub events: Vec<InboundEvent>,
    /// What came, as a callback would have brought it.
    pub body: Bytes,
}

/// What one question brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Polled {
    /// What came, in order.
    pub deliveries: Vec<Delivery>,
    /// Items that cannot be told apart from others, and so are left out.
    pub skipped: usize,
    /// What the next question has to name, so that the provider forgets these. None where nothing came.
    pub confirm: Option<String>,
}

/// A provider that is asked. The next question confirms what the last one brought, so it is only put once that is durable.
pub trait Poll: Send + Sync {
    /// The calls that have to be made before the first question, each time the asking begins.
    fn prepare(&self, account: &Account) -> Result<Vec<ProviderRequest>, Trouble>;

    /// The question. `confirm` is what the last answer said; `at_once` asks for an answer even where there is nothing yet,
    /// which tells whether asking works.
    fn ask(
        &self,
        account: &Account,
        confirm: Option<&str>,
        at_once: bool,
    ) -> Result<ProviderRequest, Trouble>;

    /// How long the provider may keep a question open.
    fn patience(&self) -> Duration;

    /// What an answer to a call of [`Poll::prepare`] means.
    fn prepared(&self, response: &ProviderResponse) -> Result<(), Trouble>;

    /// What the answer to the question holds.
    fn read(&self, account: &Account, response: &ProviderResponse) -> Result<Polled, Trouble>;
}

/// One frame of a socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// The socket is ready.
    Hello,
    /// Something came in. The text is written back once it is durable, and not before.
    Delivery {
        /// What came.
        delivery: Delivery,
        /// What to write back.
        acknowledge: String,
    },
    /// Something came in for other accounts of the same app: the provider writes to any of the app's sockets. It is read
    /// once more as each of these accounts, and not acknowledged where none of them is connected.
    Foreign {
        /// The provider's ids of the accounts.
        accounts: Vec<String>,
    },
    /// The provider will close this socket: the next one is to be opened first.
    Refresh,
    /// The provider takes no sockets from this account.
    Refused(Trouble),
    /// Nothing that anybody waits for.
    Ignored,
}

/// A provider that writes to a socket.
pub trait Socket: Send + Sync {
    /// The call that asks for a socket's address.
    fn open(&self, account: &Account) -> Result<ProviderRequest, Trouble>;

    /// The address, good for one socket. It holds a secret.
    fn address(&self, response: &ProviderResponse) -> Result<Secret<String>, Trouble>;

    /// What a frame means.
    fn read(&self, account: &Account, frame: &str, received: DateTime<Utc>) -> Frame;

    /// Whether two accounts are of one app, so that what comes for one may come over the socket of the other.
    fn is_same_app(&self, one: &Account, other: &Account) -> bool;
}
