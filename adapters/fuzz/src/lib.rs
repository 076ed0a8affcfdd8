//! What the targets share: an account of a network, and a request with given headers and body.
//!
//! How they are run stands in the README. A target fails where a reader panics, takes long, or breaks a promise that every
//! event keeps: no key is empty, and an acknowledgement names its envelope.

use botbuilder_adapter_kit::{
    Account, Channel, Frame, ProviderResponse, RawRequest, Source, Verified, account::Credentials,
};
use botbuilder_domain::{ChannelId, ChannelKind, InboundEvent, OrgId, Secret};
use bytes::Bytes;
use chrono::DateTime;
use serde_json::json;
use uuid::Uuid;

/// An account with everything that readers look at.
pub fn account(kind: ChannelKind) -> Account {
    let settings = json!({
        "phone_number_id": "106540352242922", "ig_user_id": "17841400008460056", "team_id": "T1",
        "bot_user_id": "U0BOT",
    });
    let credentials = json!({ "verify_token": "verify", "bot_token": "1:a", "app_token": "xapp-1" });
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None,
        channel: ChannelId::new(Uuid::nil()),
        kind,
        public_id: "main".into(),
        provider_account_id: None,
        settings: settings.as_object().cloned().unwrap_or_default(),
        credentials: Credentials::from_object(&credentials.as_object().cloned().unwrap_or_default()),
        webhook_secrets: vec![Secret::new("secret".into())],
    }
}

/// A callback.
pub fn request(headers: Vec<(String, String)>, body: &[u8]) -> RawRequest {
    RawRequest {
        method: "POST".into(),
        path: "main".into(),
        query: String::new(),
        headers,
        body: Bytes::copy_from_slice(body),
        received: DateTime::UNIX_EPOCH,
    }
}

/// Reads a body in every way in which the channel may meet it.
pub fn read(channel: &dyn Channel, body: &[u8]) {
    let account = account(channel.kind());
    let Some(webhook) = channel.webhook() else { return };
    let posted = request(Vec::new(), body);
    let _ = webhook.locate(&RawRequest { path: format!("app/{}", channel.kind()), ..posted.clone() });
    if let Ok(received) = webhook.decode(&account, Verified::proved(&posted)) {
        check(&received.events);
    }
    match channel.source() {
        Some(Source::Poll(poll)) => {
            let response =
                ProviderResponse { status: 200, retry_after: None, body: Bytes::copy_from_slice(body) };
            if let Ok(polled) = poll.read(&account, &response) {
                polled.deliveries.iter().for_each(|delivery| check(&delivery.events));
            }
        }
        Some(Source::Socket(socket)) => {
            let frame = socket.read(&account, &String::from_utf8_lossy(body), DateTime::UNIX_EPOCH);
            if let Frame::Delivery { delivery, acknowledge } = frame {
                check(&delivery.events);
                assert!(acknowledge.contains("envelope_id"), "{acknowledge}");
            }
        }
        None => {}
    }
    if let Some(http) = channel.http() {
        for status in [200, 400, 429, 500] {
            let response = ProviderResponse { status, retry_after: None, body: Bytes::copy_from_slice(body) };
            let _ = http.interpret(&response);
        }
    }
}

/// What holds for every event.
fn check(events: &[InboundEvent]) {
    for event in events {
        assert!(!event.dedupe.is_empty(), "no key: {event:?}");
    }
}
