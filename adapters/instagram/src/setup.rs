//! Connecting an account: who it is, and that the app is told what happens to it (`subscribed_apps`). The address is the
//! app's, and entered by hand.

use std::time::Duration;

use botbuilder_adapter_kit::{
    Account, Identity, ProviderRequest, ProviderResponse, Registration, Renewed, Setup, Trouble,
    json::as_text,
};
use botbuilder_adapter_meta::setup;
use botbuilder_domain::Secret;
use serde_json::Map;

use crate::{Instagram, refusal::classify, settings::Sending};

/// What the app is told of.
const FIELDS: &str =
    "messages,messaging_postbacks,messaging_seen,message_reactions,messaging_referral,message_edit";

impl Setup for Instagram {
    fn check(&self, account: &Account) -> Result<ProviderRequest, Trouble> {
        let Sending { base_url, api_version, sender, access_token } = Sending::of(account)?;
        let page = account.setting("page_id").is_some_and(|id| !id.is_empty());
        let fields =
            if page { "id,name,instagram_business_account{id,username}" } else { "user_id,username" };
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
        let field = |name: &str| body.pointer(name).and_then(as_text);
        // Callbacks name the professional account. `id` is the page, or the person's number within the app.
        let of_page = |name: &str| field(&format!("/instagram_business_account/{name}"));
        let username = field("/username").or_else(|| of_page("username"));
        Ok(Identity {
            provider_account_id: field("/user_id").or_else(|| of_page("id")),
            handle: username.map(|name| format!("@{name}")).or_else(|| field("/name")),
            settings: Map::new(),
        })
    }

    fn register(&self, account: &Account, _callback: &str) -> Result<Registration, Trouble> {
        let by_hand = Some(
            "enter the address and the verify token in the app's dashboard, under webhooks of the product Instagram",
        );
        Ok(Registration::Called { calls: vec![subscribed_apps("POST", account)?], by_hand })
    }

    /// A token of Instagram Login lives 60 days, and is renewed by itself once it is a day old. One of a page does not end.
    fn renew(&self, account: &Account) -> Result<Option<ProviderRequest>, Trouble> {
        if account.setting("page_id").is_some_and(|id| !id.is_empty()) {
            return Ok(None);
        }
        let Sending { base_url, access_token, .. } = Sending::of(account)?;
        // This call takes the token in its address alone, which is why the address is not shown.
        let shown_as = format!("{base_url}/refresh_access_token");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "ig_refresh_token")
            .append_pair("access_token", access_token.expose())
            .finish();
        let request = setup::graph("GET", shown_as.clone(), access_token, None);
        Ok(Some(ProviderRequest { url: Secret::new(format!("{shown_as}?{query}")), ..request }))
    }

    fn renewed(&self, response: &ProviderResponse) -> Result<Renewed, Trouble> {
        let body = setup::answered(response, classify)?;
        let token = body.get("access_token").and_then(as_text).filter(|token| !token.is_empty());
        let seconds = body.get("expires_in").and_then(as_text).and_then(|seconds| seconds.parse().ok());
        match (token, seconds) {
            (Some(token), Some(seconds)) => Ok(Renewed {
                credential: "access_token",
                token: Secret::new(token),
                good_for: Duration::from_secs(seconds),
            }),
            _ => Err(Trouble::passing("provider_unavailable", "meta gave no token")),
        }
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

#[cfg(test)]
mod tests {
    use botbuilder_adapter_kit::account::Credentials;
    use botbuilder_domain::{ChannelId, ChannelKind, OrgId};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn account(settings: &Value) -> Account {
        let credentials = json!({ "access_token": "token-for-tests" });
        Account {
            org: OrgId::new(Uuid::nil()),
            bot: None,
            channel: ChannelId::new(Uuid::nil()),
            kind: ChannelKind::Instagram,
            public_id: "main".into(),
            provider_account_id: None,
            settings: settings.as_object().cloned().unwrap_or_default(),
            credentials: Credentials::from_object(credentials.as_object().unwrap()),
            webhook_secrets: Vec::new(),
        }
    }

    #[test]
    fn a_token_that_ends_is_renewed_and_not_shown() {
        let request = Instagram.renew(&account(&json!({ "ig_user_id": "17841" }))).unwrap().unwrap();
        assert_eq!(request.shown_as, "https://graph.instagram.com/refresh_access_token");
        assert!(request.url.expose().ends_with("?grant_type=ig_refresh_token&access_token=token-for-tests"));
        assert!(!format!("{request:?}").contains("token-for-tests"));
        assert!(Instagram.renew(&account(&json!({ "page_id": "900" }))).unwrap().is_none());
        let answer = |body: &str| {
            let body = body.as_bytes().to_vec().into();
            Instagram.renewed(&ProviderResponse { status: 200, retry_after: None, body })
        };
        let renewed = answer(r#"{"access_token":"new","token_type":"bearer","expires_in":5184000}"#).unwrap();
        assert_eq!((renewed.token.expose().as_str(), renewed.good_for.as_secs()), ("new", 5_184_000));
        for body in ["", "{}", r#"{"access_token":""}"#, r#"{"access_token":"new"}"#] {
            assert!(answer(body).is_err_and(|trouble| trouble.passes), "{body}");
        }
    }

    fn identity(answer: &Value) -> Identity {
        let response = ProviderResponse { status: 200, retry_after: None, body: answer.to_string().into() };
        Instagram.identity(&account(&json!({})), &response).unwrap()
    }

    #[test]
    fn the_professional_account_is_who_callbacks_are_for() {
        let login = identity(&json!({ "user_id": "17841", "id": "5", "username": "shop" }));
        assert_eq!(
            (login.provider_account_id.as_deref(), login.handle.as_deref()),
            (Some("17841"), Some("@shop"))
        );
        let page = identity(
            &json!({ "id": "900", "name": "Shop", "instagram_business_account": { "id": "17841", "username": "shop" } }),
        );
        assert_eq!(page, login);
        // The page's number is in no callback.
        let alone = identity(&json!({ "id": "900", "name": "Shop" }));
        assert_eq!((alone.provider_account_id, alone.handle.as_deref()), (None, Some("Shop")));

        let asked = Instagram.check(&account(&json!({ "page_id": "900", "ig_user_id": "17841" }))).unwrap();
        assert!(
            asked.shown_as.contains("/900?fields=id,name,instagram_business_account"),
            "{}",
            asked.shown_as
        );
    }
}
