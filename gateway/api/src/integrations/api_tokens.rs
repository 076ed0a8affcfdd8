//! `/v1/api-tokens`: credentials of programs. A token is shown once; it never has more rights than the person it belongs
//! to has at that moment.

use std::net::IpAddr;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::BotId;
use botbuilder_store::{
    Error, Tx,
    audit::audit_logs::Act,
    identity::users,
    integrations::api_tokens::{self, Change, Issued, New, Token},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    identity::{
        mail::{self, Notice, To},
        sign_in::check_length,
    },
    input::{Body, Id, Paging, page},
    permission::{Area, delete, read, write},
    routes::{Operation, Routes},
    shape,
    tenancy::{permissions, within},
};

/// The longest a token may go on beside its successor.
const LONGEST_GRACE: TimeDelta = TimeDelta::days(7);

/// The routes of tokens.
pub fn routes() -> Routes {
    let area = Area::Token;
    Routes::new()
        .add(
            Operation::get("/v1/api-tokens", read(area), "tokens, the latest first").lists(Value::Null),
            list,
        )
        .add(
            Operation::post("/v1/api-tokens", write(area), "makes a token, which is shown this once")
                .answers(201)
                .secret()
                .takes(shape::object(&[
                    ("name", "string"),
                    ("kind", "string?"),
                    ("scopes", "strings"),
                    ("bot_ids", "uuids?"),
                    ("allowed_cidrs", "strings?"),
                    ("rate_per_minute", "integer?"),
                    ("expires_at", "time?null"),
                ])),
            create,
        )
        .add(Operation::get("/v1/api-tokens/{id}", read(area), "one token, without its secret"), get)
        .add(
            Operation::patch("/v1/api-tokens/{id}", write(area), "changes what a token may do").takes(
                shape::object(&[
                    ("name", "string?"),
                    ("scopes", "strings?"),
                    ("bot_ids", "uuids?"),
                    ("allowed_cidrs", "strings?"),
                    ("rate_per_minute", "integer?"),
                ]),
            ),
            update,
        )
        .add(
            Operation::delete("/v1/api-tokens/{id}", delete(area), "ends a token and takes it off the list"),
            remove,
        )
        .add(Operation::post("/v1/api-tokens/{id}/revoke", delete(area), "ends a token now"), revoke)
        .add(
            Operation::post(
                "/v1/api-tokens/{id}/rotate",
                write(area),
                "a successor; the old one goes on for a while",
            )
            .answers(201)
            .secret()
            .takes(shape::object(&[("grace_seconds", "integer?")])),
            rotate,
        )
        .add(
            Operation::get("/v1/api-tokens/{id}/usage", read(area), "when and where it was last used"),
            usage,
        )
}

