//! Who a visitor is.
//!
//! Anonymous visitors hold a secret, and are a digest of it: nothing has to be stored to recognise them, and nobody
//! can take an address from a log and write in its name. Visitors whom the site vouches for are a digest of the id
//! that the site signed. Either way they go on with a token, good for one widget and an hour, that this process or any
//! other with the same root key can check.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use botbuilder_domain::{BotId, Secret};
use botbuilder_store::{OrgScope, bots::widget_configs, secret::RootKey, tenancy::organizations};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Known, Refused, enter};
use crate::Gateway;

/// How long a token is good.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);
/// Most characters of an id or a name that a site gives.
const IDENTITY_MAX: usize = 255;
const NAME_MAX: usize = 200;

/// A visitor who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The visitor's address on the channel.
    pub(super) visitor: String,
    /// The name that the site gave.
    pub(super) name: Option<String>,
}

impl Session {
    /// The visitor of a secret. None where it has not the form of one.
    pub(super) fn of_secret(secret: &str) -> Option<Self> {
        let is_secret = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_secret.then(|| {
            let digest = Sha256::digest(secret.as_bytes());
            Self { visitor: format!("v{}", hex::encode(&digest[..20])), name: None }
        })
    }

    /// The visitor whom a site calls so.
    fn of_identity(bot: BotId, id: &str, name: Option<String>) -> Self {
        let mut digest = Sha256::new();
        digest.update(bot.uuid().as_bytes());
        digest.update(id.as_bytes());
        Self { visitor: format!("u{}", hex::encode(&digest.finalize()[..20])), name }
    }
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// The widget's public key.
    w: String,
    /// The visitor's address.
    v: String,
    /// The name that the site gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    /// The end, in seconds since 1970.
    e: i64,
}

/// Makes and checks visitors' tokens.
pub struct Tokens {
    root: RootKey,
    key: Secret<[u8; 32]>,
}

impl Tokens {
    /// With a key derived from this one.
    pub fn new(root: RootKey) -> Self {
        let key = root.derive("botbuilder.widget-token.1");
        Self { root, key }
    }

    fn mac(&self, claims: &str) -> Option<Hmac<Sha256>> {
        Hmac::<Sha256>::new_from_slice(self.key.expose()).ok().map(|mac| mac.chain_update(claims))
    }

