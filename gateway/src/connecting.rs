//! What is done about an account at its provider when an operator connects or disconnects it: is the token good, where
//! do events go.

use botbuilder_adapter_kit::{Act, Callback, Outcome, Registration, Setup, Trouble};
use botbuilder_store::channels::channels::Opened;

use crate::{Gateway, accounts::account, dispatcher::ProviderHttp};

/// Connects and disconnects accounts.
#[derive(Clone)]
pub struct Connecting {
    gateway: Gateway,
    http: ProviderHttp,
    base_url: String,
}

impl Connecting {
    /// Calls providers through this client, and tells them that we are at `base_url`.
    pub fn new(gateway: Gateway, http: ProviderHttp, base_url: impl Into<String>) -> Self {
        let base_url = base_url.into().trim_end_matches('/').to_owned();
        Self { gateway, http, base_url }
    }

    /// Does it. A channel without a provider has nothing to be done, and nothing comes of it.
    #[tracing::instrument(level = "debug", name = "gateway.account.connect", skip_all)]
    pub async fn act(&self, opened: Opened, act: Act) -> Result<Outcome, Trouble> {
        let account = account(opened);
        let Some(setup) = self.gateway.channels.channel(account.kind).setup() else {
            return Ok(Outcome::default());
        };
        match act {
            Act::Check => {
                let answer = self.http.call(setup.check(&account)?).await?;
                let identity = Some(setup.identity(&account, &answer)?);
                Ok(Outcome { identity, callback: None })
            }
            Act::Register => {
                let address = format!("{}/hooks/{}", self.base_url, account.public_id);
                let callback = match setup.register(&account, &address)? {
                    Registration::Fetched => Callback { address: None, registered: false, by_hand: None },
                    Registration::Called { calls, by_hand } => {
                        let registered = !calls.is_empty();
                        self.call_all(setup, calls).await?;
                        Callback { address: Some(address), registered, by_hand }
                    }
                };
                Ok(Outcome { identity: None, callback: Some(callback) })
            }
            Act::Unregister => {
                self.call_all(setup, setup.unregister(&account)?).await?;
                Ok(Outcome::default())
            }
        }
    }

    async fn call_all(
        &self,
        setup: &dyn Setup,
        calls: Vec<botbuilder_adapter_kit::ProviderRequest>,
    ) -> Result<(), Trouble> {
        for call in calls {
            setup.done(&self.http.call(call).await?)?;
        }
        Ok(())
    }
}