async fn found(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Token, ApiError> {
    api_tokens::get(tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)
}

async fn list(
    State(api): State<Api>,
    caller: Caller,
    Paging(piece): Paging,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = api_tokens::list(&mut tx, &caller.scope, piece.after, piece.fetch()).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let token = found(&mut tx, &caller, id).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": token })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    #[serde(default)]
    kind: Option<String>,
    scopes: Vec<String>,
    #[serde(default)]
    bot_ids: Vec<Uuid>,
    #[serde(default)]
    allowed_cidrs: Vec<String>,
    #[serde(default)]
    rate_per_minute: Option<i32>,
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

/// Checks that the caller has what a token is to have, in each of its bots. Returns the scopes as they are stored.
fn check_scopes(caller: &Caller, scopes: &[String], bots: &[Uuid]) -> Result<Vec<String>, ApiError> {
    let set = permissions("scopes", scopes)?;
    if bots.is_empty() {
        within(caller, &set, None)?;
    }
    for bot in bots {
        within(caller, &set, Some(BotId::from(*bot)))?;
    }
    Ok(set.texts())
}

fn check_rate(rate: i32) -> Result<(), ApiError> {
    if (1..=60_000).contains(&rate) {
        Ok(())
    } else {
        Err(ApiError::invalid("rate_per_minute", "must be 1 to 60000"))
    }
}

/// Checks a network: an address and a length, with nothing beyond that length.
fn check_network(text: &str) -> Result<(), ApiError> {
    let is_good = || {
        let (address, length) = text.split_once('/')?;
        let length: u32 = length.parse().ok().filter(|_| length.bytes().all(|byte| byte.is_ascii_digit()))?;
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let rest = u32::MAX.checked_shr(length).unwrap_or(0);
                (length <= 32 && address.to_bits() & rest == 0).then_some(())
            }
            IpAddr::V6(address) => {
                let rest = u128::MAX.checked_shr(length).unwrap_or(0);
                (length <= 128 && address.to_bits() & rest == 0).then_some(())
            }
        }
    };
    is_good().ok_or_else(|| {
        ApiError::invalid("allowed_cidrs", format!("{text:?} is no network: write it like 192.0.2.0/24"))
    })
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::Conflict { constraint } if constraint == "fk_api_tokens_user_id" => ApiError::NotFound,
        other => other.into(),
    }
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<Create>,
) -> Result<Response, ApiError> {
    let now = api.clock.now();
    caller.require_fresh(now)?;
    caller.require_verified()?;
    check_length("name", &body.name, 120)?;
    let kind = body.kind.as_deref().unwrap_or("service");
    if !matches!(kind, "service" | "personal") {
        return Err(ApiError::invalid("kind", "must be service or personal"));
    }
    let scopes = check_scopes(&caller, &body.scopes, &body.bot_ids)?;
    body.allowed_cidrs.iter().try_for_each(|network| check_network(network))?;
    let rate_per_minute = body.rate_per_minute.unwrap_or(600);
    check_rate(rate_per_minute)?;
    if body.expires_at.is_some_and(|until| until <= now) {
        return Err(ApiError::invalid("expires_at", "must lie ahead"));
    }
    let new = New {
        kind,
        name: &body.name,
        user: caller.user(),
        scopes: &scopes,
        bots: &body.bot_ids,
        allowed_cidrs: &body.allowed_cidrs,
        rate_per_minute,
        expires_at: body.expires_at,
        rotated_from: None,
        sso_configuration: None,
    };
    let mut tx = api.store.begin(&caller.scope).await?;
    let (made, issued) = issue(&api, &mut tx, &caller, &new).await?;
    caller
        .audit(&api, &mut tx, Act::new("token.create", "api_token", Some(made.id)).new_values(&made))
        .await?;
    tx.commit().await?;
    tell(&api, &caller, made.user_id).await?;
    Ok(shown(&made, &issued))
}

async fn issue(api: &Api, tx: &mut Tx, caller: &Caller, new: &New<'_>) -> Result<(Token, Issued), ApiError> {
    let issued = Issued::generate().map_err(Error::from)?;
    let id = api.ids.next();
    api_tokens::create(tx, &caller.scope, id, new, &issued).await.map_err(refused)?;
    Ok((found(tx, caller, id).await?, issued))
}

/// The mails to whoever made it and to its owner. They lie in the accounts' own queue, which the organization's transaction cannot write.
async fn tell(api: &Api, caller: &Caller, owner: Option<Uuid>) -> Result<(), ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let people = caller.user().into_iter().chain(owner.filter(|owner| Some(*owner) != caller.user()));
    for user in people {
        tell_one(api, &mut tx, caller, user).await?;
    }
    Ok(tx.commit().await?)
}

async fn tell_one(api: &Api, tx: &mut Tx, caller: &Caller, user: Uuid) -> Result<(), ApiError> {
    if let Some(account) = users::credentials_of(tx, user, None).await? {
        mail::notice(api, tx, To::from(&account), Notice::TokenCreated, &caller.client).await?;
    }
    Ok(())
}

fn shown(made: &Token, issued: &Issued) -> Response {
    let mut data = json!(made);
    data["token"] = json!(issued.token.expose());
    (StatusCode::CREATED, Json(json!({ "data": data }))).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    bot_ids: Option<Vec<Uuid>>,
    #[serde(default)]
    allowed_cidrs: Option<Vec<String>>,
    #[serde(default)]
    rate_per_minute: Option<i32>,
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<Update>,
) -> Result<Json<Value>, ApiError> {
    let Update { name, scopes, bot_ids, allowed_cidrs: networks, rate_per_minute } = body;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&mut tx, &caller, id).await?;
    caller.require_fresh(api.clock.now())?;
    if let Some(name) = &name {
        check_length("name", name, 120)?;
    }
    if let Some(rate) = rate_per_minute {
        check_rate(rate)?;
    }
    networks.iter().flatten().try_for_each(|network| check_network(network))?;
    // Other bots are as good as other scopes: what comes out of both must be within the caller's rights.
    let scopes = if scopes.is_some() || bot_ids.is_some() {
        let texts = scopes.as_ref().unwrap_or(&before.scopes);
        Some(check_scopes(&caller, texts, bot_ids.as_ref().unwrap_or(&before.bot_ids))?)
    } else {
        None
    };
    let change = Change { name, scopes, bots: bot_ids, allowed_cidrs: networks, rate_per_minute };
    if !api_tokens::update(&mut tx, &caller.scope, id, &change).await? {
        return Err(ApiError::conflict("revoked", "this token is revoked"));
    }
    let after = found(&mut tx, &caller, id).await?;
    let act = Act::new("token.update", "api_token", Some(id)).old(&before).new_values(&after);
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": after })))
}

