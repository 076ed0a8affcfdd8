//! `/v1/team-roles`: sets of permissions that an organization makes for itself.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    Error, Tx,
    audit::audit_logs::Act,
    patch::Patch,
    tenancy::team_roles::{self, Change, New, TeamRole},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{permissions, within};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    identity::sign_in::check_length,
    input::{Body, Id, Paging, page},
    permission::{Area, delete, read, write},
    routes::{Operation, Routes},
    shape,
};

/// The routes of team roles.
pub fn routes() -> Routes {
    let area = Area::Role;
    Routes::new()
        .add(
            Operation::get("/v1/team-roles", read(area), "the organization's own roles").lists(Value::Null),
            list,
        )
        .add(
            Operation::post("/v1/team-roles", write(area), "makes a role").answers(201).takes(shape::object(
                &[
                    ("name", "string"),
                    ("description", "string?"),
                    ("permissions", "strings"),
                    ("is_default", "boolean?"),
                ],
            )),
            create,
        )
        .add(Operation::get("/v1/team-roles/{id}", read(area), "one role"), get)
        .add(
            Operation::patch("/v1/team-roles/{id}", write(area), "changes a role, for everybody who has it")
                .takes(shape::object(&[
                    ("name", "string?"),
                    ("description", "string?null"),
                    ("permissions", "strings?"),
                    ("is_default", "boolean?"),
                ])),
            update,
        )
        .add(Operation::delete("/v1/team-roles/{id}", delete(area), "removes a role that nobody has"), remove)
        .add(
            Operation::post("/v1/team-roles/{id}/duplicate", write(area), "the same under another name")
                .answers(201)
                .takes(shape::object(&[("name", "string")])),
            duplicate,
        )
}

fn name_taken(error: Error) -> ApiError {
    match error {
        Error::Conflict { constraint } if constraint == "uq_team_roles_2" => {
            ApiError::conflict("taken", "there is a role of that name").about("name")
        }
        Error::Conflict { constraint } if constraint == "fk_team_members_team_role_id" => {
            ApiError::conflict("in_use", "somebody has this role: take it back first")
        }
        other => other.into(),
    }
}

async fn found(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<TeamRole, ApiError> {
    team_roles::get(tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)
}

async fn list(
    State(api): State<Api>,
    caller: Caller,
    Paging(piece): Paging,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = team_roles::list(&mut tx, &caller.scope, &piece).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let role = found(&mut tx, &caller, id).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": role })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    #[serde(default)]
    description: Option<String>,
    permissions: Vec<String>,
    #[serde(default)]
    is_default: bool,
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<Create>,
) -> Result<Response, ApiError> {
    let Create { name, description, permissions: texts, is_default } = body;
    check_length("name", &name, 80)?;
    if let Some(description) = &description {
        check_length("description", description, 300)?;
    }
    let set = permissions("permissions", &texts)?;
    within(&caller, &set, None)?;
    let new = New {
        id: api.ids.next(),
        name,
        description,
        permissions: set.texts(),
        is_default,
        created_by: caller.user(),
    };
    insert(&api, &caller, &new).await
}

async fn insert(api: &Api, caller: &Caller, new: &New) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    team_roles::insert(&mut tx, &caller.scope, new).await.map_err(name_taken)?;
    let made = found(&mut tx, caller, new.id).await?;
    caller.audit(api, &mut tx, Act::new("role.create", "team_role", Some(new.id)).new_values(&made)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": made }))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Patch<String>,
    #[serde(default)]
    permissions: Option<Vec<String>>,
    #[serde(default)]
    is_default: Option<bool>,
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<Update>,
) -> Result<Json<Value>, ApiError> {
    let Update { name, description, permissions: texts, is_default } = body;
    if let Some(name) = &name {
        check_length("name", name, 80)?;
    }
    if let Patch::Set(description) = &description {
        check_length("description", description, 300)?;
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&mut tx, &caller, id).await?;
    let texts = match texts {
        Some(texts) => {
            let set = permissions("permissions", &texts)?;
            within(&caller, &set, None)?;
            Some(set.texts())
        }
        None => None,
    };
    let change = Change { name, description, permissions: texts, is_default };
    team_roles::update(&mut tx, &caller.scope, id, change).await.map_err(name_taken)?;
    let after = found(&mut tx, &caller, id).await?;
    let act = Act::new("role.update", "team_role", Some(id)).old(&before).new_values(&after);
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": after })))
}

async fn remove(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = found(&mut tx, &caller, id).await?;
    team_roles::delete(&mut tx, &caller.scope, id).await.map_err(name_taken)?;
    caller.audit(&api, &mut tx, Act::new("role.delete", "team_role", Some(id)).old(&before)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Duplicate {
    name: String,
}

async fn duplicate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<Duplicate>,
) -> Result<Response, ApiError> {
    check_length("name", &body.name, 80)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let model = found(&mut tx, &caller, id).await?;
    tx.commit().await?;
    within(&caller, &model.permissions(), None)?;
    let new = New {
        id: api.ids.next(),
        name: body.name,
        description: model.description,
        permissions: model.permissions,
        is_default: false,
        created_by: caller.user(),
    };
    insert(&api, &caller, &new).await
}
