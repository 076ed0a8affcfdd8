//! What every channel has to pass. An adapter's `tests/contract.rs` fills in a [`Contract`] and calls
//! [`Contract::is_kept`].
//!
//! The fixtures are files: `inbound/<situation>.json` is a body byte for byte, `outbound/<situation>.json` an
//! [`Sending`], `responses/<situation>.json` an [`Answer`]. Beside each stands `<situation>.expected.json`, what
//! it comes to. `UPDATE_SNAPSHOTS=1 cargo test` writes those anew; the difference is then read in the review.

mod hostile;
mod signatures;
mod snapshot;

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    time::Duration,
};

use botbuilder_domain::{Content, Inbound, InboundEvent, MessageId, Secret};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Account, Channel, DecodeError, Part, ProviderResponse, RawRequest, Received, RequestBody, SendError,
    Webhook, plan,
};

/// When the requests of the checks come in: 1700000000 seconds after 1970 began.
pub const RECEIVED: DateTime<Utc> = DateTime::from_timestamp_nanos(1_700_000_000_000_000_000);

/// A channel, and what the checks need to know about it.
pub struct Contract<'a> {
    /// The channel.
    pub channel: &'a dyn Channel,
    /// The folder with the fixtures.
    pub fixtures: &'a Path,
    /// An account that is set up for everything.
    pub account: Account,
    /// The header that proves the origin: its name in lower case, and its value for a secret and a body.
    pub sign: fn(&Secret<String>, &[u8]) -> (String, String),
    /// Headers that go along with it.
    pub beside: &'a [(&'a str, &'a str)],
    /// How the body of a fixture is sent, where that is not as it is: some providers send forms.
    pub as_sent: fn(Bytes) -> Bytes,
    /// Whether the proof depends on the body.
    pub covers_body: bool,
    /// Bodies of kinds that nobody knows. Each holds the text `marker` somewhere.
    pub unknown: Vec<Value>,
    /// How a body with several items is made, where the provider sends such.
    pub batch: Option<Batch>,
}

/// How a body with several items is made.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// A text message with this number in its id.
    pub item: fn(usize) -> Value,
    /// A body with these items.
    pub body: fn(Vec<Value>) -> Value,
}

/// An outbound fixture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// The recipient.
    pub to: String,
    /// The thread within it.
    #[serde(default)]
    pub thread: String,
    /// What is sent, before it is planned.
    pub content: Content,
    /// The provider's id of the message it answers.
    #[serde(default)]
    pub reply_to: Option<String>,
}

/// A response fixture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers, names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: a text as it is, anything else as JSON.
    pub body: Value,
}

/// Least numbers of fixtures: what comes in, what goes out, what is answered.
const FIXTURES_MIN: [usize; 3] = [40, 25, 25];

/// Signatures that are tried beside those of [`Contract::bad_signatures_are_refused`]: with four channels a million.
const MUTATED: u32 = 250_000;

