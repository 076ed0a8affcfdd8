//! Channels that the app is not in: a public one is joined where the app may (`conversations.join`), and then written in.

use botbuilder_adapter_kit::{Account, Part, ProviderRequest, ProviderResponse, SendError, json::as_text};
use serde_json::{Map, Value};

use crate::{outbound::request, settings::Calling};

/// What Slack says where the app is not in the channel that it writes in.
const OUTSIDE: &str = "not_in_channel";

/// The request that joins the channel which refused a part for that reason.
pub(crate) fn encode(
    account: &Account,
    part: &Part,
    refused: &SendError,
) -> Result<Option<ProviderRequest>, SendError> {
    if refused.provider_code() != Some(OUTSIDE) || !part.to.starts_with('C') {
        return Ok(None);
    }
    let body = Map::from_iter([("channel".to_owned(), part.to.as_str().into())]);
    Ok(Some(request(&Calling::of(account)?, "conversations.join", body)))
}

/// Whether the app is in the channel now; else what somebody has to do.
pub(crate) fn interpret(response: &ProviderResponse, refused: SendError) -> Result<(), SendError> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if response.status < 300 && body.get("ok") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    let message = match body.get("error").and_then(as_text).as_deref() {
        Some("missing_scope") => {
            "the app is not in the channel: give it the scope channels:join and install it anew, or invite it there"
        }
        Some("method_not_supported_for_channel_type" | "channel_not_found" | "not_in_channel") => {
            "the app is not in the channel, which is private: somebody who is in it has to invite the app"
        }
        Some("is_archived") => "the channel is archived",
        // It may be let in later; what was said of the message stands.
        _ => return Err(refused),
    };
    Err(SendError::RecipientGone { code: OUTSIDE.to_owned(), message: message.to_owned(), blocked: false })
}

#[cfg(test)]
mod tests {
    use botbuilder_adapter_kit::HttpChannel as _;
    use botbuilder_domain::{Content, MessageId};
    use serde_json::json;

    use super::*;
    use crate::{Slack, setup::tests::account};

    fn gone(code: &str) -> SendError {
        SendError::RecipientGone { code: code.into(), message: "no details".into(), blocked: false }
    }

    #[test]
    fn only_a_channel_that_the_app_is_not_in_is_joined() {
        let joins = |to: &str, code: &str| {
            let part = Part {
                message: MessageId::new(uuid::Uuid::nil()),
                index: 0,
                to: to.to_owned(),
                thread: String::new(),
                content: Content::text("hi"),
                reply_to: None,
            };
            let request = Slack.encode_opening(&account(), &part, &gone(code)).unwrap();
            request.map(|request| request.shown_as)
        };
        assert!(joins("C0SHOP", "not_in_channel").is_some_and(|to| to.ends_with("/conversations.join")));
        for (to, code) in
            [("C0SHOP", "is_archived"), ("D0ADA", "not_in_channel"), ("U0ADA", "not_in_channel")]
        {
            assert_eq!(joins(to, code), None, "{to} {code}");
        }
    }

    #[test]
    fn who_may_not_join_is_told_what_to_do() {
        let opened = |body: Value| {
            let body = body.to_string().into();
            let answer = ProviderResponse { status: 200, retry_after: None, body };
            Slack.opened(&answer, gone("not_in_channel")).map_err(|error| error.to_string())
        };
        assert_eq!(opened(json!({ "ok": true, "warning": "already_in_channel" })), Ok(()));
        let refused = |code: &str| opened(json!({ "ok": false, "error": code })).unwrap_err();
        assert!(refused("missing_scope").contains("channels:join"));
        assert!(refused("method_not_supported_for_channel_type").contains("invite"));
        assert!(refused("ratelimited").contains("no details"));
    }
}