async fn remove(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&mut tx, &caller, id).await?;
    api_tokens::delete(&mut tx, &caller.scope, id, caller.user(), api.clock.now()).await?;
    caller.audit(&api, &mut tx, Act::new("token.delete", "api_token", Some(id)).old(&before)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn revoke(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    found(&mut tx, &caller, id).await?;
    if !api_tokens::revoke(&mut tx, &caller.scope, id, caller.user(), api.clock.now()).await? {
        return Err(ApiError::conflict("revoked", "this token is revoked"));
    }
    let after = found(&mut tx, &caller, id).await?;
    caller.audit(&api, &mut tx, Act::new("token.revoke", "api_token", Some(id))).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": after })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    #[serde(default)]
    grace_seconds: i64,
}

/// A person does it who has just shown who they are, or the token for itself.
async fn rotate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<Rotate>,
) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&mut tx, &caller, id).await?;
    if caller.token() != Some(id) {
        caller.require_fresh(now)?;
    }
    if before.kind == "scim" {
        let detail =
            "make another for its connection at /v1/sso/configurations/{id}/scim-token, and end this one";
        return Err(ApiError::conflict("wrong_kind", detail));
    }
    // What is done with a personal token is done in that person's name.
    if before.kind == "personal" && before.user_id != caller.user() {
        let detail = "a personal token is replaced by the person it belongs to; others may end it";
        return Err(ApiError::refused(StatusCode::FORBIDDEN, "not_yours", detail));
    }
    let grace = TimeDelta::try_seconds(body.grace_seconds)
        .filter(|grace| (TimeDelta::zero()..=LONGEST_GRACE).contains(grace));
    let grace = grace.ok_or_else(|| ApiError::invalid("grace_seconds", "must be 0 to 604800, seven days"))?;
    let scopes = check_scopes(&caller, &before.scopes, &before.bot_ids)?;
    let new = New {
        kind: &before.kind,
        name: &before.name,
        user: before.user_id,
        scopes: &scopes,
        bots: &before.bot_ids,
        allowed_cidrs: &before.allowed_cidrs,
        rate_per_minute: before.rate_per_minute,
        expires_at: before.expires_at,
        rotated_from: Some(id),
        sso_configuration: None,
    };
    if !api_tokens::supersede(&mut tx, &caller.scope, id, now + grace).await? {
        return Err(ApiError::conflict("superseded", "this token is revoked or has a successor already"));
    }
    let (made, issued) = issue(&api, &mut tx, &caller, &new).await?;
    let act = Act::new("token.rotate", "api_token", Some(id))
        .metadata(json!({ "successor_id": made.id, "grace_seconds": body.grace_seconds }));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    tell(&api, &caller, made.user_id).await?;
    Ok(shown(&made, &issued))
}

async fn usage(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let token = found(&mut tx, &caller, id).await?;
    tx.commit().await?;
    let data = json!({
        "last_used_at": token.last_used_at,
        "last_used_ip": token.last_used_ip,
        "rate_per_minute": token.rate_per_minute,
    });
    Ok(Json(json!({ "data": data })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_nothing_beyond_its_length() {
        for good in ["192.0.2.0/24", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::1/128", "::/0"] {
            assert!(check_network(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "192.0.2.0",
            "192.0.2.1/24",
            "192.0.2.0/33",
            "192.0.2.0/+8",
            "2001:db8::1/64",
            "::/129",
            "a/8",
        ] {
            assert!(check_network(bad).is_err(), "{bad}");
        }
    }
}
