//! How a provider calls us: find the account, verify the raw bytes, decode.

use botbuilder_domain::{InboundEvent, Secret};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::Account;

/// A request as it came, before anything in it is believed.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// The method, upper case.
    pub method: String,
    /// The path below `/hooks/`: a public id, or `app/{provider}`.
    pub path: String,
    /// The query string without the question mark, still percent-encoded.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it was complete, for signatures that hold for a while.
    pub received: DateTime<Utc>,
}

impl RawRequest {
    /// The public id of `/hooks/{public_id}`, or none for another shape of address.
    pub fn public_id(&self) -> Option<&str> {
        let id = self.path.as_str();
        let written_well = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        (written_well && (1..=128).contains(&id.len())).then_some(id)
    }

    /// The provider of `/hooks/app/{provider}`.
    pub fn app_provider(&self) -> Option<&str> {
        self.path.strip_prefix("app/")
    }

    /// A parameter of the query, decoded, byte for byte. Names may be percent-encoded or not.
    pub fn query_parameter(&self, name: &str) -> Option<Vec<u8>> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(key) == name.as_bytes()).then(|| percent_decoded(value))
        })
    }

    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Undoes the encoding of a query component: `+` is a space, `%41` an `A`; a stray `%` stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |index: usize| bytes.get(index).and_then(|digit| char::from(*digit).to_digit(16));
        if byte == b'%'
            && let (Some(high), Some(low)) = (hex(at + 1), hex(at + 2))
        {
            decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
            at += 3;
            continue;
        }
        decoded.push(if byte == b'+' { b' ' } else { byte });
        at += 1;
    }
    decoded
}

/// How the account of a request is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// By the public id in the path.
    PublicId(String),
    /// By the provider's account ids in the payload, for a provider app that serves many accounts.
    ProviderAccounts(Vec<String>),
}

/// A request whose signature was found good. Only a [`Webhook::verify`] makes one, by naming the request.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'r> {
    request: &'r RawRequest,
}

impl<'r> Verified<'r> {
    /// States that the request's origin has been proved. To be called in a `verify` only, and for what was kept because
    /// one had proved it.
    pub const fn proved(request: &'r RawRequest) -> Self {
        Self { request }
    }

    /// The request.
    pub const fn request(&self) -> &'r RawRequest {
        self.request
    }
}

/// Why a callback that was kept is not taken in again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Its channel is not connected any more, or is none that providers call.
    #[error("the channel is not connected")]
    NotConnected,
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The stream takes nothing now; so many seconds may help.
    #[error("the stream takes nothing now")]
    Later(u32),
}

/// Why a request is not believed. Each is answered with its HTTP status and nothing is kept but a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The signature is missing.
    #[error("signature is missing")]
    SignatureMissing,
    /// The signature is not of the right form.
    #[error("signature is malformed")]
    SignatureMalformed,
    /// The signature is wrong.
    #[error("signature does not match")]
    SignatureMismatch,
    /// No secret is configured, so nothing can be verified.
    #[error("no secret is configured for this address")]
    SecretMissing,
    /// A subscription handshake named the wrong token or mode.
    #[error("handshake is refused")]
    Handshake,
    /// The request cannot belong to this channel: wrong method, wrong shape of address.
    #[error("request is not one of this channel's")]
    NotOurs,
}

impl Rejection {
    /// The HTTP status that answers it.
    pub const fn status(self) -> u16 {
        match self {
            Self::SignatureMissing
            | Self::SignatureMalformed
            | Self::SignatureMismatch
            | Self::SecretMissing => 401,
            Self::Handshake => 403,
            Self::NotOurs => 404,
        }
    }
}

/// Why a verified body could not be read at all. Answered 400. A single unknown or malformed item is not this:
/// it becomes an `unsupported` event and its neighbours are handled.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is not JSON, or not an object of the provider's outer shape.
    #[error("body is not a {expected}: {reason}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
        /// What is wrong with it, without its content.
        reason: String,
    },
}

/// The reply that a provider expects once the events are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// 200 with an empty body.
    pub const fn ok() -> Self {
        Self { status: 200, content_type: "text/plain; charset=utf-8", body: Bytes::new() }
    }

    /// 200 with a text, byte for byte.
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self { status: 200, content_type: "text/plain; charset=utf-8", body: body.into() }
    }
}

/// What a request holds: events, and the reply once they are durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The events, in the order of the body. Empty for a handshake.
    pub events: Vec<InboundEvent>,
    /// How many items belong to another account and were left out.
    pub skipped: usize,
    /// The reply.
    pub reply: Reply,
}

/// A channel whose provider calls us by HTTP. All three are pure.
pub trait Webhook: Send + Sync {
    /// Finds out whose request this is.
    fn locate(&self, request: &RawRequest) -> Result<Locator, Rejection>;

    /// Checks the signature over the raw bytes, in constant time, with each of the account's secrets.
    fn verify<'r>(&self, account: &Account, request: &'r RawRequest) -> Result<Verified<'r>, Rejection>;

    /// Reads the events of this account out of the request.
    fn decode(&self, account: &Account, request: Verified<'_>) -> Result<Received, DecodeError>;
}

/// Whether two secrets are equal, in a time that does not depend on where they differ. An empty known secret
/// equals nothing.
pub fn equal_in_constant_time(known: &Secret<String>, presented: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;

    let known = known.expose().as_bytes();
    !known.is_empty() && bool::from(known.ct_eq(presented))
}
