//! The methods that a structured payload may name, and what of a part each takes (`channels.md` 3.5).

use botbuilder_adapter_kit::{SendError, json::as_text};
use serde_json::{Map, Value};

use crate::outbound::{message_number, refused};

/// What a method that makes a message takes of a part, beside its own parameters.
const SENDS: &[&str] = &["chat_id", "message_thread_id", "business_connection_id", "reply_parameters"];
/// What one takes that changes a message of ours.
const CHANGES: &[&str] = &["chat_id", "business_connection_id"];
/// What one takes that does something in the chat.
const IN_CHAT: &[&str] = &["chat_id"];
/// What one takes that makes a message out of others.
const COPIES: &[&str] = &["chat_id", "message_thread_id"];
/// One that answers a query takes nothing: the query says whose it is.
const ANSWERS: &[&str] = &[];

/// Methods that do not make a message of their own, or make it in another way. All that begin with `send` make one.
const METHODS: [(&str, &[&str]); 23] = [
    ("editMessageText", CHANGES),
    ("editMessageCaption", CHANGES),
    ("editMessageMedia", CHANGES),
    ("editMessageLiveLocation", CHANGES),
    ("stopMessageLiveLocation", CHANGES),
    ("editMessageReplyMarkup", CHANGES),
    ("editMessageChecklist", CHANGES),
    ("stopPoll", CHANGES),
    ("pinChatMessage", CHANGES),
    ("unpinChatMessage", CHANGES),
    ("deleteMessage", IN_CHAT),
    ("deleteMessages", IN_CHAT),
    ("setMessageReaction", IN_CHAT),
    ("unpinAllChatMessages", IN_CHAT),
    ("forwardMessage", COPIES),
    ("forwardMessages", COPIES),
    ("copyMessages", COPIES),
    ("copyMessage", &["chat_id", "message_thread_id", "reply_parameters"]),
    ("answerCallbackQuery", ANSWERS),
    ("answerInlineQuery", ANSWERS),
    ("answerShippingQuery", ANSWERS),
    ("answerPreCheckoutQuery", ANSWERS),
    ("answerWebAppQuery", ANSWERS),
];

/// What a method takes of a part.
pub(crate) fn taken(method: &str) -> &'static [&'static str] {
    METHODS.into_iter().find(|(name, _)| *name == method).map_or(SENDS, |(_, taken)| taken)
}

/// A payload for this channel: `method`, and its parameters beside it. A message may be named by Telegram's number of it, or
/// by our provider id, `{chat}:{number}`.
pub(crate) fn structured(payload: &Value) -> Result<(String, Map<String, Value>), SendError> {
    let mut body = payload.as_object().cloned().ok_or(refused("the payload is not an object"))?;
    let method = body.remove("method").as_ref().and_then(as_text).unwrap_or_default();
    let sends = method.starts_with("send") && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !sends && METHODS.iter().all(|(name, _)| *name != method) {
        return Err(refused("the payload names a method that is not one for messages, reactions or queries"));
    }
    for name in ["message_id", "message_ids"] {
        match body.get_mut(name) {
            Some(Value::Array(ids)) => ids.iter_mut().for_each(as_number),
            Some(id) => as_number(id),
            None => {}
        }
    }
    Ok((method, body))
}

fn as_number(id: &mut Value) {
    if let Some(number) = id.as_str().and_then(message_number) {
        *id = number.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_named_by_either_id() {
        let of = |payload: Value| structured(&payload).unwrap().1;
        assert_eq!(of(json!({ "method": "deleteMessage", "message_id": "-42:7" }))["message_id"], 7);
        assert_eq!(of(json!({ "method": "deleteMessage", "message_id": 7 }))["message_id"], 7);
        let many = json!({ "method": "deleteMessages", "message_ids": ["42:7", 8, "9"] });
        assert_eq!(of(many)["message_ids"], json!([7, 8, "9"]));
    }

    #[test]
    fn only_methods_for_messages_are_named() {
        for method in [
            "",
            "getMe",
            "setWebhook",
            "deleteWebhook",
            "logOut",
            "banChatMember",
            "send/../getMe",
            "deleteMessageX",
        ] {
            assert!(structured(&json!({ "method": method })).is_err(), "{method}");
        }
        assert!(structured(&json!(["sendMessage"])).is_err());
    }
}
