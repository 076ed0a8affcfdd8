//! Webhooks as Instagram writes them, signed.

use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Clock as _, Secret, SystemClock};
use serde_json::{Value, json};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "X-Hub-Signature-256";

/// One item of a person. Gives the body and the value of `X-Hub-Signature-256`.
pub(super) fn item(
    app_secret: &str,
    account: &str,
    from: &str,
    kind: &str,
    value: &Value,
) -> (String, String) {
    let now = SystemClock.now().timestamp_millis();
    let item = json!({
        "sender": { "id": from }, "recipient": { "id": account }, "timestamp": now, kind: value,
    });
    let body = json!({
        "object": "instagram",
        "entry": [{ "id": account, "time": now, "messaging": [item] }],
    })
    .to_string();
    let signature = meta::sign(&Secret::new(app_secret.to_owned()), body.as_bytes());
    (body, signature)
}
