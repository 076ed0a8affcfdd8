//! Names of people, on networks that tell them only when they are asked. All of it is pure; the gateway does the network,
//! beside the way of the messages.

use crate::{Account, ProviderRequest, ProviderResponse, SendError};

/// A network that is asked who somebody is.
pub trait Names: Send + Sync {
    /// The request that asks who a person is; none where the address is no person's.
    fn ask(&self, account: &Account, person: &str) -> Result<Option<ProviderRequest>, SendError>;

    /// What the answer says.
    fn told(&self, response: &ProviderResponse) -> Result<Name, SendError>;
}

/// How a person is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    /// The name as it is shown.
    pub display_name: Option<String>,
    /// The name the person goes by on the network.
    pub username: Option<String>,
}

impl Name {
    /// Of what a network says. Nothing but space is no name.
    pub fn new(display_name: Option<String>, username: Option<String>) -> Self {
        let kept = |name: Option<String>| name.filter(|name| !name.trim().is_empty());
        Self { display_name: kept(display_name), username: kept(username) }
    }
}
