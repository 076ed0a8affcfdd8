//! Calls of Graph that connect an account, and what their answers mean.

use botbuilder_adapter_kit::{ProviderRequest, ProviderResponse, RequestBody, SendError, Trouble};
use botbuilder_domain::Secret;
use serde_json::Value;

use crate::{Classify, interpret_refusal};

/// A call of Graph with the account's token. `url` is the whole address, without secrets.
pub fn graph(
    method: &'static str,
    url: String,
    access_token: &Secret<String>,
    body: Option<Value>,
) -> ProviderRequest {
    ProviderRequest {
        method,
        shown_as: url.clone(),
        url: Secret::new(url),
        bearer: Some(access_token.clone()),
        body: body.map_or(RequestBody::Empty, RequestBody::Json),
    }
}

/// The object that an answer is, unless it is an error.
pub fn answered(response: &ProviderResponse, classify: Classify) -> Result<Value, Trouble> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if (200..300).contains(&response.status) && body.is_object() && body.get("error").is_none() {
        return Ok(body);
    }
    Err(match interpret_refusal(response, classify) {
        SendError::AuthBroken { code, message } => Trouble::staying(
            "credentials_refused",
            format!("meta refuses the token ({code}): {message}"),
            "make a new token with the permissions that the adapter's page names, and enter it as `access_token`",
        ),
        SendError::Permanent { code, message } => Trouble::staying(
            "refused",
            format!("meta refuses the call ({code}): {message}"),
            "compare the ids in the channel's settings with those in the app's dashboard; where the address for \
             callbacks is refused, it has to be https and answer the challenge with the same `verify_token`",
        ),
        other => other.into(),
    })
}

/// Whether a call that only has to succeed did.
pub fn succeeded(response: &ProviderResponse, classify: Classify) -> Result<(), Trouble> {
    match answered(response, classify)?.get("success") {
        Some(Value::Bool(true)) => Ok(()),
        _ => Err(Trouble::passing("provider_unavailable", "meta does not say that it was done")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::classify;

    #[test]
    fn an_answer_is_an_object_without_an_error() {
        let response = |status: u16, body: &str| ProviderResponse {
            status,
            retry_after: None,
            body: body.as_bytes().to_vec().into(),
        };
        assert_eq!(succeeded(&response(200, "{\"success\":true}"), classify), Ok(()));
        for body in ["", "[]", "{}", "{\"success\":false}", "<html>"] {
            assert!(succeeded(&response(200, body), classify).is_err_and(|trouble| trouble.passes), "{body}");
        }
        let error = json!({ "error": { "code": 190, "message": "Invalid OAuth access token" } }).to_string();
        let trouble = answered(&response(401, &error), classify).unwrap_err();
        assert_eq!((trouble.code, trouble.passes), ("credentials_refused", false));
        let error = json!({ "error": { "code": 100, "message": "Object does not exist" } }).to_string();
        assert!(answered(&response(400, &error), classify).unwrap_err().advice.contains("settings"));
    }
}
