//! What a refusal of the Web API means for a send. HTTP is 200 for most of them: `error` decides.

use botbuilder_adapter_kit::{
    Change, ProviderResponse, SendError,
    json::{as_text, redacted},
};
use serde_json::Value;

/// Classifies an answer that is not `"ok": true`. `body` is the parsed answer, null where it is no JSON.
pub(crate) fn interpret(response: &ProviderResponse, body: &Value) -> SendError {
    let status = response.status;
    let told = body.get("error").and_then(as_text);
    // Codes are words with underscores, which are nothing secret; anything else is not shown.
    let is_code = |code: &String| {
        code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let Some(code) = told.filter(is_code) else { return without_code(response, body) };
    let message = message(body);

    match code.as_str() {
        _ if status == 429 => slow_down(response, code),
        // The limit of a workspace lifts after minutes; of the others `Retry-After` tells.
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => slow_down(response, code),
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org"
        | "org_login_required" => SendError::Transient { code, message },
        "invalid_auth"
        | "not_authed"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "missing_scope"
        | "not_allowed_token_type"
        | "no_permission"
        | "team_access_not_granted"
        | "access_denied" => SendError::AuthBroken { code, message },
        "invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long" => {
            SendError::RetryChanged { code, change: Change::PlainText }
        }
        "cannot_reply_to_message" | "restricted_action_thread_locked" => {
            SendError::RetryChanged { code, change: Change::WithoutReply }
        }
        "channel_not_found"
        | "is_archived"
        | "not_in_channel"
        | "user_not_found"
        | "user_disabled"
        | "cannot_dm_bot"
        | "messages_tab_disabled"
        | "ekm_access_denied"
        | "used_url"
        | "expired_url" => SendError::RecipientGone { code, message, blocked: false },
        _ if code.starts_with("restricted_action") => {
            SendError::RecipientGone { code, message, blocked: false }
        }
        _ if status >= 500 => SendError::Transient { code, message },
        _ => SendError::Permanent { code, message },
    }
}

/// No error code: a page of HTML, half an answer, or one without `ok`.
fn without_code(response: &ProviderResponse, body: &Value) -> SendError {
    let code = format!("http_{}", response.status);
    let message = "answer without an error code".to_owned();
    match response.status {
        429 => slow_down(response, "ratelimited".into()),
        408 | 500.. => SendError::Transient { code, message },
        // It says that it was refused, and not why.
        200..=299 if body.get("ok") == Some(&Value::Bool(false)) => SendError::Permanent { code, message },
        // Whole, and not an answer of the Web API's: something stood in between.
        200..=299 if !body.is_null() => SendError::Transient { code, message },
        200..=299 => SendError::Uncertain { message: "accepted, but the answer cannot be read".into() },
        401 | 403 => SendError::AuthBroken { code, message },
        _ => SendError::Permanent { code, message },
    }
}

/// The limit of posting is one of each channel.
fn slow_down(response: &ProviderResponse, code: String) -> SendError {
    let recipient_only = code != "message_limit_exceeded";
    SendError::RetryAfter { after: response.retry_after, recipient_only, code }
}

/// What Slack adds to its code: the scope that is missing, the argument that is wrong.
fn message(body: &Value) -> String {
    let needed = body.get("needed").and_then(as_text).map(|scope| format!("scope {scope} is needed"));
    let told = body.pointer("/response_metadata/messages/0").and_then(as_text);
    redacted(&needed.or(told).unwrap_or_else(|| "no details".into()))
}
