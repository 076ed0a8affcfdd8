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

/// A person's text. Gives the body and the value of `X-Hub-Signature-256`.
pub fn message_webhook(
    app_secret: &str,
    phone_number_id: &str,
    from: &str,
    id: &str,
    text: &str,
) -> (String, String) {
    let message = json!({ "type": "text", "text": { "body": text } });
    one_message(app_secret, phone_number_id, from, id, message)
}

/// A person's tap on a reply button. Gives the body and the value of `X-Hub-Signature-256`.
pub fn tap_webhook(
    app_secret: &str,
    phone_number_id: &str,
    from: &str,
    id: &str,
    payload: &str,
    title: &str,
) -> (String, String) {
    let reply = json!({ "type": "button_reply", "button_reply": { "id": payload, "title": title } });
    one_message(app_secret, phone_number_id, from, id, json!({ "type": "interactive", "interactive": reply }))
}

pub(super) fn one_message(
    app_secret: &str,
    phone_number_id: &str,
    from: &str,
    id: &str,
    mut message: Value,
) -> (String, String) {
    message["from"] = from.into();
    message["id"] = id.into();
    message["timestamp"] = timestamp().into();
    let contacts = json!([{ "profile": { "name": format!("Person {from}") }, "wa_id": from }]);
    signed(
        app_secret,
        &notification(phone_number_id, &json!({ "contacts": contacts, "messages": [message] })),
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
