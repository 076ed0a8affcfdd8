//! `/v1/members`.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    integrations::api_tokens,
    page::Page,
    patch::Patch,
    tenancy::{
        organization_members::{self, Member},
        roles,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{keep_owner, within};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    identity::{
        mail::{self, Matter},
        sign_in::check_length,
    },
    input::{Body, Cursor, Id, limit, page, query_pairs, unknown},
    permission::{Area, delete, manage, read, write},
    routes::{Access, Operation, Routes},
    shape,
};

/// The role of those whose organization it is. It is given and taken by whoever has just shown who they are.
pub(super) const OWNER: &str = "owner";

/// The routes of members.
pub fn routes() -> Routes {
    let area = Area::Member;
    let status = json!({ "type": "string", "enum": ["active", "suspended", "removed"] });
    Routes::new()
        .add(
            Operation::get("/v1/members", read(area), "who belongs to the organization")
                .lists(Value::Null)
                .with_query("filter[status]", status, "only those in this state"),
            list,
        )
        .add(Operation::get("/v1/members/{id}", read(area), "one member"), get)
        .add(
            Operation::patch("/v1/members/{id}", write(area), "gives a member another role or title")
                .takes(shape::object(&[("role", "string?"), ("title", "string?null")])),
            update,
        )
        .add(Operation::delete("/v1/members/{id}", Access::Caller, "ends a membership, or one's own"), remove)
        .add(
            Operation::post("/v1/members/{id}/suspend", manage(area), "a member may do nothing for now"),
            suspend,
        )
        .add(
            Operation::post("/v1/members/{id}/reactivate", manage(area), "a suspended member may act again"),
            reactivate,
        )
}

/// `limit`, `cursor` and one filter of a list in the order of its ids.
pub(crate) fn paging_with_status(parts: &Parts, known: &[&str]) -> Result<(Page, Option<String>), ApiError> {
    let (mut piece, mut status) = (Page::default(), None);
    for (name, value) in query_pairs(parts) {
        match name.as_str() {
            "limit" => piece.limit = limit(&value)?,
            "cursor" => piece.after = Some(Cursor::parse(&value, "id")?.id),
            "filter[status]" if known.contains(&value.as_str()) => status = Some(value),
            "filter[status]" => {
                return Err(ApiError::invalid("filter[status]", unknown(&value, known.iter().copied())));
            }
            other => {
                let hint = unknown(other, ["limit", "cursor", "filter[status]"]);
                return Err(ApiError::invalid(other.to_owned(), hint));
            }
        }
    }
    Ok((piece, status))
}

async fn list(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (piece, status) = paging_with_status(&parts, &["active", "suspended", "removed"])?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = organization_members::list(&mut tx, &caller.scope, status.as_deref(), &piece).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn found(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Member, ApiError> {
    organization_members::get(tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)
}

/// Nobody acts on somebody with a higher role than their own rights.
async fn below(tx: &mut Tx, caller: &Caller, member: &Member) -> Result<(), ApiError> {
    let role = roles::by_code(tx, &member.role).await?.ok_or(ApiError::NotFound)?;
    within(caller, &role.permissions(), None)
}

/// An owner goes, or rests, by the word of whoever has just shown who they are.
fn owners_ask_for_a_factor(api: &Api, caller: &Caller, member: &Member) -> Result<(), ApiError> {
    if member.role == OWNER { caller.require_fresh(api.clock.now()) } else { Ok(()) }
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let member = found(&mut tx, &caller, id).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": member })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    /// `owner`, `admin`, `member` or `viewer`.
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    title: Patch<String>,
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<Update>,
) -> Result<Json<Value>, ApiError> {
    if let Patch::Set(title) = &body.title {
        check_length("title", title, 120)?;
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&mut tx, &caller, id).await?;
    if before.status == "removed" {
        return Err(ApiError::conflict("removed", "this membership is over; invite the person again"));
    }
    if let Some(code) = &body.role {
        below(&mut tx, &caller, &before).await?;
        let role = roles::by_code(&mut tx, code).await?;
        let role = role.ok_or_else(|| ApiError::invalid("role", "must be owner, admin, member or viewer"))?;
        within(&caller, &role.permissions(), None)?;
        if role.code != before.role && (role.code == OWNER || before.role == OWNER) {
            caller.require_fresh(api.clock.now())?;
        }
        organization_members::set_role(&mut tx, &caller.scope, id, role.id).await?;
        if role.code == OWNER && before.role != OWNER {
            mail::to_administrators(&api, &mut tx, &caller, Matter::OwnerAdded).await?;
        }
    }
    if body.title.is_change() {
        let title = body.title.into_value();
        organization_members::set_title(&mut tx, &caller.scope, id, title.as_deref()).await?;
    }
    let after = found(&mut tx, &caller, id).await?;
    let values = |member: &Member| json!({ "role": member.role, "title": member.title });
    let act = Act::new("member.update", "member", Some(id)).old(values(&before)).new_values(values(&after));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await.map_err(keep_owner)?;
    Ok(Json(json!({ "data": after })))
}

/// Grants go with the membership, and the tokens of the person end.
async fn remove(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let member = organization_members::get(&mut tx, &caller.scope, id).await?;
    let is_theirs = member.as_ref().is_some_and(|member| Some(member.user_id) == caller.user());
    // A program does not leave for its owner, nor platform staff for the person they act as.
    let is_own = is_theirs && caller.token().is_none();
    if is_own {
        caller.require_person()?;
    } else {
        caller.require(delete(Area::Member))?;
    }
    let member = member.ok_or(ApiError::NotFound)?;
    if !is_own {
        below(&mut tx, &caller, &member).await?;
    }
    owners_ask_for_a_factor(&api, &caller, &member)?;
    if !organization_members::remove(&mut tx, &caller.scope, id, now).await? {
        return Err(ApiError::NotFound);
    }
    let tokens = api_tokens::revoke_of(&mut tx, &caller.scope, member.user_id, now).await?;
    let act = Act::new("member.remove", "member", Some(id))
        .old(json!({ "user_id": member.user_id, "role": member.role }))
        .metadata(json!({ "tokens_revoked": tokens, "left": is_own }));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await.map_err(keep_owner)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn suspend(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    set_suspended(&api, &caller, id, true).await
}

async fn reactivate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<Value>, ApiError> {
    set_suspended(&api, &caller, id, false).await
}

async fn set_suspended(
    api: &Api,
    caller: &Caller,
    id: Uuid,
    suspended: bool,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let member = found(&mut tx, caller, id).await?;
    below(&mut tx, caller, &member).await?;
    owners_ask_for_a_factor(api, caller, &member)?;
    if !organization_members::set_suspended(&mut tx, &caller.scope, id, suspended).await? {
        return Err(ApiError::conflict("wrong_state", format!("the membership is {}", member.status)));
    }
    let after = found(&mut tx, caller, id).await?;
    let action = if suspended { "member.suspend" } else { "member.reactivate" };
    caller.audit(api, &mut tx, Act::new(action, "member", Some(id))).await?;
    tx.commit().await.map_err(keep_owner)?;
    Ok(Json(json!({ "data": after })))
}