impl Contract<'_> {
    /// Every check there is.
    pub fn is_kept(&self) {
        let [inbound, outbound, responses] = FIXTURES_MIN;
        self.inbound_fixtures_decode(inbound);
        self.outbound_fixtures_encode(outbound);
        self.responses_come_to_their_outcome(responses);
        self.bad_signatures_are_refused();
        self.mutated_signatures_are_refused(MUTATED);
        self.addresses_are_told_apart();
        self.unknown_kinds_are_kept();
        self.unreadable_bodies_are_refused();
        self.changed_fixtures_do_not_panic();
        self.a_malformed_item_does_not_lose_its_neighbours();
        self.a_thousand_items_are_read_in_order();
    }

    /// Every inbound fixture decodes to its snapshot, under keys that are the same each time.
    pub fn inbound_fixtures_decode(&self, at_least: usize) {
        let fixtures = snapshot::fixtures(&self.fixtures.join("inbound"));
        assert!(fixtures.len() >= at_least, "{} inbound fixtures", fixtures.len());
        for fixture in fixtures {
            let decode = || {
                self.decode(fixture.bytes.clone())
                    .unwrap_or_else(|error| panic!("{} is not decoded: {error}", fixture.name))
            };
            let received = decode();
            assert_eq!(received, decode(), "{} decodes to something else each time", fixture.name);
            let keys: HashSet<&str> = received.events.iter().map(|event| event.dedupe.as_str()).collect();
            let repeats = fixture.name.contains("duplicate");
            assert_eq!(keys.len() < received.events.len(), repeats, "keys of {}", fixture.name);
            assert!(!keys.contains(""), "an empty key in {}", fixture.name);
            fixture.expect(&json!({ "events": received.events, "skipped": received.skipped }));
        }
    }

    /// Every outbound fixture plans and encodes to its snapshot, and shows no secret.
    pub fn outbound_fixtures_encode(&self, at_least: usize) {
        let http = self.channel.http().expect("the channel has no provider to call");
        let fixtures = snapshot::fixtures(&self.fixtures.join("outbound"));
        assert!(fixtures.len() >= at_least, "{} outbound fixtures", fixtures.len());
        for fixture in fixtures {
            let sending: Sending = fixture.read();
            let found = match plan(&sending.content, &self.channel.capabilities()) {
                Err(error) => json!({ "not_planned": error.to_string() }),
                Ok(plan) => {
                    let mut messages = Vec::new();
                    for (index, content) in plan.parts.into_iter().enumerate() {
                        let part = Part {
                            message: MessageId::new(uuid::Uuid::from_u128(1)),
                            index,
                            to: sending.to.clone(),
                            thread: sending.thread.clone(),
                            content,
                            reply_to: sending.reply_to.clone().filter(|_| index == 0),
                        };
                        messages.push(match http.encode(&self.account, &part) {
                            Ok(requests) => requests.iter().map(|request| self.shown(request)).collect(),
                            Err(error) => json!({ "refused": refusal(&error) }),
                        });
                    }
                    json!({ "downgrades": plan.downgrades, "parts": messages })
                }
            };
            fixture.expect(&found);
        }
    }

    /// Every response fixture comes to its outcome.
    pub fn responses_come_to_their_outcome(&self, at_least: usize) {
        let http = self.channel.http().expect("the channel has no provider to call");
        let fixtures = snapshot::fixtures(&self.fixtures.join("responses"));
        assert!(fixtures.len() >= at_least, "{} response fixtures", fixtures.len());
        for fixture in fixtures {
            let Answer { status, headers, body } = fixture.read();
            let retry_after = headers.get("retry-after").and_then(|value| value.parse().ok());
            let response = ProviderResponse {
                status,
                retry_after: retry_after.map(Duration::from_secs),
                body: match body {
                    Value::String(text) => Bytes::from(text),
                    other => Bytes::from(other.to_string()),
                },
            };
            fixture.expect(&match http.interpret(&response) {
                Ok(id) => json!({ "sent": id.0 }),
                Err(error) => refusal(&error),
            });
        }
    }

    /// A kind that nobody knows is kept as it came.
    pub fn unknown_kinds_are_kept(&self) {
        assert!(!self.unknown.is_empty(), "no unknown kinds to try");
        for body in &self.unknown {
            let received = self.decode(body.to_string().into()).expect("an unknown kind is not decoded");
            let kept = received.events.iter().any(|event| {
                matches!(&event.what, Inbound::Unsupported { raw, .. } if raw.to_string().contains("marker"))
            });
            assert!(kept, "{body} came to {:?}", received.events);
        }
    }

    fn webhook(&self) -> &dyn Webhook {
        self.channel.webhook().expect("the channel has no webhook")
    }

    fn request(&self, body: Bytes) -> RawRequest {
        let secret = self.account.webhook_secrets.first().expect("the account has a webhook secret");
        let body = (self.as_sent)(body);
        let header = (self.sign)(secret, &body);
        RawRequest {
            method: "POST".into(),
            path: self.account.public_id.clone(),
            query: String::new(),
            headers: self.headers(header),
            body,
            received: RECEIVED,
        }
    }

    /// A proof and what goes along with it.
    fn headers(&self, proof: (String, String)) -> Vec<(String, String)> {
        let beside = self.beside.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        [proof].into_iter().chain(beside).collect()
    }

    /// Signs, verifies and decodes.
    fn decode(&self, body: Bytes) -> Result<Received, DecodeError> {
        let request = self.request(body);
        let verified = self.webhook().verify(&self.account, &request).expect("a good signature is refused");
        self.webhook().decode(&self.account, verified)
    }

    /// A request as a snapshot holds it. Neither it nor its `Debug` may hold a credential.
    fn shown(&self, request: &crate::ProviderRequest) -> Value {
        let RequestBody::Json(body) = &request.body else { return json!({ "url": request.shown_as }) };
        let debug = format!("{request:?}");
        for name in ["access_token", "bot_token", "verify_token"] {
            if let Some(secret) = self.account.credentials.get(name) {
                let leaks = debug.contains(secret.expose()) || request.shown_as.contains(secret.expose());
                assert!(!leaks, "{name} can be seen");
            }
        }
        json!({
            "method": request.method,
            "url": request.shown_as,
            "bearer": request.bearer.is_some(),
            "body": body,
        })
    }
}

/// A failure as a snapshot holds it: complete, so that a test sees every change.
fn refusal(error: &SendError) -> Value {
    let mut shown = json!({
        "code": error.code(),
        "provider_code": error.provider_code(),
        "retriable": error.is_retriable(),
        "message": error.to_string(),
    });
    match error {
        SendError::RetryAfter { after, recipient_only, .. } => {
            shown["after_seconds"] = json!(after.map(|after| after.as_secs()));
            shown["recipient_only"] = json!(recipient_only);
        }
        SendError::RetryChanged { change, .. } => shown["change"] = json!(format!("{change:?}")),
        SendError::RecipientGone { blocked, .. } => shown["blocked"] = json!(blocked),
        _ => {}
    }
    shown
}

/// The text of an event that is a text message.
fn text_of(event: &InboundEvent) -> Option<&str> {
    match &event.what {
        Inbound::Message { content: Content::Text { text }, .. } => Some(text),
        _ => None,
    }
}
