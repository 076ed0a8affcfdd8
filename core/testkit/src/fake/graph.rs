//! What the fakes of Meta's two networks have alike: who may call, and how an address for callbacks is tried.

use axum::http::{HeaderMap, header};
use botbuilder_domain::{Ids as _, SystemIds};

use super::{Error, caller::Caller};

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
