//! What is done about an account at its provider when an operator connects or disconnects it: is the token good, where
//! do events go.

use botbuilder_adapter_kit::{Account, Act, Callback, Outcome, Registration, Renewed, Setup, Trouble};
use botbuilder_store::channels::channels::Opened;
use tracing::debug;

use crate::{Gateway, accounts::account, dispatcher::ProviderHttp};

/// Most pieces of a provider's list of templates.
const PAGES_MAX: usize = 100;

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
        if matches!(act, Act::Submit(_) | Act::List(_) | Act::Remove { .. }) {
            return self.about_templates(&account, act).await;
        }
        let Some(setup) = self.gateway.channels.channel(account.kind).setup() else {
            return Ok(Outcome::default());
        };
        match act {
            Act::Check => {
                let answer = self.http.call(setup.check(&account)?).await?;
                let identity = Some(setup.identity(&account, &answer)?);
                Ok(Outcome { identity, ..Outcome::default() })
            }
            Act::Register => {
                let address = format!("{}/hooks/{}", self.base_url, account.public_id);
                let mut business = None;
                let callback = match setup.register(&account, &address)? {
                    Registration::Fetched => Callback { address: None, registered: false, by_hand: None },
                    Registration::Called { calls, by_hand } => {
                        let registered = !calls.is_empty();
                        self.call_all(setup, calls).await?;
                        business = setup.business(&account).filter(|_| registered).map(str::to_owned);
                        Callback { address: Some(address), registered, by_hand }
                    }
                };
                Ok(Outcome { callback: Some(callback), business, ..Outcome::default() })
            }
            Act::Unregister => {
                self.call_all(setup, setup.unregister(&account)?).await?;
                Ok(Outcome::default())
            }
            Act::Submit(_) | Act::List(_) | Act::Remove { .. } => Ok(Outcome::default()),
        }
    }

    /// Has the provider give a token in the place of one that ends; none where the account's does not.
    pub async fn renew(&self, opened: Opened) -> Result<Option<Renewed>, Trouble> {
        let account = account(opened);
        let Some(setup) = self.gateway.channels.channel(account.kind).setup() else { return Ok(None) };
        let Some(request) = setup.renew(&account)? else { return Ok(None) };
        setup.renewed(&self.http.call(request).await?).map(Some)
    }

    /// Submits, reads or removes templates. A channel without such says nothing.
    async fn about_templates(&self, account: &Account, act: Act) -> Result<Outcome, Trouble> {
        let Some(templates) = self.gateway.channels.channel(account.kind).templates() else {
            return Ok(Outcome::default());
        };
        match act {
            Act::Submit(template) => {
                let answer = self.http.call(templates.submit(account, &template)?).await?;
                let review = Some(templates.submitted(&template, &answer)?);
                Ok(Outcome { review, ..Outcome::default() })
            }
            Act::List(name) => {
                let (mut all, mut after) = (Vec::new(), None);
                for _ in 0..PAGES_MAX {
                    let request = templates.list(account, name.as_deref(), after.as_deref())?;
                    let page = templates.listed(&self.http.call(request).await?)?;
                    if page.skipped > 0 {
                        debug!(channel.id = %account.channel, skipped = page.skipped, "templates with unknown parts");
                    }
                    all.extend(page.templates);
                    after = page.after;
                    if after.is_none() {
                        return Ok(Outcome { templates: Some(all), ..Outcome::default() });
                    }
                }
                Err(Trouble::passing("provider_unavailable", "the list of templates does not end"))
            }
            Act::Remove { name, provider_id } => {
                let request = templates.remove(account, &name, &provider_id)?;
                templates.removed(&self.http.call(request).await?)?;
                Ok(Outcome::default())
            }
            Act::Check | Act::Register | Act::Unregister => Ok(Outcome::default()),
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
