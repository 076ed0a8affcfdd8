//! Connecting an account: is the token good, whose is it, and where does the provider send what people write.

use std::time::Duration;

use botbuilder_domain::Secret;
use serde_json::{Map, Value};

use crate::{
    Account, ProviderRequest, ProviderResponse, Trouble,
    templates::{Review, Template},
};

/// Who an account is, as its provider says.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Identity {
    /// The provider's id of it, as callbacks name it: what the token proved, and by which events of an app that serves many
    /// accounts find the channel.
    pub provider_account_id: Option<String>,
    /// What people see of it: a user name, a telephone number, a workspace.
    pub handle: Option<String>,
    /// Settings that follow from it, for where the operator gave none.
    pub settings: Map<String, Value>,
}

/// How a provider learns where to send events.
#[derive(Debug, Clone)]
pub enum Registration {
    /// By these calls, in order.
    Called {
        /// The calls; none where the provider has none for it.
        calls: Vec<ProviderRequest>,
        /// What remains to be done by hand.
        by_hand: Option<&'static str>,
    },
    /// Not at all: they are fetched.
    Fetched,
}

/// What is done about an account at its provider.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Asks whose the token is.
    Check,
    /// Has events sent to us.
    Register,
    /// Undoes that.
    Unregister,
    /// Asks for approval of a template, or of its new text.
    Submit(Box<Template>),
    /// Reads the templates: all, or those of one name.
    List(Option<String>),
    /// Removes a template.
    Remove {
        /// Its name.
        name: String,
        /// The provider's id of it.
        provider_id: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Of [`Act::Check`]: who the account is; none for a channel that has no provider.
    pub identity: Option<Identity>,
    /// Of [`Act::Register`]: how events come in from now on.
    pub callback: Option<Callback>,
    /// Of [`Act::Register`]: the account above this one, which the provider let the token subscribe.
    pub business: Option<String>,
    /// Of [`Act::Submit`]: what the provider says to it; none for a channel without templates.
    pub review: Option<Review>,
    /// Of [`Act::List`]: the templates; none for a channel without.
    pub templates: Option<Vec<Template>>,
}

/// How the events of an account come in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Callback {
    /// The address that the provider calls; none where events are fetched.
    pub address: Option<String>,
    /// Whether the provider was told.
    pub registered: bool,
    /// What remains to be done by hand.
    pub by_hand: Option<&'static str>,
}

/// A token in the place of one that ends.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The name of the credential.
    pub credential: &'static str,
    /// The token.
    pub token: Secret<String>,
    /// How long it is good.
    pub good_for: Duration,
}

/// What is done at a provider when an account is connected and disconnected. All of it is pure.
pub trait Setup: Send + Sync {
    /// The call that tells whether the token is good.
    fn check(&self, account: &Account) -> Result<ProviderRequest, Trouble>;

    /// What its answer says.
    fn identity(&self, account: &Account, response: &ProviderResponse) -> Result<Identity, Trouble>;

    /// How the provider is told to send events to `callback`.
    fn register(&self, account: &Account, callback: &str) -> Result<Registration, Trouble>;

    /// The provider's id of the account above this one that the calls of [`Setup::register`] subscribe, so that they prove
    /// whose it is; none where there is no such account.
    fn business<'a>(&self, _account: &'a Account) -> Option<&'a str> {
        None
    }

    /// The call that gives a token in the place of the account's, before that ends; none where tokens do not end, or are
    /// not renewed so.
    fn renew(&self, _account: &Account) -> Result<Option<ProviderRequest>, Trouble> {
        Ok(None)
    }

    /// What its answer says.
    fn renewed(&self, _response: &ProviderResponse) -> Result<Renewed, Trouble> {
        Err(Trouble::passing("provider_unavailable", "the provider gave no token"))
    }

    /// The calls that undo it.
    fn unregister(&self, account: &Account) -> Result<Vec<ProviderRequest>, Trouble>;

    /// What the answer to a call of [`Setup::register`] or [`Setup::unregister`] means.
    fn done(&self, response: &ProviderResponse) -> Result<(), Trouble>;
}
