//! Connecting a number: who it is, and where its business account sends notifications (`subscribed_apps` with an address
//! of its own).

use botbuilder_adapter_kit::{
    Account, Identity, ProviderRequest, ProviderResponse, Registration, Setup, Trouble, json::as_text,
};
use botbuilder_adapter_meta::{classify, setup};
use serde_json::{Map, Value, json};

use crate::{
    Whatsapp,
    settings::{Sending, path_segment},
};

/// What is asked about a number.
const FIELDS: &str = "id,display_phone_number,verified_name,quality_rating";

impl Setup for Whatsapp {
    fn check(&self, account: &Account) -> Result<ProviderRequest, Trouble> {
        let Sending { base_url, api_version, phone_number_id, access_token } = Sending::of(account)?;
        let url = format!("{base_url}/{api_version}/{phone_number_id}?fields={FIELDS}");
        Ok(setup::graph("GET", url, access_token, None))
    }

    fn identity(&self, _account: &Account, response: &ProviderResponse) -> Result<Identity, Trouble> {
        let body = setup::answered(response, classify)?;
        let field = |name: &str| body.get(name).and_then(as_text);
        let number = field("display_phone_number");
        let handle = match (number, field("verified_name")) {
            (Some(number), Some(name)) => Some(format!("{number} ({name})")),
            (number, name) => number.or(name),
        };
        Ok(Identity { provider_account_id: field("id"), handle, settings: Map::new() })
    }

    /// Meta asks the address for its challenge while this call is made.
    fn register(&self, account: &Account, callback: &str) -> Result<Registration, Trouble> {
        let Some(url) = subscribed_apps(account)? else {
            let by_hand = Some(
                "enter the address and the verify token under WhatsApp, configuration, webhook; or give the channel its \
                 `waba_id`, and it is done from here",
            );
            return Ok(Registration::Called { calls: Vec::new(), by_hand });
        };
        let verify_token = account.credentials.get("verify_token").filter(|token| !token.expose().is_empty());
        let verify_token = verify_token.ok_or(Trouble::missing("the credential verify_token"))?;
        let body = json!({ "override_callback_uri": callback, "verify_token": verify_token.expose() });
        let calls = vec![setup::graph("POST", url, Sending::of(account)?.access_token, Some(body))];
        Ok(Registration::Called { calls, by_hand: None })
    }

    fn business<'a>(&self, account: &'a Account) -> Option<&'a str> {
        waba(account).ok().flatten()
    }

    fn unregister(&self, account: &Account) -> Result<Vec<ProviderRequest>, Trouble> {
        let Some(url) = subscribed_apps(account)? else { return Ok(Vec::new()) };
        Ok(vec![setup::graph("DELETE", url, Sending::of(account)?.access_token, None)])
    }

    fn done(&self, response: &ProviderResponse) -> Result<(), Trouble> {
        setup::succeeded(response, classify)
    }
}

/// The subscriptions of the business account; none where the channel does not say which that is.
fn subscribed_apps(account: &Account) -> Result<Option<String>, Trouble> {
    let Sending { base_url, api_version, .. } = Sending::of(account)?;
    Ok(waba(account)?.map(|waba| format!("{base_url}/{api_version}/{waba}/subscribed_apps")))
}

/// The business account; none where the channel does not say which that is.
pub(crate) fn waba(account: &Account) -> Result<Option<&str>, Trouble> {
    let waba = account.settings.get("waba_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    waba.map(|waba| path_segment(waba).ok_or(Trouble::missing("a valid waba_id"))).transpose()
}
