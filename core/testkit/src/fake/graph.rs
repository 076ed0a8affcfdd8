//! What the fakes of Meta's two networks have alike: who may call, how an address for callbacks is tried, and people who
//! write and choose.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, header},
    routing::post,
};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Ids as _, Secret, SystemIds};
use serde_json::{Map, Value};

use super::{
    Error,
    caller::Caller,
    control::{Said, Tapped, taken},
};

/// A fake whose people write and choose.
pub(super) trait People: Send + Sync + 'static {
    /// A person writes; resolves once the webhook has taken it.
    fn say(&self, said: Said) -> impl Future<Output = Result<(), Error>> + Send;

    /// A person chooses.
    fn tap(&self, tapped: Tapped) -> impl Future<Output = Result<(), Error>> + Send;
}

/// `/__fake/say` and `/__fake/tap`.
pub(super) fn people<P: People>(fake: Arc<P>) -> Router {
    let say = async |State(fake): State<Arc<P>>, Json(said): Json<Said>| taken(fake.say(said).await);
    let tap = async |State(fake): State<Arc<P>>, Json(tapped): Json<Tapped>| taken(fake.tap(tapped).await);
    Router::new().route("/__fake/say", post(say)).route("/__fake/tap", post(tap)).with_state(fake)
}

/// Whether a call carries the token.
pub(super) fn is_authorized(headers: &HeaderMap, token: &str) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    bearer.and_then(|value| value.strip_prefix("Bearer ")) == Some(token)
}

/// A call as Graph reads it: its body is JSON, or a form whose fields may hold JSON; the token stands in the header, in the
/// query or in the form.
#[derive(Debug, Default)]
pub(super) struct Called {
    token: Option<String>,
    /// What proves that the caller knows the app's secret.
    proof: Option<String>,
    /// What it says, as an object; none where that cannot be read.
    pub(super) body: Option<Value>,
}

impl Called {
    pub(super) fn read(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut called = Self {
            token: text(header::AUTHORIZATION).strip_prefix("Bearer ").map(str::to_owned),
            ..Self::default()
        };
        let mut said = Map::new();
        let fields = url::form_urlencoded::parse;
        let is_form = text(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded");
        let form = fields(if is_form { body } else { &[] });
        for (name, value) in fields(query.unwrap_or_default().as_bytes()).chain(form) {
            match name.as_ref() {
                "access_token" => called.token = Some(value.into_owned()),
                "appsecret_proof" => called.proof = Some(value.into_owned()),
                _ if value.starts_with(['{', '[']) => {
                    said.insert(name.into_owned(), serde_json::from_str(&value).unwrap_or_default());
                }
                _ => {
                    said.insert(name.into_owned(), value.into_owned().into());
                }
            }
        }
        called.body = if is_form { Some(said.into()) } else { serde_json::from_slice(body).ok() };
        called
    }

    /// Whether it carries the token.
    pub(super) fn carries(&self, token: &str) -> bool {
        self.token.as_deref() == Some(token)
    }

    /// Whether it knows the app's secret, where it says so.
    pub(super) fn knows(&self, token: &str, app_secret: &str) -> bool {
        let proof = || meta::sign(&Secret::new(app_secret.to_owned()), token.as_bytes());
        self.proof.as_deref().is_none_or(|given| proof().strip_prefix("sha256=") == Some(given))
    }
}

/// Asks an address for its challenge, as Meta does before it sends anything there.
pub(super) async fn challenge(caller: &Caller, url: &str, verify_token: &str) -> Result<(), Error> {
    let challenge = SystemIds.next().simple().to_string();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.verify_token", verify_token)
        .append_pair("hub.challenge", &challenge)
        .finish();
    let (status, body) = caller.get(&format!("{url}?{query}")).await?;
    if status == 200 && body == challenge {
        return Ok(());
    }
    Err(Error::NotTaken(format!("the challenge was answered with {status}")))
}
