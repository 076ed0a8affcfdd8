//! Signing in with `OpenID Connect`.

use axum::{
    http::{HeaderMap, Method, header},
    response::Response,
};
use botbuilder_domain::Secret;
use botbuilder_service::http::Request;
use botbuilder_sso::oidc::{
    id_token::{self, Claims, Expected},
    jws,
    request::{self, Client as Registered, Started as Question, Tokens},
};
use botbuilder_store::{OrgScope, secret::Place, sso::connections::Connection, tenancy::organizations};
use chrono::TimeDelta;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::{
    entry::{self, Failure, Vouched},
    person::Person,
    providers::{self, Known},
    started::Started,
};
use crate::{Api, auth::Client, error::ApiError};

/// Where browsers come back to, below our address.
pub(crate) const CALLBACK: &str = "/sso/oidc/callback";

/// What a provider sends the browser back with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    iss: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

impl From<providers::Error> for Failure {
    fn from(error: providers::Error) -> Self {
        Self::new("provider_error", error.to_string())
    }
}

/// How we are known to a connection's provider.
pub(crate) async fn registered(api: &Api, connection: &Connection) -> Result<Registered, Failure> {
    let (id, sealed) = connection
        .client_id
        .clone()
        .zip(connection.client_secret.as_ref())
        .ok_or_else(|| Failure::new("provider_error", "the client's id or secret is missing"))?;
    let scope = OrgScope::of_service(connection.org);
    let mut tx = api.store.begin_auth().await?;
    let keys = organizations::data_keys(&mut tx, &scope, &api.root).await?;
    tx.commit().await?;
    let place = Place { table: "sso_configurations", column: "client_secret", row: connection.id };
    let opened =
        keys.open(place, &sealed.ciphertext, &sealed.key_id).map_err(botbuilder_store::Error::from)?;
    let secret = String::from_utf8(opened.expose().clone()).map_err(ApiError::defect)?;
    let redirect_uri = format!("{}{CALLBACK}", api.outside.base_url);
    Ok(Registered { id, secret: Secret::new(secret), redirect_uri })
}

fn issuer(connection: &Connection) -> Result<&str, Failure> {
    connection.issuer.as_deref().ok_or_else(|| Failure::new("provider_error", "the issuer is missing"))
}

/// Where the browser is sent, and what is kept until it comes back.
pub(crate) async fn begin(
    api: &Api,
    connection: &Connection,
    hint: Option<&str>,
) -> Result<(Url, Question), Failure> {
    let http = api.outside.http.as_ref();
    let known = api.outside.providers.find(http, issuer(connection)?, api.clock.now()).await?;
    let client = registered(api, connection).await?;
    let question = Question::new().map_err(ApiError::defect)?;
    let url = question.address(&known.provider, &client, &connection.scopes, hint);
    let url = url.ok_or_else(|| Failure::new("provider_error", "the provider's address is none"))?;
    Ok((url, question))
}

/// The hash by which a state is found again.
pub(crate) fn hash(state: &str) -> [u8; 32] {
    Sha256::digest(state.as_bytes()).into()
}

/// The browser came back.
pub(crate) async fn finish(
    api: &Api,
    headers: &HeaderMap,
    answer: Answer,
    client: &Client,
) -> Result<Response, ApiError> {
    // Without the cookie of the browser that began it, an answer is nobody's.
    let Some(started) = Started::<Question>::open(api, headers) else {
        return Err(entry::refused("unknown_state"));
    };
    let mut tx = api.store.begin_auth().await?;
    let connection = botbuilder_store::sso::connections::get(&mut tx, started.connection).await?;
    tx.commit().await?;
    let usable = connection.filter(|connection| {
        connection.protocol == "oidc" && matches!(connection.status.as_str(), "enabled" | "testing")
    });
    let Some(connection) = usable else { return Err(entry::refused("unknown_state")) };
    let state = hash(&started.kept.state);
    match checked(api, &connection, &started, &answer).await {
        Ok(person) => {
            // A state is good for one sign-in.
            let once = hash(&format!("oidc {}", started.kept.state));
            let vouched = Vouched {
                person: &person,
                state: &state,
                once: &once,
                return_to: &started.return_to,
                named: None,
            };
            match entry::enter(api, &connection, &vouched, client).await {
                Ok(response) => Ok(response),
                Err(failure) => Err(entry::refuse(api, &connection, Some(&state), failure, client).await),
            }
        }
        Err(failure) => Err(entry::refuse(api, &connection, Some(&state), failure, client).await),
    }
}

