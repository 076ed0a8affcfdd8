//! Connecting an account: who it is, and that the app is told what happens to it (`subscribed_apps`). The address is the
//! app's, and entered by hand.

use botbuilder_adapter_kit::{
    Account, Identity, ProviderRequest, ProviderResponse, Registration, Setup, Trouble, json::as_text,
};
use botbuilder_adapter_meta::setup;
use serde_json::Map;

use crate::{Instagram, refusal::classify, settings::Sending};

/// What the app is told of.
const FIELDS: &str =
    "messages,messaging_postbacks,messaging_seen,message_reactions,messaging_referral,message_edit";

impl Setup for Instagram {
    fn check(&self, account: &Account) -> Result<ProviderRequest, Trouble> {
        let Sending { base_url, api_version, sender, access_token } = Sending::of(account)?;
        let page = account.setting("page_id").is_some_and(|id| !id.is_empty());
        let fields = if page { "id,name" } else { "user_id,username" };
        let whose = if page { sender } else { "me" };
        Ok(setup::graph(
            "GET",
            format!("{base_url}/{api_version}/{whose}?fields={fields}"),
            access_token,
            None,
        ))
    }

    fn identity(&self, _account: &Account, response: &ProviderResponse) -> Result<Identity, Trouble> {
        let body = setup::answered(response, classify)?;
        let field = |name: &str| body.get(name).and_then(as_text);
        Ok(Identity {
            provider_account_id: field("user_id").or_else(|| field("id")),
            handle: field("username").map(|name| format!("@{name}")).or_else(|| field("name")),
            settings: Map::new(),
        })
    }

    fn register(&self, account: &Account, _callback: &str) -> Result<Registration, Trouble> {
        let by_hand = Some(
            "enter the address and the verify token in the app's dashboard, under webhooks of the product Instagram",
        );
        Ok(Registration::Called { calls: vec![subscribed_apps("POST", account)?], by_hand })
    }

    fn unregister(&self, account: &Account) -> Result<Vec<ProviderRequest>, Trouble> {
        Ok(vec![subscribed_apps("DELETE", account)?])
    }

    fn done(&self, response: &ProviderResponse) -> Result<(), Trouble> {
        setup::succeeded(response, classify)
    }
}

fn subscribed_apps(method: &'static str, account: &Account) -> Result<ProviderRequest, Trouble> {
    let Sending { base_url, api_version, sender, access_token } = Sending::of(account)?;
    let url = format!("{base_url}/{api_version}/{sender}/subscribed_apps?subscribed_fields={FIELDS}");
    Ok(setup::graph(method, url, access_token, None))
}
