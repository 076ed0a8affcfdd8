//! Connecting a workspace: `auth.test`. Slack has no call for the address of callbacks.

use botbuilder_adapter_kit::{
    Account, HttpChannel as _, Identity, ProviderRequest, ProviderResponse, Registration, SendError, Setup,
    Trouble, json::as_text,
};
use serde_json::{Map, Value};

use crate::{Slack, outbound::request, settings::Calling};

impl Setup for Slack {
    fn check(&self, account: &Account) -> Result<ProviderRequest, Trouble> {
        Ok(request(&Calling::of(account)?, "auth.test", Map::new()))
    }

    fn identity(&self, _account: &Account, response: &ProviderResponse) -> Result<Identity, Trouble> {
        self.done(response)?;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let field = |name: &str| body.get(name).and_then(as_text);
        // An app that is installed in a whole organization is known by the organization.
        let whole = body.get("is_enterprise_install").and_then(Value::as_bool) == Some(true);
        let team = if whole { field("enterprise_id") } else { field("team_id") };
        let settings = [("team_id", team.clone()), ("bot_user_id", field("user_id"))];
        let settings =
            settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        Ok(Identity { provider_account_id: team, handle: field("team"), settings: settings.collect() })
    }

    fn register(&self, account: &Account, _callback: &str) -> Result<Registration, Trouble> {
        if account.is_fetched() {
            return Ok(Registration::Fetched);
        }
        let by_hand = Some(
            "enter the address in the app's settings: event subscriptions, interactivity & shortcuts, and each slash \
             command; or switch Socket Mode on and set the channel's `polling`",
        );
        Ok(Registration::Called { calls: Vec::new(), by_hand })
    }

    fn unregister(&self, _account: &Account) -> Result<Vec<ProviderRequest>, Trouble> {
        Ok(Vec::new())
    }

    fn done(&self, response: &ProviderResponse) -> Result<(), Trouble> {
        match self.interpret(response) {
            Ok(_) => Ok(()),
            Err(SendError::AuthBroken { code, message }) => Err(Trouble::staying(
                "credentials_refused",
                format!("slack refuses the bot token ({code}): {message}"),
                "install the app again (OAuth & permissions) and enter the bot user OAuth token (xoxb-…) as `bot_token`",
            )),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use botbuilder_adapter_kit::account::Credentials;
    use botbuilder_domain::{ChannelId, ChannelKind, OrgId, Secret};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    /// An account for tests.
    pub(crate) fn account() -> Account {
        let credentials = json!({ "bot_token": "xoxb-for-tests", "app_token": "xapp-for-tests" });
        let settings = json!({ "team_id": "T1" });
        Account {
            org: OrgId::new(Uuid::nil()),
            bot: None,
            channel: ChannelId::new(Uuid::nil()),
            kind: ChannelKind::Slack,
            public_id: "main".into(),
            provider_account_id: None,
            settings: settings.as_object().unwrap().clone(),
            credentials: Credentials::from_object(credentials.as_object().unwrap()),
            webhook_secrets: vec![Secret::new("signing_secret_for_tests".into())],
        }
    }

    #[test]
    fn the_token_says_whose_it_is() {
        let answer =
            |body: &Value| ProviderResponse { status: 200, retry_after: None, body: body.to_string().into() };
        let good = json!({ "ok": true, "team": "Shop", "team_id": "T1", "user_id": "U0BOT", "bot_id": "B1" });
        let identity = Slack.identity(&account(), &answer(&good)).unwrap();
        assert_eq!(identity.provider_account_id.as_deref(), Some("T1"));
        assert_eq!(identity.settings["bot_user_id"], "U0BOT");
        let whole = json!({
            "ok": true, "team": "Org", "team_id": "T1", "enterprise_id": "E1", "is_enterprise_install": true,
        });
        assert_eq!(Slack.identity(&account(), &answer(&whole)).unwrap().settings["team_id"], "E1");
        let revoked = json!({ "ok": false, "error": "token_revoked" });
        let trouble = Slack.identity(&account(), &answer(&revoked)).unwrap_err();
        assert_eq!((trouble.code, trouble.passes), ("credentials_refused", false));
        assert!(trouble.to_string().contains("xoxb"));
    }
}
