//! `/v1/sso/configurations/{id}/…`: what a connection can do beside being changed.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::Secret;
use botbuilder_sso::saml::own::Pair;
use botbuilder_store::{
    Error,
    audit::audit_logs::Act,
    integrations::api_tokens::{self, Issued, New},
    secret::Place,
    sso::{
        connections::{self, Connection},
        sso_configurations::TABLE,
    },
    table::rows,
    tenancy::organizations,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{entry::Failure, log_out, oidc, own_keys, saml};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    identity::mail::{self, Matter},
    input::{Body, Id},
    permission::{Area, Permission, Verb},
    resource::{
        Answer,
        act::{act, at, fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
    shape,
};

const PATH: &str = "/v1/sso/configurations/{id}";

/// The routes.
pub fn routes() -> Routes {
    let may = Permission { area: Area::Sso, verb: Verb::Manage };
    let post = |action: &str, summary: &str| Operation::post(format!("{PATH}/{action}"), may, summary);
    Routes::new()
        .add(
            post("client-secret", "sets the secret that we show to the provider")
                .takes(shape::object(&[("client_secret", "string")]))
                .gives(of_row(&TABLE)),
            client_secret,
        )
        .add(
            post("rotate-certificate", "makes a new key of ours with its certificate (SAML)")
                .gives(of_row(&TABLE)),
            own_keys::rotate,
        )
        .add(post("test", "asks the provider for its description and keys").gives(of_row(&TABLE)), test)
        .add(post("discover", "takes the provider's addresses over").gives(of_row(&TABLE)), discover)
        .add(post("enable", "lets people sign in with it").gives(of_row(&TABLE)), enable)
        .add(
            post("disable", "lets nobody sign in with it, and enforces it no more").gives(of_row(&TABLE)),
            disable,
        )
        .add(
            Operation::get(
                format!("{PATH}/metadata"),
                Permission { area: Area::Sso, verb: Verb::Read },
                "what the provider has to know of us",
            )
            .gives(json!({ "type": "object" })),
            metadata,
        )
        .add(
            post("scim-token", "makes a token with which the provider keeps people and groups")
                .answers(201)
                .takes(shape::object(&[("name", "string?")]))
                .gives(json!({ "type": "object" }))
                .secret(),
            scim_token,
        )
}

/// Who changes how an organization signs in shows a factor first. Programs have none; their token had to be given the
/// right.
pub(super) fn fresh(api: &Api, caller: &Caller) -> Result<(), ApiError> {
    if caller.token().is_some() { Ok(()) } else { caller.require_fresh(api.clock.now()) }
}

/// The connection, if it is the caller's.
pub(super) async fn found(api: &Api, caller: &Caller, id: Uuid) -> Result<Connection, ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let connection = connections::get(&mut tx, id).await?;
    tx.commit().await?;
    connection.filter(|connection| connection.org == caller.scope.org()).ok_or(ApiError::NotFound)
}

/// Bytes as the database reads them out of a text.
pub(super) fn bytea(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientSecret {
    client_secret: Secret<String>,
}

async fn client_secret(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<ClientSecret>,
) -> Result<Answer, ApiError> {
    fresh(&api, &caller)?;
    let length = body.client_secret.expose().len();
    if !(1..=4096).contains(&length) {
        return Err(ApiError::invalid("client_secret", "must have 1 to 4096 bytes"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
    let place = Place { table: "sso_configurations", column: "client_secret", row: id };
    let sealed = keys.seal(place, body.client_secret.expose().as_bytes()).map_err(Error::from)?;
    let bytes = bytea(&sealed.ciphertext);
    let change = set([("client_secret_ct", json!(bytes)), ("client_secret_kid", json!(sealed.key_id))]);
    let row =
        rows::update(&mut tx, &caller.scope, &TABLE, at(id), change).await?.ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "client_secret_set", Some(&before), Some(&row)).await?;
    if fields(&row)?.get("status") == Some(&json!("enabled")) {
        mail::to_administrators(&api, &mut tx, &caller, Matter::SsoChanged).await?;
    }
    tx.commit().await?;
    Ok(answer(row))
}

/// What a provider says of itself, or why it does not.
async fn asked(api: &Api, connection: &Connection) -> Result<Value, Failure> {
    if connection.protocol != "oidc" {
        return Err(Failure::Other(ApiError::conflict(
            "wrong_protocol",
            "only OIDC providers describe themselves",
        )));
    }
    let issuer = connection.issuer.as_deref();
    let issuer = issuer.ok_or_else(|| ApiError::invalid("issuer_url", "must be set first"))?;
    let http = api.outside.http.as_ref();
    let known = api.outside.providers.fetch(http, issuer, api.clock.now()).await?;
    serde_json::to_value(&*known.provider).map_err(|error| Failure::Other(ApiError::defect(error)))
}

/// One that was tested lets people in who know its address.
async fn test(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    fresh(&api, &caller)?;
    let connection = found(&api, &caller, id).await?;
    let result = match asked(&api, &connection).await {
        _ if connection.protocol == "saml" => {
            // Its provider cannot be asked: whether it works is seen with the first sign-in.
            let certificates = saml::keys(&connection).is_some();
            let is_complete =
                certificates && connection.idp_entity_id.is_some() && connection.idp_sso_url.is_some();
            json!({ "ok": is_complete, "certificates": certificates })
        }
        Ok(provider) => {
            let is_complete = connection.client_id.is_some() && connection.client_secret.is_some();
            json!({ "ok": is_complete, "provider": provider, "client": is_complete })
        }
        Err(Failure::Refused { detail, .. }) => json!({ "ok": false, "detail": detail }),
        Err(Failure::Other(error)) => return Err(error),
    };
    let change = act(&api, &caller, &TABLE, at(id), "tested", |row| {
        let mut change = set([("last_tested_at", json!("now")), ("last_test", result)]);
        // One that works may be tried by its id before everybody is sent there.
        if row.get("status") == Some(&json!("draft")) {
            change.insert("status".to_owned(), json!("testing"));
        }
        Ok(change)
    });
    change.await
}

async fn discover(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    let connection = found(&api, &caller, id).await?;
    let provider = match asked(&api, &connection).await {
        Ok(provider) => provider,
        Err(Failure::Refused { detail, .. }) => {
            return Err(ApiError::refused(StatusCode::BAD_GATEWAY, "provider_error", detail));
        }
        Err(Failure::Other(error)) => return Err(error),
    };
    let fields = set([("endpoints", provider), ("endpoints_fetched_at", json!("now"))]);
    act(&api, &caller, &TABLE, at(id), "discovered", |_| Ok(fields)).await
}

async fn enable(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    fresh(&api, &caller)?;
    let connection = found(&api, &caller, id).await?;
    if connection.protocol == "saml" && saml::keys(&connection).is_none() {
        return Err(ApiError::conflict("incomplete", "it needs certificates that can be read")
            .about("idp_certificates"));
    }
    switched(&api, &caller, id, "enabled", set([("status", json!("enabled"))])).await
}

async fn disable(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    fresh(&api, &caller)?;
    let change = set([("status", json!("disabled")), ("is_enforced", json!(false))]);
    switched(&api, &caller, id, "disabled", change).await
}

/// Switches a connection on or off, and tells those who run the organization.
async fn switched(
    api: &Api,
    caller: &Caller,
    id: Uuid,
    to: &str,
    change: Map<String, Value>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    if fields(&before)?.get("status") == Some(&json!(to)) {
        return Err(ApiError::conflict("wrong_state", format!("it is {to} already")));
    }
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(api, &mut tx, caller, &TABLE, to, Some(&before), Some(&row)).await?;
    mail::to_administrators(api, &mut tx, caller, Matter::SsoChanged).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn metadata(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let connection = found(&api, &caller, id).await?;
    let base = &api.outside.base_url;
    let own = own_keys::open(&api, &connection).await?;
    let data = json!({
        "login_url": format!("{base}/sso/login/{id}"),
        "redirect_uri": (connection.protocol == "oidc").then(|| format!("{base}{}", oidc::CALLBACK)),
        "entity_id": (connection.protocol == "saml").then(|| saml::entity_id(&api, id)),
        "acs_url": (connection.protocol == "saml").then(|| saml::answer_to(&api, id)),
        "slo_url": own.first().map(|_| log_out::address(&api, id)),
        "certificate": own.first().map(Pair::certificate),
        "post_logout_redirect_uri": format!("{base}/"),
        "scim_base_url": format!("{base}/scim/v2"),
    });
    Ok(Json(json!({ "data": data })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScimToken {
    #[serde(default)]
    name: Option<String>,
}

async fn scim_token(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<ScimToken>,
) -> Result<Response, ApiError> {
    fresh(&api, &caller)?;
    let name = body.name.unwrap_or_else(|| "provisioning".to_owned());
    crate::identity::sign_in::check_length("name", &name, 120)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let issued = Issued::generate().map_err(Error::from)?;
    let token = api.ids.next();
    let new = New {
        kind: "scim",
        name: &name,
        user: None,
        scopes: &[],
        bots: &[],
        allowed_cidrs: &[],
        rate_per_minute: 1200,
        expires_at: None,
        rotated_from: None,
        sso_configuration: Some(id),
    };
    api_tokens::create(&mut tx, &caller.scope, token, &new, &issued).await?;
    let act = Act::new("token.create", "api_token", Some(token))
        .metadata(json!({ "kind": "scim", "sso_configuration_id": id }));
    caller.audit(&api, &mut tx, act).await?;
    mail::to_administrators(&api, &mut tx, &caller, Matter::SsoChanged).await?;
    tx.commit().await?;
    let data = json!({
        "id": token, "name": name, "token": issued.token.expose(),
        "scim_base_url": format!("{}/scim/v2", api.outside.base_url),
    });
    Ok((StatusCode::CREATED, Json(json!({ "data": data }))).into_response())
}
