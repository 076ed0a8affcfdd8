//! Callbacks that were not taken, kept for whoever looks for them: a wrong secret shows as forged callbacks, a change at
//! the provider as ones that cannot be read.
//!
//! They are written apart from the request and never hold it up: where many come, some are counted and no more. Of forged
//! ones a channel keeps one a minute, so nobody fills the table, and under a key of chance, so none stands in the way of a
//! real one. What is signed and cannot be read is kept once, however often the provider repeats it; replayed when it can be
//! read, it is answered.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use botbuilder_adapter_kit::{Account, RawRequest};
use botbuilder_domain::{ChannelId, OrgId};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    OrgScope,
    channels::channel_webhooks::{self, NotTaken},
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Gateway;

/// Of forged callbacks a channel keeps one in this time.
const EVERY: Duration = Duration::from_mins(1);
/// More channels than this are not told apart.
const CHANNELS: usize = 10_000;
/// Most that wait to be written.
const WAITING: usize = 64;
/// Most bytes of a body that are kept; a provider's callback that is longer is kept in part.
const BODY: usize = 64 * 1024;
/// Headers that are kept, as far as they tell a forger from a wrong setting. None of them is a secret by itself.
const HEADERS: [&str; 5] =
    ["content-type", "user-agent", "x-hub-signature-256", "x-slack-signature", "x-slack-request-timestamp"];

/// Where callbacks that were not taken wait to be written.
pub struct RefusedCallbacks {
    seen: Mutex<HashMap<ChannelId, Instant>>,
    queue: mpsc::Sender<(OrgId, NotTaken)>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<(OrgId, NotTaken)>>,
}

impl Default for RefusedCallbacks {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        Self { seen: Mutex::default(), queue, waiting: tokio::sync::Mutex::new(waiting) }
    }
}

impl RefusedCallbacks {
    /// Keeps a callback whose signature is not good, if it is the channel's first in a while.
    pub(super) fn forged(&self, gateway: &Gateway, account: &Account, raw: &RawRequest, reason: String) {
        if self.is_first(account.channel) {
            let key = format!("refused:{}", gateway.ids.next());
            self.keep(gateway, account, raw, key, false, reason);
        }
    }

    /// Keeps a callback that is signed and cannot be read.
    pub(super) fn unreadable(&self, gateway: &Gateway, account: &Account, raw: &RawRequest, reason: String) {
        let key = format!("unreadable:{}", hex::encode(Sha256::digest(&raw.body)));
        self.keep(gateway, account, raw, key, true, reason);
    }

    fn is_first(&self, channel: ChannelId) -> bool {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&channel).is_some_and(|last| now.duration_since(*last) < EVERY) {
            return false;
        }
        if seen.len() >= CHANNELS {
            seen.clear();
        }
        seen.insert(channel, now);
        true
    }

    fn keep(
        &self,
        gateway: &Gateway,
        account: &Account,
        raw: &RawRequest,
        dedupe_key: String,
        signature_valid: bool,
        reason: String,
    ) {
        // What comes for an app of the platform, before it is known for whom, is no channel's.
        if account.channel.uuid().is_nil() {
            return;
        }
        let new = NotTaken {
            id: gateway.ids.next(),
            channel: account.channel,
            dedupe_key,
            signature_valid,
            payload: payload(&raw.body),
            headers: headers(&raw.headers),
            payload_hash: Sha256::digest(&raw.body).into(),
            reason,
        };
        if self.queue.try_send((account.org, new)).is_err() {
            metrics::counter!("ingress_refused_unkept_total").increment(1);
        }
    }
}

/// The body as an object; what is none, or too long, as a text.
fn payload(body: &[u8]) -> Value {
    let whole = (body.len() <= BODY).then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    // PostgreSQL has no text with a null character in it.
    whole.filter(|value| value.is_object() && !value.to_string().contains("\\u0000")).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(BODY)]).replace('\0', "\u{fffd}");
        json!({ "body": text })
    })
}

fn headers(all: &[(String, String)]) -> Value {
    let kept = all.iter().filter(|(name, _)| HEADERS.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}

/// The service that writes them.
pub struct Keeping {
    gateway: Gateway,
}

impl Keeping {
    /// A service of this gateway.
    pub fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    async fn write(&self, org: OrgId, new: &NotTaken) -> Result<(), botbuilder_store::Error> {
        let scope = OrgScope::of_service(org);
        let mut tx = self.gateway.store.begin(&scope).await?;
        channel_webhooks::insert_not_taken(&mut tx, &scope, new).await?;
        tx.commit().await
    }
}

#[async_trait]
impl Service for Keeping {
    fn name(&self) -> &'static str {
        "refused callbacks"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut waiting = self.gateway.refused.waiting.lock().await;
        loop {
            let (org, new) = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(next) = waiting.recv() => next,
            };
            if let Err(error) = self.write(org, &new).await {
                warn!(channel.id = %new.channel, error = %error, "callback that was not taken is not kept");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_kept_as_far_as_they_can_be() {
        assert_eq!(payload(br#"{"a":1}"#), json!({ "a": 1 }));
        for (body, text) in [("[1]", "[1]"), ("no json", "no json"), ("", ""), ("a\0b", "a\u{fffd}b")] {
            assert_eq!(payload(body.as_bytes()), json!({ "body": text }));
        }
        assert_eq!(payload(br#"{"a":"\u0000"}"#), json!({ "body": "{\"a\":\"\\u0000\"}" }));
        let long = payload(&vec![b'x'; BODY + 1]);
        assert_eq!(long["body"].as_str().map(str::len), Some(BODY));
    }

    #[test]
    fn headers_that_may_be_a_secret_are_left_out() {
        let given = [
            ("user-agent", "curl"),
            ("authorization", "Bearer x"),
            ("x-telegram-bot-api-secret-token", "x"),
            ("cookie", "x"),
        ];
        let given: Vec<_> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(headers(&given), json!({ "user-agent": "curl" }));
    }

    #[test]
    fn a_channel_keeps_one_in_a_while() {
        let (kept, channel) = (RefusedCallbacks::default(), ChannelId::new(uuid::Uuid::nil()));
        assert!(kept.is_first(channel));
        assert!(!kept.is_first(channel));
        assert!(kept.is_first(ChannelId::new(uuid::Uuid::max())));
    }
}
