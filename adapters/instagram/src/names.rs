//! Names of people: their profile, which a person's first message opens to us (`channels.md` 2.2).

use botbuilder_adapter_kit::{
    Account, Name, Names, ProviderRequest, ProviderResponse, SendError, json::as_text,
};
use botbuilder_adapter_meta as meta;
use serde_json::Value;

use crate::{Instagram, refusal, settings::Sending};

impl Names for Instagram {
    fn ask(&self, account: &Account, person: &str) -> Result<Option<ProviderRequest>, SendError> {
        if person.is_empty() || !person.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let Sending { base_url, api_version, access_token, .. } = Sending::of(account)?;
        let url = format!("{base_url}/{api_version}/{person}?fields=name,username");
        Ok(Some(meta::setup::graph("GET", url, access_token, None)))
    }

    fn told(&self, response: &ProviderResponse) -> Result<Name, SendError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if !(200..300).contains(&response.status) || body.get("error").is_some() || !body.is_object() {
            return Err(meta::interpret_refusal(response, refusal::classify));
        }
        let field = |name: &str| body.get(name).and_then(as_text);
        Ok(Name::new(field("name"), field("username")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_without_a_name_is_no_error_and_a_refusal_is() {
        let told = |status: u16, body: &str| {
            Instagram.told(&ProviderResponse { status, retry_after: None, body: body.to_owned().into() })
        };
        let ada = Name::new(Some("Ada".into()), Some("ada.l".into()));
        assert_eq!(told(200, r#"{"name":"Ada","username":"ada.l","id":"1"}"#), Ok(ada));
        assert_eq!(told(200, r#"{"name":" ","id":"1"}"#), Ok(Name::default()));
        assert!(told(200, "[]").is_err());
        let refused = told(400, r#"{"error":{"code":100,"message":"User consent is required"}}"#);
        assert!(matches!(refused, Err(SendError::Permanent { .. })), "{refused:?}");
    }
}
