//! Our keys towards a provider of SAML: one that signs and opens, and the one before it, which still opens what the provider
//! encrypted before it knew the new one. Sealed in `sso_configurations.sp_private_key`.

use axum::extract::State;
use botbuilder_domain::Secret;
use botbuilder_sso::saml::own::Pair;
use botbuilder_store::{
    Error, OrgScope,
    secret::Place,
    sso::{connections::Connection, sso_configurations::TABLE},
    table::rows,
    tenancy::organizations,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{connection, saml};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    resource::{
        Answer,
        act::{at, set},
        answer, changes,
    },
};

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    current: String,
    previous: Option<String>,
}

fn place(connection: Uuid) -> Place {
    Place { table: "sso_configurations", column: "sp_private_key", row: connection }
}

/// The keys of a connection, the present one first; none where it has none.
pub(crate) async fn open(api: &Api, connection: &Connection) -> Result<Vec<Pair>, ApiError> {
    let Some(sealed) = &connection.own_keys else { return Ok(Vec::new()) };
    let scope = OrgScope::of_service(connection.org);
    let mut tx = api.store.begin(&scope).await?;
    let keys = organizations::data_keys(&mut tx, &scope, &api.root).await?;
    tx.commit().await?;
    let opened = keys.open(place(connection.id), &sealed.ciphertext, &sealed.key_id).map_err(Error::from)?;
    let kept: Kept = serde_json::from_slice(opened.expose()).map_err(ApiError::defect)?;
    [Some(kept.current), kept.previous]
        .into_iter()
        .flatten()
        .map(|kept| Pair::open(&Secret::new(kept)).map_err(ApiError::defect))
        .collect()
}

/// `POST /v1/sso/configurations/{id}/rotate-certificate`: a new key with its certificate, the first one too. The provider
/// has to take the new certificate from our document.
pub(crate) async fn rotate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Answer, ApiError> {
    connection::fresh(&api, &caller)?;
    let found = connection::found(&api, &caller, id).await?;
    if found.protocol != "saml" {
        return Err(ApiError::conflict("wrong_protocol", "only connections of SAML have a certificate"));
    }
    let previous = open(&api, &found).await?.into_iter().next().map(|pair| pair.kept().expose().clone());
    let (name, now) = (saml::entity_id(&api, id), api.clock.now());
    // Looking for large primes takes a while.
    let made = tokio::task::spawn_blocking(move || Pair::generate(&name, now)).await;
    let made = made.map_err(ApiError::defect)?.map_err(ApiError::defect)?;
    let kept = Kept { current: made.kept().expose().clone(), previous };
    let kept = Secret::new(serde_json::to_vec(&kept).map_err(ApiError::defect)?);
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    let sealed = keys.seal(place(id), kept.expose()).map_err(Error::from)?;
    let bytes = connection::bytea(&sealed.ciphertext);
    let change = set([("sp_private_key_ct", json!(bytes)), ("sp_private_key_kid", json!(sealed.key_id))]);
    let row =
        rows::update(&mut tx, &caller.scope, &TABLE, at(id), change).await?.ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "certificate_rotated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}
