//! Names of people: `users.info`, which wants the scope `users:read`.

use botbuilder_adapter_kit::{
    Account, Name, Names, ProviderRequest, ProviderResponse, SendError, json::as_text,
};
use serde_json::Value;

use crate::{
    Slack,
    media::{get, read},
    settings::Calling,
};

impl Names for Slack {
    fn ask(&self, account: &Account, person: &str) -> Result<Option<ProviderRequest>, SendError> {
        // An address may be a channel's.
        if !person.starts_with(['U', 'W']) {
            return Ok(None);
        }
        let Calling { base_url, bot_token } = Calling::of(account)?;
        Ok(Some(get(&base_url, bot_token, "users.info", &[("user", person)])))
    }

    fn told(&self, response: &ProviderResponse) -> Result<Name, SendError> {
        let body = read(response)?;
        let user = body.get("user").unwrap_or(&Value::Null);
        let text = |place: &str| user.pointer(place).and_then(as_text).filter(|name| !name.trim().is_empty());
        // As Slack shows it: what the person chose, else the whole name.
        let shown = ["/profile/display_name", "/profile/real_name", "/real_name"].into_iter().find_map(text);
        Ok(Name::new(shown, text("/name")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::setup::tests::account;

    #[test]
    fn people_are_asked_for_and_channels_are_not() {
        let asked = Slack.ask(&account(), "U1").unwrap().unwrap();
        assert_eq!(
            (asked.method, asked.url.expose().as_str()),
            ("GET", "https://slack.com/api/users.info?user=U1")
        );
        assert!(asked.bearer.is_some());
        assert!(Slack.ask(&account(), "C1").unwrap().is_none());
    }

    #[test]
    fn the_chosen_name_comes_first_and_a_refusal_is_one() {
        let told = |body: &Value| {
            Slack.told(&ProviderResponse { status: 200, retry_after: None, body: body.to_string().into() })
        };
        let user = |chosen: &str| {
            let profile = json!({ "display_name": chosen, "real_name": "Ada Lovelace" });
            json!({ "ok": true, "user": { "name": "ada", "profile": profile } })
        };
        let name = |shown: &str| Name::new(Some(shown.into()), Some("ada".into()));
        assert_eq!(told(&user("Countess")), Ok(name("Countess")));
        assert_eq!(told(&user("")), Ok(name("Ada Lovelace")));
        assert_eq!(told(&json!({ "ok": true })), Ok(Name::default()));
        let refused = told(&json!({ "ok": false, "error": "missing_scope" }));
        assert!(matches!(refused, Err(SendError::AuthBroken { .. })), "{refused:?}");
    }
}