    fn issue(&self, widget: &str, session: &Session, until: DateTime<Utc>) -> Option<String> {
        let claims = Claims {
            w: widget.to_owned(),
            v: session.visitor.clone(),
            n: session.name.clone(),
            e: until.timestamp(),
        };
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).ok()?);
        let mac = self.mac(&claims)?.finalize().into_bytes();
        Some(format!("{claims}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// The visitor of a token, if it is good for that widget now.
    fn open(&self, widget: &str, token: &str, now: DateTime<Utc>) -> Option<Session> {
        let (claims, mac) = token.split_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.mac(claims)?.verify_slice(&mac).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        (claims.w == widget && claims.e > now.timestamp())
            .then_some(Session { visitor: claims.v, name: claims.n })
    }
}

/// The visitor of what was presented: a token, or the secret itself from what is not a browser.
pub(super) fn of_presented(
    gateway: &Gateway,
    public_key: &str,
    known: &Known,
    presented: &str,
    is_browser: bool,
) -> Result<Session, Refused> {
    if presented.contains('.') {
        return gateway.tokens.open(public_key, presented, gateway.clock.now()).ok_or(Refused::NoSession);
    }
    if is_browser || known.widget.require_identity {
        return Err(Refused::NoSession);
    }
    Session::of_secret(presented).ok_or(Refused::NoSession)
}

/// The visitor whom the `Authorization` header names.
pub(super) fn of_headers(
    gateway: &Gateway,
    public_key: &str,
    known: &Known,
    headers: &HeaderMap,
) -> Result<Session, Refused> {
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(Refused::NoSession)?;
    of_presented(gateway, public_key, known, presented, headers.contains_key(header::ORIGIN))
}

/// Whom a site vouches for.
#[derive(Debug, Deserialize)]
struct Identity {
    id: String,
    expires_at: i64,
    signature: String,
    #[serde(default)]
    name: Option<String>,
}

impl Identity {
    /// Whether the site's key signed it and it is not over.
    fn is_signed(&self, key: &Secret<Vec<u8>>, now: DateTime<Utc>) -> bool {
        let Ok(signature) = hex::decode(&self.signature) else { return false };
        // An empty key would let everybody sign.
        if key.expose().is_empty() || self.expires_at <= now.timestamp() {
            return false;
        }
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else { return false };
        let signed = mac.chain_update(&self.id).chain_update(b"\n").chain_update(self.expires_at.to_string());
        signed.verify_slice(&signature).is_ok()
    }
}

#[derive(Debug, Default, Deserialize)]
struct Begin {
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    identity: Option<Identity>,
}

/// `POST /widget/v1/{public_key}/session`.
pub(super) async fn begin(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let begun = async {
        let known = enter(&gateway, &public_key, &headers).await?;
        let asked: Begin = if body.is_empty() {
            Begin::default()
        } else {
            serde_json::from_slice(&body).map_err(|error| Refused::Bad(error.to_string()))?
        };
        start(&gateway, &public_key, &known, asked).await
    };
    begun.await.unwrap_or_else(Refused::into_response)
}

async fn start(
    gateway: &Gateway,
    public_key: &str,
    known: &Arc<Known>,
    asked: Begin,
) -> Result<Response, Refused> {
    let now = gateway.clock.now();
    let (session, secret) = match (asked.identity, asked.secret) {
        (Some(identity), _) => (vouched(gateway, known, identity, now).await?, None),
        (None, _) if known.widget.require_identity => return Err(Refused::Identity),
        (None, Some(secret)) => {
            let session = Session::of_secret(&secret);
            (session.ok_or_else(|| Refused::Bad("secret has 64 hex digits".to_owned()))?, Some(secret))
        }
        (None, None) => {
            let mut secret = [0_u8; 32];
            getrandom::fill(&mut secret).map_err(|_| Refused::Unavailable)?;
            let secret = hex::encode(secret);
            (Session::of_secret(&secret).ok_or(Refused::Unavailable)?, Some(secret))
        }
    };
    let token =
        gateway.tokens.issue(public_key, &session, now + TOKEN_LIFETIME).ok_or(Refused::Unavailable)?;
    let answer = json!({ "secret": secret, "token": token, "expires_in": TOKEN_LIFETIME.as_secs() });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// The visitor whom a signed identity names.
async fn vouched(
    gateway: &Gateway,
    known: &Known,
    identity: Identity,
    now: DateTime<Utc>,
) -> Result<Session, Refused> {
    if identity.id.is_empty() || identity.id.chars().count() > IDENTITY_MAX {
        return Err(Refused::Bad(format!("identity.id has 1 to {IDENTITY_MAX} characters")));
    }
    let scope = OrgScope::of_service(known.widget.org);
    let mut tx = gateway.store.begin(&scope).await?;
    let keys = organizations::data_keys(&mut tx, &scope, &gateway.tokens.root).await?;
    let key = widget_configs::identity_secret(&mut tx, &scope, &keys, known.widget.id).await?;
    tx.commit().await?;
    if !key.is_some_and(|key| identity.is_signed(&key, now)) {
        return Err(Refused::Identity);
    }
    let name = identity.name.map(|name| name.chars().take(NAME_MAX).collect());
    Ok(Session::of_identity(known.widget.bot, &identity.id, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn tokens(byte: u8) -> Tokens {
        Tokens::new(RootKey::new(Secret::new([byte; 32])))
    }

    #[test]
    fn a_secret_leads_to_one_visitor_and_does_not_show_in_the_address() {
        let secret = "0123456789abcdef".repeat(4);
        let session = Session::of_secret(&secret).unwrap();
        assert_eq!(session.visitor, Session::of_secret(&secret).unwrap().visitor);
        assert!(session.visitor.len() <= 64 && !session.visitor.contains("0123456789abcdef"));
        for bad in ["", "abc", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65)] {
            assert!(Session::of_secret(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_good_for_its_widget_its_time_and_its_key_alone() {
        let session = Session { visitor: "v1".to_owned(), name: Some("Ada".to_owned()) };
        let token = tokens(1).issue("shop", &session, NOW + TOKEN_LIFETIME).unwrap();
        assert_eq!(tokens(1).open("shop", &token, NOW), Some(session));
        assert_eq!(tokens(1).open("other", &token, NOW), None);
        assert_eq!(tokens(2).open("shop", &token, NOW), None);
        assert_eq!(tokens(1).open("shop", &token, NOW + TOKEN_LIFETIME), None);
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last character of a base64 text may hold bits that mean nothing.
            let same = URL_SAFE_NO_PAD.decode(changed.rsplit('.').next().unwrap()).ok()
                == URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).ok();
            assert!(tokens(1).open("shop", &changed, NOW).is_none() || same, "{place}");
        }
        for bad in ["", ".", "a.b", "..", &token[..token.len() - 1]] {
            assert!(tokens(1).open("shop", bad, NOW).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_identity_counts_only_as_it_was_signed() {
        let key = Secret::new(b"site".to_vec());
        // printf 'customer-7\n3600' | openssl dgst -sha256 -hmac site
        let signature = {
            let mac = Hmac::<Sha256>::new_from_slice(b"site").unwrap();
            hex::encode(mac.chain_update("customer-7\n3600").finalize().into_bytes())
        };
        let identity = |id: &str, expires_at, signature: &str| Identity {
            id: id.to_owned(),
            expires_at,
            signature: signature.to_owned(),
            name: None,
        };
        assert!(identity("customer-7", 3600, &signature).is_signed(&key, NOW));
        assert!(!identity("customer-8", 3600, &signature).is_signed(&key, NOW));
        assert!(!identity("customer-7", 3601, &signature).is_signed(&key, NOW));
        assert!(!identity("customer-7", 3600, "").is_signed(&key, NOW));
        assert!(!identity("customer-7", 3600, &signature[2..]).is_signed(&key, NOW));
        assert!(!identity("customer-7", 3600, &signature).is_signed(&Secret::new(Vec::new()), NOW));
        assert!(!identity("customer-7", 3600, &signature).is_signed(&key, NOW + TOKEN_LIFETIME));
    }

    #[test]
    fn the_same_id_at_another_bot_is_another_visitor() {
        let bot = |n| BotId::new(uuid::Uuid::from_u128(n));
        let one = Session::of_identity(bot(1), "7", None);
        assert_eq!(one, Session::of_identity(bot(1), "7", None));
        assert_ne!(one.visitor, Session::of_identity(bot(2), "7", None).visitor);
    }
}
