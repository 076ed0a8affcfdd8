//! Single log-out with SAML 2.0: a session that ends here ends at the provider, and one that ends there ends here.
//!
//! Everything travels with the browser, in addresses that their sender has signed. Whoever signs out here is signed out,
//! whatever becomes of it at the provider.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use botbuilder_sso::saml::{
    logout::{self, NameId, Sides},
    own::Pair,
    redirect::{self, Kind},
};
use botbuilder_store::{
    Error,
    audit::audit_logs::{self, Act},
    identity::user_sessions::{self, OfProvider},
    secret::new_secret,
    sso::{
        attempts::{self, Attempt},
        connections::{self, Connection},
    },
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{
    entry::{self, Failure, Refused},
    oidc::hash,
    own_keys, saml,
    started::{self, PATIENCE, Started},
};
use crate::{Api, auth::Client, error::ApiError, identity::session};

/// What is kept until the browser comes back from the provider.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The id of our request.
    logout_request: String,
}

/// Where messages of single log-out go.
pub(crate) fn address(api: &Api, connection: Uuid) -> String {
    format!("{}/sso/saml/{connection}/slo", api.outside.base_url)
}

fn new_id() -> Result<String, Failure> {
    let id = new_secret().map_err(Error::from)?;
    Ok(format!("_{}", id.expose()))
}

/// What both sides are called, and when it is.
struct Names {
    we: String,
    ours: String,
    provider: String,
    skew: TimeDelta,
}

impl Names {
    fn of(api: &Api, connection: &Connection) -> Result<Self, Failure> {
        let provider = connection.idp_entity_id.clone();
        Ok(Self {
            we: saml::entity_id(api, connection.id),
            ours: address(api, connection.id),
            provider: provider
                .ok_or_else(|| Failure::new("provider_error", "the provider's name is missing"))?,
            skew: TimeDelta::seconds(i64::from(connection.clock_skew_seconds)),
        })
    }

    fn sides(&self, api: &Api) -> Sides<'_> {
        let Self { we, ours, provider, skew } = self;
        Sides { we, ours, provider, skew: *skew, now: api.clock.now() }
    }
}

/// Where the browser goes to end the session at the provider, and the cookie that waits for the answer. None where the
/// provider takes no such requests, or we have no key to sign one.
pub(crate) async fn ask(
    api: &Api,
    connection: &Connection,
    session: &OfProvider,
) -> Result<Option<(Url, HeaderValue)>, Failure> {
    let own = own_keys::open(api, connection).await?;
    let name = session.name.clone().and_then(|name| serde_json::from_value::<NameId>(name).ok());
    let (Some(to), Some(signer), Some(name)) = (connection.idp_slo_url.as_deref(), own.first(), name) else {
        return Ok(None);
    };
    let (names, id) = (Names::of(api, connection)?, new_id()?);
    let url = logout::ask(&names.sides(api), to, &id, &name, session.session.as_deref(), signer);
    let Some(url) = url else { return Ok(None) };
    let started = Started {
        connection: connection.id,
        return_to: "/".to_owned(),
        until: api.clock.now() + PATIENCE,
        kept: Kept { logout_request: id },
    };
    Ok(Some((url, started.cookie(api, "Lax")?)))
}

/// The browser brings a message of the provider.
pub(crate) async fn received(
    api: &Api,
    id: Uuid,
    headers: &HeaderMap,
    query: &str,
    client: &Client,
) -> Result<Response, ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let connection = connections::get(&mut tx, id).await?;
    tx.commit().await?;
    let connection = connection.filter(|connection| {
        connection.protocol == "saml" && matches!(connection.status.as_str(), "enabled" | "testing")
    });
    let connection = connection.ok_or(ApiError::NotFound)?;
    match taken(api, &connection, headers, query, client).await {
        Ok(response) => Ok(response),
        Err(Failure::Other(error)) => Err(error),
        Err(Failure::Refused { code, detail }) => {
            let noted = Refused { stage: "logout", action: "sso.logout", state: None, code, detail: &detail };
            entry::note(api, &connection, &noted, client).await?;
            Err(entry::refused(code))
        }
    }
}

