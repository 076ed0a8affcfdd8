//! `/v1/members/{id}/grants`: team roles given to a member, everywhere or in one bot.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::BotId;
use botbuilder_store::{
    Error,
    audit::audit_logs::Act,
    tenancy::{
        organization_members,
        team_members::{self, New},
        team_roles,
    },
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::within;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id, Paging, page},
    permission::{Area, assign, read},
    routes::{Operation, Routes},
    shape,
};

/// The routes of grants.
pub fn routes() -> Routes {
    let area = Area::Role;
    Routes::new()
        .add(
            Operation::get("/v1/members/{id}/grants", read(area), "what a member was given")
                .lists(Value::Null),
            list,
        )
        .add(
            Operation::post("/v1/members/{id}/grants", assign(area), "gives a member a team role")
                .answers(201)
                .takes(shape::object(&[
                    ("team_role_id", "uuid"),
                    ("bot_id", "uuid?null"),
                    ("expires_at", "time?null"),
                ])),
            create,
        )
        .add(Operation::delete("/v1/members/{id}/grants/{grant_id}", assign(area), "takes one back"), remove)
}

async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(member): Id<Uuid>,
    Paging(piece): Paging,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    organization_members::get(&mut tx, &caller.scope, member).await?.ok_or(ApiError::NotFound)?;
    let rows = team_members::list(&mut tx, &caller.scope, member, &piece).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    team_role_id: Uuid,
    #[serde(default)]
    bot_id: Option<Uuid>,
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::Conflict { constraint } if constraint == "uq_team_members_1" => {
            ApiError::conflict("taken", "the member has this grant already")
        }
        Error::Conflict { constraint } if constraint == "fk_team_members_bot_id" => {
            ApiError::invalid("bot_id", "there is no such bot")
        }
        other => other.into(),
    }
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Id(member): Id<Uuid>,
    Body(body): Body<Create>,
) -> Result<Response, ApiError> {
    if body.expires_at.is_some_and(|until| until <= api.clock.now()) {
        return Err(ApiError::invalid("expires_at", "must lie ahead"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let known = organization_members::get(&mut tx, &caller.scope, member).await?.ok_or(ApiError::NotFound)?;
    if known.status == "removed" {
        return Err(ApiError::conflict("removed", "this membership is over"));
    }
    let role = team_roles::get(&mut tx, &caller.scope, body.team_role_id).await?;
    let role = role.ok_or_else(|| ApiError::invalid("team_role_id", "there is no such role"))?;
    within(&caller, &role.permissions(), body.bot_id.map(BotId::from))?;
    let new = New {
        id: api.ids.next(),
        member,
        team_role: role.id,
        bot: body.bot_id,
        granted_by: caller.user(),
        expires_at: body.expires_at,
    };
    team_members::insert(&mut tx, &caller.scope, &new).await.map_err(refused)?;
    let made = team_members::get(&mut tx, &caller.scope, member, new.id).await?.ok_or(ApiError::NotFound)?;
    caller.audit(&api, &mut tx, Act::new("role.grant", "grant", Some(new.id)).new_values(&made)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": made }))).into_response())
}

async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Id((member, id)): Id<(Uuid, Uuid)>,
) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = team_members::get(&mut tx, &caller.scope, member, id).await?.ok_or(ApiError::NotFound)?;
    team_members::delete(&mut tx, &caller.scope, member, id).await?;
    caller.audit(&api, &mut tx, Act::new("role.revoke", "grant", Some(id)).old(&before)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
