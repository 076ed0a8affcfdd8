//! Updates as Telegram writes them.

use botbuilder_domain::{Clock as _, SystemClock};
use serde_json::{Value, json};

/// The header that carries the secret token.
pub const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";

pub(super) fn now() -> i64 {
    SystemClock.now().timestamp()
}

/// A person's text in a private chat; its message id is the update's. Gives the body and the value of
/// `X-Telegram-Bot-Api-Secret-Token`.
pub fn message_webhook(secret_token: &str, update_id: u64, chat_id: i64, text: &str) -> (String, String) {
    let mut message = json!({
        "message_id": update_id,
        "from": person(chat_id),
        "chat": private(chat_id),
        "date": now(),
        "text": text,
    });
    if let Some(command) = text.split_whitespace().next().filter(|word| word.starts_with('/')) {
        let length = command.encode_utf16().count();
        message["entities"] = json!([{ "type": "bot_command", "offset": 0, "length": length }]);
    }
    (json!({ "update_id": update_id, "message": message }).to_string(), secret_token.to_owned())
}

/// A message of a person in a private chat, without what it holds.
pub(super) fn message(update_id: u64, chat_id: i64) -> Value {
    json!({ "message_id": update_id, "from": person(chat_id), "chat": private(chat_id), "date": now() })
}

/// A person's tap on a button below one of our messages. Gives the body and the value of
/// `X-Telegram-Bot-Api-Secret-Token`.
pub fn tap_webhook(secret_token: &str, update_id: u64, chat_id: i64, data: &str) -> (String, String) {
    (tap_on(update_id, chat_id, 1, data), secret_token.to_owned())
}

/// The body of a tap on a button below the message of that number.
pub(super) fn tap_on(update_id: u64, chat_id: i64, message: u64, data: &str) -> String {
    let query = json!({
        "id": format!("{update_id}{chat_id}").replace('-', ""),
        "from": person(chat_id),
        "message": { "message_id": message, "chat": private(chat_id), "date": now(), "text": "?" },
        "chat_instance": "1",
        "data": data,
    });
    json!({ "update_id": update_id, "callback_query": query }).to_string()
}

fn person(id: i64) -> Value {
    json!({ "id": id, "is_bot": false, "first_name": "Person", "last_name": id.to_string(), "language_code": "en" })
}

pub(super) fn private(id: i64) -> Value {
    json!({ "id": id, "type": "private", "first_name": "Person" })
}