async fn taken(
    api: &Api,
    connection: &Connection,
    headers: &HeaderMap,
    query: &str,
    client: &Client,
) -> Result<Response, Failure> {
    let keys = saml::keys(connection);
    let keys =
        keys.ok_or_else(|| Failure::new("provider_error", "the provider's certificates cannot be used"))?;
    let message = redirect::read(query, &keys);
    let message =
        message.ok_or_else(|| Failure::new("bad_signature", "no message that the provider has signed"))?;
    let names = Names::of(api, connection)?;
    match message.kind {
        Kind::Request => {
            let asked = logout::asked(&message.message, &names.sides(api)).map_err(|error| of(&error))?;
            let own = own_keys::open(api, connection).await?;
            let to = connection.idp_slo_url.as_deref().zip(own.first());
            let (to, signer) = to.ok_or_else(|| {
                Failure::new(
                    "provider_error",
                    "there is no address or no key for an answer about signing out",
                )
            })?;
            end(api, connection, &asked, client).await?;
            answer(api, &names, to, &asked, message.relay_state.as_deref(), signer)
        }
        Kind::Response => {
            let started =
                Started::<Kept>::open(api, headers).filter(|started| started.connection == connection.id);
            let started =
                started.ok_or_else(|| Failure::new("unknown_state", "nobody signed out in this browser"))?;
            logout::answered(&message.message, &started.kept.logout_request, &names.sides(api))
                .map_err(|error| of(&error))?;
            let mut response = leading_to("/")?;
            started::forget(response.headers_mut());
            Ok(response)
        }
    }
}

fn of(error: &logout::Error) -> Failure {
    let code = match error {
        logout::Error::Form(_) => "bad_signature",
        logout::Error::Destination => "wrong_audience",
        logout::Error::Time => "expired",
        logout::Error::Question => "unknown_state",
        logout::Error::Issuer | logout::Error::Status(_) => "provider_error",
    };
    Failure::new(code, format!("the message about signing out is not taken: {error}"))
}

/// Ends the sessions that the provider names, once.
async fn end(
    api: &Api,
    connection: &Connection,
    asked: &logout::Asked,
    client: &Client,
) -> Result<(), Failure> {
    let now = api.clock.now();
    let once = hash(&format!("saml logout {}", asked.id));
    let ip = client.ip_text();
    let attempt = Attempt {
        stage: "logout",
        outcome: "success",
        failure: "none",
        once: Some(&once),
        ip: ip.as_deref(),
        user_agent: client.user_agent.as_deref(),
        ..Attempt::default()
    };
    let mut tx = api.store.begin_auth().await?;
    match attempts::append(&mut tx, connection, api.ids.next(), &attempt).await {
        Err(Error::Conflict { constraint }) if constraint == attempts::REPLAYED => {
            return Err(Failure::new("replayed", "this request to sign out was used before"));
        }
        other => other?,
    }
    let ended =
        user_sessions::end_of_provider(&mut tx, connection.id, &asked.name.name, &asked.sessions, now)
            .await?;
    for (id, user) in ended {
        let act = Act::new("auth.logout", "session", Some(id))
            .metadata(json!({ "user": user, "by": "provider", "sso_configuration_id": connection.id }));
        audit_logs::append(&mut tx, Some(connection.org), api.ids.next(), &client.nobody(), act).await?;
    }
    Ok(tx.commit().await?)
}

/// Tells the provider, by the browser, whose cookies go too.
fn answer(
    api: &Api,
    names: &Names,
    to: &str,
    asked: &logout::Asked,
    relay_state: Option<&str>,
    signer: &Pair,
) -> Result<Response, Failure> {
    let url = logout::answer(&names.sides(api), to, &new_id()?, asked, relay_state, signer);
    let url = url.ok_or_else(|| Failure::new("provider_error", "the provider's address is none"))?;
    leading_to(url.as_str())
}

fn leading_to(address: &str) -> Result<Response, Failure> {
    let mut response = session::gone();
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, address.parse().map_err(ApiError::defect)?);
    Ok(response)
}
