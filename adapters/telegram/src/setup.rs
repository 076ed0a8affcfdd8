//! Connecting a bot: `getMe`, `setWebhook`, `deleteWebhook`.

use botbuilder_adapter_kit::{
    Account, Identity, ProviderRequest, ProviderResponse, Registration, Setup, Trouble, json::as_text,
};
use serde_json::{Map, Value, json};

use crate::{
    Telegram,
    outbound::request,
    settings::{Calling, is_valid_secret_token},
    source::{allowed_updates, done, refused},
};

impl Setup for Telegram {
    fn check(&self, account: &Account) -> Result<ProviderRequest, Trouble> {
        Ok(request(&Calling::of(account)?, "getMe", Map::new()))
    }

    fn identity(&self, _account: &Account, response: &ProviderResponse) -> Result<Identity, Trouble> {
        done(response)?;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let field = |name: &str| body.get("result").and_then(|bot| bot.get(name)).and_then(as_text);
        let Some(id) = field("id") else { return Err(refused(response)) };
        let username = field("username");
        let settings =
            username.iter().map(|name| ("bot_username".to_owned(), name.as_str().into())).collect();
        Ok(Identity {
            provider_account_id: Some(id),
            handle: username.map(|name| format!("@{name}")),
            settings,
        })
    }

    fn register(&self, account: &Account, callback: &str) -> Result<Registration, Trouble> {
        if account.is_fetched() {
            return Ok(Registration::Fetched);
        }
        let secret = account.webhook_secrets.first().map(|secret| secret.expose().as_str());
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
            return Err(Trouble::missing("a webhook secret"));
        };
        if !is_valid_secret_token(secret) {
            return Err(Trouble::staying(
                "webhook_secret_refused",
                "telegram takes 1 to 256 letters, digits, _ and - as secret token",
                "rotate the channel's webhook secret",
            ));
        }
        let body = json!({
            "url": callback,
            "secret_token": secret,
            "allowed_updates": allowed_updates(account),
            "drop_pending_updates": false,
        });
        let Value::Object(body) = body else { unreachable!("an object was written") };
        let calls = vec![request(&Calling::of(account)?, "setWebhook", body)];
        Ok(Registration::Called { calls, by_hand: None })
    }

    fn unregister(&self, account: &Account) -> Result<Vec<ProviderRequest>, Trouble> {
        Ok(vec![request(&Calling::of(account)?, "deleteWebhook", Map::new())])
    }

    fn done(&self, response: &ProviderResponse) -> Result<(), Trouble> {
        done(response)
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_adapter_kit::RequestBody;
    use botbuilder_domain::Secret;

    use super::*;
    use crate::tests::account;

    #[test]
    fn the_webhook_is_set_with_its_secret_and_its_kinds_of_updates() {
        let Registration::Called { calls, .. } =
            Telegram.register(&account(), "https://bots.example/hooks/x").unwrap()
        else {
            panic!("no calls")
        };
        let RequestBody::Json(body) = &calls[0].body else { panic!("no body") };
        assert_eq!(calls[0].shown_as, "https://api.telegram.org/bot…/setWebhook");
        assert_eq!(body["secret_token"], "secret_token_for_tests");
        assert!(
            body["allowed_updates"]
                .as_array()
                .is_some_and(|kinds| kinds.contains(&json!("message_reaction")))
        );
        for secret in ["", "a b", &"x".repeat(257)] {
            let other = Account { webhook_secrets: vec![Secret::new(secret.to_owned())], ..account() };
            assert!(Telegram.register(&other, "https://bots.example/hooks/x").is_err(), "{secret:?}");
        }
        let mut fetched = account();
        fetched.settings.insert("polling".into(), true.into());
        assert!(matches!(Telegram.register(&fetched, "https://x"), Ok(Registration::Fetched)));
    }

    #[test]
    fn the_bot_says_who_it_is_or_what_is_wrong() {
        let response = |status: u16, body: &Value| ProviderResponse {
            status,
            retry_after: None,
            body: body.to_string().into(),
        };
        let me = json!({ "ok": true, "result": { "id": 7_000_000_001_i64, "is_bot": true, "username": "shop_bot" } });
        let identity = Telegram.identity(&account(), &response(200, &me)).unwrap();
        assert_eq!(identity.provider_account_id.as_deref(), Some("7000000001"));
        assert_eq!(identity.handle.as_deref(), Some("@shop_bot"));
        let unknown = json!({ "ok": false, "error_code": 401, "description": "Unauthorized" });
        let trouble = Telegram.identity(&account(), &response(401, &unknown)).unwrap_err();
        assert_eq!((trouble.code, trouble.passes), ("credentials_refused", false));
        assert!(trouble.advice.contains("@BotFather"));
        let http = json!({
            "ok": false, "error_code": 400,
            "description": "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
        });
        assert_eq!(Telegram.done(&response(400, &http)).unwrap_err().code, "callback_refused");
    }
}
