//! Signing in with SAML 2.0.

use axum::{http::HeaderMap, response::Response};
use botbuilder_sso::saml::{
    certificate::Key,
    logout::NameId,
    metadata::{self, About},
    request::{self, Question},
    response::{self, Assertion, Expected},
};
use botbuilder_store::{
    secret::new_secret,
    sso::{
        attempts,
        connections::{self, Connection},
    },
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{
    entry::{self, Failure, Vouched},
    log_out,
    oidc::hash,
    own_keys,
    person::Person,
    started::Started,
};
use crate::{Api, auth::Client, error::ApiError, identity::sign_in::check_email};

/// Under which names the usual providers tell an address, a name and groups.
const USUAL: [&[&str]; 3] = [
    &[
        "email",
        "mail",
        "urn:oid:0.9.2342.19200300.100.1.3",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    ],
    &[
        "displayName",
        "name",
        "urn:oid:2.16.840.1.113730.3.1.241",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    ],
    &["groups", "memberOf", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"],
];

/// What is kept until the browser comes back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The id of the question.
    pub id: String,
}

/// What we call ourselves to a connection's provider.
pub(crate) fn entity_id(api: &Api, connection: Uuid) -> String {
    format!("{}/sso/saml/{connection}/metadata", api.outside.base_url)
}

/// Where its answers go.
pub(crate) fn answer_to(api: &Api, connection: Uuid) -> String {
    format!("{}/sso/saml/{connection}/acs", api.outside.base_url)
}

/// The keys of the certificates that the organization trusts; none where one of them cannot be read.
pub(crate) fn keys(connection: &Connection) -> Option<Vec<Key>> {
    let certificates = connection.idp_certificates.iter();
    certificates
        .map(|text| Key::of_certificate(text))
        .collect::<Option<Vec<_>>>()
        .filter(|keys| !keys.is_empty())
}

/// Where the browser is sent, and what is kept until it comes back.
pub(crate) async fn begin(api: &Api, connection: &Connection) -> Result<(Url, Kept), Failure> {
    let provider = connection.idp_sso_url.as_deref();
    let provider =
        provider.ok_or_else(|| Failure::new("provider_error", "the provider's address is missing"))?;
    let id = new_secret().map_err(botbuilder_store::Error::from)?;
    let id = format!("_{}", id.expose());
    let own = own_keys::open(api, connection).await?;
    let question = Question {
        id: &id,
        now: api.clock.now(),
        provider,
        entity_id: &entity_id(api, connection.id),
        answer_to: &answer_to(api, connection.id),
        name_id_format: connection.name_id_format.as_deref(),
        relay_state: "botbuilder",
        signer: own.first().filter(|_| connection.sign_requests),
    };
    let url = request::address(&question);
    let url = url.ok_or_else(|| Failure::new("provider_error", "the provider's address is none"))?;
    Ok((url, Kept { id }))
}

/// The browser brings an answer. One that nobody asked for is refused.
pub(crate) async fn finish(
    api: &Api,
    id: Uuid,
    headers: &HeaderMap,
    answer: &str,
    client: &Client,
) -> Result<Response, ApiError> {
    let started = Started::<Kept>::open(api, headers).filter(|started| started.connection == id);
    let Some(started) = started else { return Err(entry::refused("unknown_state")) };
    let mut tx = api.store.begin_auth().await?;
    let connection = connections::get(&mut tx, id).await?.filter(|connection| {
        connection.protocol == "saml" && matches!(connection.status.as_str(), "enabled" | "testing")
    });
    let Some(connection) = connection else { return Err(entry::refused("unknown_state")) };
    let state = hash(&started.kept.id);
    let is_open = attempts::is_open(&mut tx, &connection, &state).await?;
    tx.commit().await?;
    let entered = match checked(api, &connection, &started.kept.id, is_open, answer).await {
        Ok((person, assertion)) => {
            let once = hash(&format!("saml {}", assertion.id));
            let name = serde_json::to_value(&assertion.name_id).map_err(ApiError::defect)?;
            let vouched = Vouched {
                person: &person,
                state: &state,
                once: &once,
                return_to: &started.return_to,
                named: Some((&name, assertion.session.as_deref())),
            };
            entry::enter(api, &connection, &vouched, client).await
        }
        Err(failure) => Err(failure),
    };
    match entered {
        Ok(response) => Ok(response),
        Err(failure) => Err(entry::refuse(api, &connection, Some(&state), failure, client).await),
    }
}

/// Who it was, and the assertion that says so.
async fn checked(
    api: &Api,
    connection: &Connection,
    question: &str,
    is_open: bool,
    answer: &str,
) -> Result<(Person, Assertion), Failure> {
    if !is_open {
        return Err(Failure::new("replayed", "this question was answered before"));
    }
    let unusable = || Failure::new("provider_error", "the provider's name or certificates cannot be used");
    let issuer = connection.idp_entity_id.as_deref().ok_or_else(unusable)?;
    let keys = keys(connection).ok_or_else(unusable)?;
    let expected = Expected {
        issuer,
        audience: &entity_id(api, connection.id),
        recipient: &answer_to(api, connection.id),
        question,
        keys: &keys,
        own: &own_keys::open(api, connection).await?,
        skew: TimeDelta::seconds(i64::from(connection.clock_skew_seconds)),
        now: api.clock.now(),
    };
    let assertion = response::read(answer, &expected).map_err(|error| of_answer(&error))?;
    let mapping = &connection.attribute_mapping;
    let NameId { name, .. } = &assertion.name_id;
    let person = Person::read(name, &assertion.attributes, mapping, USUAL);
    let mut person =
        person.ok_or_else(|| Failure::new("provider_error", "the attributes do not tell who it is"))?;
    if person.email.is_none()
        && mapping.get("email").is_none_or(|email| *email == json!(null))
        && check_email("email", name).is_ok()
    {
        // Many providers name people by their address and say no more.
        person.email = Some(name.clone());
    }
    Ok((person, assertion))
}

fn of_answer(error: &response::Error) -> Failure {
    let code = match error {
        response::Error::Signature | response::Error::Form(_) => "bad_signature",
        response::Error::Audience => "wrong_audience",
        response::Error::Time => "expired",
        response::Error::Question => "unknown_state",
        response::Error::Issuer | response::Error::Status(_) => "provider_error",
    };
    Failure::new(code, format!("the answer is not taken: {error}"))
}

/// The document that describes us to a connection's provider. None where it does not speak SAML.
pub(crate) async fn document(api: &Api, id: Uuid) -> Result<Option<String>, ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let connection = connections::get(&mut tx, id).await?;
    tx.commit().await?;
    let Some(connection) = connection.filter(|connection| connection.protocol == "saml") else {
        return Ok(None);
    };
    let own = own_keys::open(api, &connection).await?;
    let about = About {
        entity_id: &entity_id(api, id),
        answer_to: &answer_to(api, id),
        log_out_at: &log_out::address(api, id),
        own: own.first(),
        signs_requests: connection.sign_requests,
    };
    Ok(Some(metadata::document(&about)))
}
