//! What the fakes of Meta's two networks have alike: who may call, how an address for callbacks is tried, and people who
//! write and choose.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, header},
    routing::post,
};
use botbuilder_domain::{Ids as _, SystemIds};

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
