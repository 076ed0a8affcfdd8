//! What a refusal of the Bot API means for a send. `error_code` and `parameters` decide; descriptions are
//! matched by part, in any letter case, and are never needed.

use std::time::Duration;

use botbuilder_adapter_kit::{
    Change, ProviderResponse, SendError,
    json::{as_text, redacted},
};
use serde_json::Value;

/// 403 in one of these words means that the person blocked us.
const BLOCKED: &str = "blocked by the user";

/// 400 in one of these words means that there is nobody at the address.
const NOBODY: [&str; 4] = ["chat not found", "peer_id_invalid", "group chat was deleted", "user not found"];

/// Whether a change was refused because everything stands as it was wanted.
pub(crate) fn is_unchanged(body: &Value) -> bool {
    let description = body.get("description").and_then(Value::as_str).unwrap_or_default();
    description.to_lowercase().contains("message is not modified")
}

/// Classifies an answer that is not `"ok": true`. `body` is the parsed answer, null where it is no JSON.
pub(crate) fn interpret(response: &ProviderResponse, body: &Value) -> SendError {
    let told = body.get("error_code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let code = told.unwrap_or(response.status);
    let description = body.get("description").and_then(Value::as_str).unwrap_or("no description");
    let (words, message) = (description.to_lowercase(), redacted(description));
    let text = code.to_string();

    match code {
        429 => {
            let told = body.pointer("/parameters/retry_after").and_then(Value::as_u64);
            let after = told.map(Duration::from_secs).or(response.retry_after);
            // The answer does not say whether the chat or the whole bot is hot; most often it is the chat.
            SendError::RetryAfter { after, recipient_only: true, code: text }
        }
        500.. => SendError::Transient { code: text, message },
        403 => SendError::RecipientGone { blocked: words.contains(BLOCKED), code: text, message },
        401 | 404 => SendError::AuthBroken { code: text, message },
        200..=299 => SendError::Uncertain { message: "accepted, but the answer cannot be read".into() },
        400 => match change(body, &words) {
            Some(change) => SendError::RetryChanged { code: text, change },
            None if NOBODY.iter().any(|part| words.contains(part)) => {
                SendError::RecipientGone { blocked: false, code: text, message }
            }
            None => SendError::Permanent { code: text, message },
        },
        _ => SendError::Permanent { code: text, message },
    }
}

/// What would make a refused call succeed, if anything.
fn change(body: &Value, words: &str) -> Option<Change> {
    if let Some(chat) = body.pointer("/parameters/migrate_to_chat_id").and_then(as_text) {
        return Some(Change::Address(chat));
    }
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if says(&["can't parse entities"]) {
        return Some(Change::PlainText);
    }
    if says(&["message to be replied not found", "message to reply not found", "message thread not found"]) {
        return Some(Change::WithoutReply);
    }
    if says(&[
        "wrong file identifier",
        "failed to get http url content",
        "wrong type of the web page content",
    ]) {
        return Some(Change::LinkText);
    }
    None
}
