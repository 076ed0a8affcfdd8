//! Webhooks as WhatsApp writes them, signed.

use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Clock as _, Secret, SystemClock};
use serde_json::{Value, json};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "X-Hub-Signature-256";

/// The business account that everything is from.
pub const WABA_ID: &str = "102290129340398";

/// The time now, as WhatsApp writes it: seconds, in a string.
pub(super) fn timestamp() -> String {
    SystemClock.now().timestamp().to_string()
}

/// A person as a notification names them: by a telephone number, a business-scoped id, or both.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) phone: Option<String>,
    pub(super) user_id: Option<String>,
}

/// The business-scoped id of a number.
pub(super) fn user_id(phone: &str) -> String {
    format!("US.{}", phone.trim_start_matches('+'))
}

/// The number of a business-scoped id.
pub(super) fn of_user_id(id: &str) -> Option<&str> {
    id.strip_prefix("US.")
}

/// A person's text. Gives the body and the value of `X-Hub-Signature-256`.
pub fn message_webhook(
    app_secret: &str,
    phone_number_id: &str,
    from: &str,
    id: &str,
    text: &str,
) -> (String, String) {
    let message = json!({ "type": "text", "text": { "body": text } });
    let who = Who { phone: Some(from.to_owned()), user_id: None };
    one_message(app_secret, phone_number_id, &who, id, message)
}

pub(super) fn one_message(
    app_secret: &str,
    phone_number_id: &str,
    who: &Who,
    id: &str,
    mut message: Value,
) -> (String, String) {
    let shown = who.phone.as_deref().or(who.user_id.as_deref()).unwrap_or_default();
    let mut contact = json!({ "profile": { "name": format!("Person {shown}") } });
    if let Some(phone) = &who.phone {
        message["from"] = phone.as_str().into();
        contact["wa_id"] = phone.as_str().into();
    }
    if let Some(user_id) = &who.user_id {
        message["from_user_id"] = user_id.as_str().into();
        contact["user_id"] = user_id.as_str().into();
    }
    message["id"] = id.into();
    message["timestamp"] = timestamp().into();
    signed(
        app_secret,
        &notification(phone_number_id, &json!({ "contacts": [contact], "messages": [message] })),
    )
}

/// A notification with the given lists beside the metadata.
pub(super) fn notification(phone_number_id: &str, lists: &Value) -> Value {
    let mut value = lists.clone();
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = json!({ "display_phone_number": "15550783881", "phone_number_id": phone_number_id });
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": WABA_ID, "changes": [{ "field": "messages", "value": value }] }],
    })
}

/// A body and its signature.
pub(super) fn signed(app_secret: &str, body: &Value) -> (String, String) {
    let body = body.to_string();
    let signature = meta::sign(&Secret::new(app_secret.to_owned()), body.as_bytes());
    (body, signature)
}