/// Who it was, if everything about the answer is right.
async fn checked(
    api: &Api,
    connection: &Connection,
    started: &Started<Question>,
    answer: &Answer,
) -> Result<Person, Failure> {
    let question = &started.kept;
    let state = answer.state.as_deref().unwrap_or_default();
    if !bool::from(state.as_bytes().ct_eq(question.state.as_bytes())) {
        return Err(Failure::new("unknown_state", "the answer belongs to another sign-in"));
    }
    let issuer = issuer(connection)?;
    let (http, now) = (api.outside.http.as_ref(), api.clock.now());
    let known = api.outside.providers.find(http, issuer, now).await?;
    // RFC 9207: an answer of another provider that was led here.
    let must_name = known.provider.authorization_response_iss_parameter_supported;
    let is_named = answer.iss.as_deref().map_or(!must_name, |named| named == issuer);
    if !is_named {
        return Err(Failure::new("provider_error", "the answer comes from another provider"));
    }
    if let Some(error) = &answer.error {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(100).collect();
        return Err(Failure::new("provider_error", format!("the provider says {error}")));
    }
    let code = answer.code.as_deref();
    let code = code.ok_or_else(|| Failure::new("provider_error", "the answer has no code"))?;
    let client = registered(api, connection).await?;
    let tokens = exchange(api, &known, &client, code, &question.verifier).await?;
    let expected = Expected {
        issuer,
        client_id: &client.id,
        nonce: &question.nonce,
        skew: TimeDelta::seconds(i64::from(connection.clock_skew_seconds)),
        now,
    };
    let claims = match id_token::verify(&tokens.id_token, &known.keys, &expected) {
        Err(id_token::Error::Signature(jws::Error::UnknownKey)) => {
            let known = api.outside.providers.renewed(http, issuer, now).await?;
            id_token::verify(&tokens.id_token, &known.keys, &expected)
        }
        other => other,
    };
    let claims = claims.map_err(|error| of_token(&error))?;
    let claims = with_userinfo(api, &known, claims, tokens.access_token.as_ref()).await?;
    let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default().to_owned();
    let usual: [&[&str]; 3] = [&["email"], &["name"], &["groups", "roles"]];
    Person::read(&subject, &claims, &connection.attribute_mapping, usual)
        .ok_or_else(|| Failure::new("provider_error", "the claims do not tell who it is"))
}

fn of_token(error: &id_token::Error) -> Failure {
    let code = match error {
        id_token::Error::Signature(_) => "bad_signature",
        id_token::Error::Audience => "wrong_audience",
        id_token::Error::Time => "expired",
        id_token::Error::Nonce => "replayed",
        id_token::Error::Claim(_) | id_token::Error::Issuer => "provider_error",
    };
    Failure::new(code, format!("the ID token is not taken: {error}"))
}

async fn exchange(
    api: &Api,
    known: &Known,
    client: &Registered,
    code: &str,
    verifier: &str,
) -> Result<Tokens, Failure> {
    let exchange = request::exchange(&known.provider, client, code, verifier);
    let request =
        Request::new(Method::POST, &known.provider.token_endpoint).map_err(providers::Error::from)?;
    let mut request =
        request.body("application/x-www-form-urlencoded", exchange.body.expose().clone().into_bytes());
    if let Some(authorization) = exchange.authorization {
        request =
            request.header(header::AUTHORIZATION, authorization.expose()).map_err(providers::Error::from)?;
    }
    let body = providers::send(api.outside.http.as_ref(), request, "token endpoint").await?;
    serde_json::from_slice(&body)
        .map_err(|_| Failure::new("provider_error", "the answer of the token endpoint cannot be read"))
}

/// What the ID token does not say may stand at the userinfo endpoint.
async fn with_userinfo(
    api: &Api,
    known: &Known,
    claims: Claims,
    access: Option<&Secret<String>>,
) -> Result<Claims, Failure> {
    let Some((endpoint, access)) = known.provider.userinfo_endpoint.as_deref().zip(access) else {
        return Ok(claims);
    };
    let http = api.outside.http.as_ref();
    let body = providers::get(http, endpoint, Some(access), "userinfo endpoint").await?;
    // A provider may sign it; what cannot be read as it is says nothing more.
    let Ok(userinfo) = serde_json::from_slice::<Claims>(&body) else { return Ok(claims) };
    id_token::with_userinfo(claims, userinfo)
        .map_err(|_| Failure::new("provider_error", "the userinfo is about somebody else"))
}
