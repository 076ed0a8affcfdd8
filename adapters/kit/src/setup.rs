//! Connecting an account: is the token good, whose is it, and where does the provider send what people write.

use serde_json::{Map, Value};

use crate::{Account, ProviderRequest, ProviderResponse, Trouble};

/// Who an account is, as its provider says.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Identity {
    /// The provider's id of it.
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
    Calls(Vec<ProviderRequest>),
    /// It has no call for it, or lacks what the call needs: this is to be done by hand.
    ByHand(&'static str),
    /// Not at all: they are fetched.
    Fetched,
}

/// What is done at a provider when an account is connected and disconnected. All of it is pure.
pub trait Setup: Send + Sync {
    /// The call that tells whether the token is good.
    fn check(&self, account: &Account) -> Result<ProviderRequest, Trouble>;

    /// What its answer says.
    fn identity(&self, account: &Account, response: &ProviderResponse) -> Result<Identity, Trouble>;

    /// How the provider is told to send events to `callback`.
    fn register(&self, account: &Account, callback: &str) -> Result<Registration, Trouble>;

    /// The calls that undo it.
    fn unregister(&self, account: &Account) -> Result<Vec<ProviderRequest>, Trouble>;

    /// What the answer to a call of [`Setup::register`] or [`Setup::unregister`] means.
    fn done(&self, response: &ProviderResponse) -> Result<(), Trouble>;
}
