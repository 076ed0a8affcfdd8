//! `/v1/organizations`. Whoever acts in one names it by the credentials; the id in an address must be the same.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    Error,
    audit::audit_logs::{self, Act},
    identity::user_sessions,
    patch::Patch,
    tenancy::{
        organization_members,
        organizations::{self, Change},
        roles,
    },
};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::keep_owner;
use crate::{
    Api,
    auth::{Account, Caller, step_up_required},
    error::ApiError,
    etag::{IfMatch, etag},
    identity::{
        mail::{self, Matter},
        sign_in::{check_email, check_length, found},
    },
    input::{Body, Id, Paging, page},
    permission::{Area, delete, read, write},
    routes::{Access, Operation, Routes},
    shape,
};

/// How long a closing organization can be kept after all.
const CLOSING: TimeDelta = TimeDelta::days(30);

/// The routes of organizations.
pub fn routes() -> Routes {
    let area = Area::Organization;
    Routes::new()
        .add(
            Operation::get("/v1/organizations", Access::Account, "the organizations you are in")
                .lists(Value::Null),
            list,
        )
        .add(
            Operation::post("/v1/organizations", Access::Account, "founds an organization")
                .answers(201)
                .takes(shape::object(&[("name", "string"), ("slug", "string?")])),
            create,
        )
        .add(Operation::get("/v1/organizations/{id}", read(area), "the organization you act in"), get)
        .add(
            Operation::patch("/v1/organizations/{id}", write(area), "changes the organization")
                .matches()
                .takes(shape::object(&[
                    ("name", "string?"),
                    ("slug", "string?"),
                    ("billing_email", "email?null"),
                    ("default_locale", "string?"),
                    ("timezone", "string?"),
                    ("settings", "object?"),
                    ("retention_days", "object?"),
                ])),
            update,
        )
        .add(
            Operation::delete("/v1/organizations/{id}", delete(area), "closes it, in thirty days")
                .answers(200),
            close,
        )
        .add(
            Operation::post(
                "/v1/organizations/{id}/cancel-closing",
                delete(area),
                "does not close it after all",
            ),
            cancel_closing,
        )
        .add(
            Operation::post("/v1/organizations/{id}/switch", Access::Account, "acts in it from now on"),
            switch,
        )
        .add(
            Operation::post(
                "/v1/organizations/{id}/transfer-ownership",
                delete(area),
                "gives it to another member",
            )
            .takes(shape::object(&[("member_id", "uuid")])),
            transfer,
        )
}

/// Another organization than the caller's is not there.
pub(super) fn own(caller: &Caller, id: Uuid) -> Result<(), ApiError> {
    if caller.scope.org().uuid() == id { Ok(()) } else { Err(ApiError::NotFound) }
}

async fn list(
    State(api): State<Api>,
    account: Account,
    Paging(piece): Paging,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let rows = organizations::of_user(&mut tx, account.user(), piece.after, piece.fetch()).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    #[serde(default)]
    slug: Option<String>,
}

fn check_slug(slug: &str) -> Result<(), ApiError> {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_good = (1..=63).contains(&slug.len())
        && slug.bytes().all(inside)
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if is_good {
        return Ok(());
    }
    Err(ApiError::invalid(
        "slug",
        "must have 1 to 63 lower-case letters, digits and hyphens, no hyphen at an end",
    ))
}

fn slug_taken(error: Error) -> ApiError {
    match error {
        Error::Conflict { constraint } if constraint == "uq_organizations_1" => {
            ApiError::conflict("taken", "there is an organization of that short name").about("slug")
        }
        Error::Conflict { constraint } if constraint == "ck_organizations_13" => {
            ApiError::invalid("settings", "holds a key that is not known, or a value of the wrong type")
        }
        other => other.into(),
    }
}

async fn create(
    State(api): State<Api>,
    account: Account,
    Body(body): Body<Create>,
) -> Result<Response, ApiError> {
    check_length("name", &body.name, 160)?;
    if let Some(slug) = &body.slug {
        check_slug(slug)?;
    }
    let mut tx = api.store.begin_auth().await?;
    let org = found(&api, &mut tx, &body.name, body.slug, account.user()).await?;
    if account.holder.standing.is_none() {
        user_sessions::switch(&mut tx, account.holder.session, account.user(), org.uuid()).await?;
    }
    let act = Act::new("organization.create", "organization", Some(org.uuid()))
        .new_values(json!({ "name": body.name }));
    let actor = account.client.person(&account.holder);
    audit_logs::append(&mut tx, Some(org), api.ids.next(), &actor, act).await?;
    let scope = botbuilder_store::OrgScope::of_service(org);
    let made = organizations::get(&mut tx, &scope).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, tagged(made.lock_version), Json(json!({ "data": made }))).into_response())
}

fn tagged(version: i32) -> HeaderMap {
    let tag: HeaderValue = etag(version);
    HeaderMap::from_iter([(header::ETAG, tag)])
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Response, ApiError> {
    own(&caller, id)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let found = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok((tagged(found.lock_version), Json(json!({ "data": found }))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    slug: Option<String>,
    #[serde(default)]
    billing_email: Patch<String>,
    #[serde(default)]
    default_locale: Option<String>,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    settings: Option<Map<String, Value>>,
    #[serde(default)]
    retention_days: Option<Map<String, Value>>,
}

async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    if_match: IfMatch,
    Body(body): Body<Update>,
) -> Result<Response, ApiError> {
    let version = if_match.demand()?;
    own(&caller, id)?;
    let Update { name, slug, billing_email, default_locale, timezone, settings, retention_days } = body;
    if let Some(name) = &name {
        check_length("name", name, 160)?;
    }
    if let Some(slug) = &slug {
        check_slug(slug)?;
    }
    if let Patch::Set(email) = &billing_email {
        check_email("billing_email", email)?;
    }
    for (field, text, most) in [("default_locale", &default_locale, 16), ("timezone", &timezone, 64)] {
        if let Some(text) = text {
            check_length(field, text, most)?;
        }
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    // Rules about signing in are changed by a person who has just shown who they are.
    if let Some(settings) = &settings {
        let changes = |key: &str| settings.get(key).unwrap_or(&Value::Null) != &before.settings[key];
        if ["require_2fa", "security", "allowed_email_domains"].into_iter().any(changes) {
            caller.require_fresh(api.clock.now())?;
        }
    }
    let change = Change {
        name,
        slug,
        billing_email: billing_email.is_change().then(|| billing_email.into_value()),
        default_locale,
        timezone,
        settings: settings.map(Value::Object),
        retention_days: retention_days.map(Value::Object),
    };
    if !organizations::update(&mut tx, &caller.scope, version, change).await.map_err(slug_taken)? {
        return Err(ApiError::Stale);
    }
    let after = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    let act = Act::new("organization.update", "organization", Some(id)).old(&before).new_values(&after);
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok((tagged(after.lock_version), Json(json!({ "data": after }))).into_response())
}

async fn close(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    own(&caller, id)?;
    let now = api.clock.now();
    caller.require_fresh(now)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    if !organizations::close(&mut tx, &caller.scope, now + CLOSING).await? {
        return Err(ApiError::conflict("already_closing", "it is closing already"));
    }
    let after = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    caller.audit(&api, &mut tx, Act::new("organization.close", "organization", Some(id))).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": after })))
}

async fn cancel_closing(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<Value>, ApiError> {
    own(&caller, id)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    if !organizations::reopen(&mut tx, &caller.scope).await? {
        return Err(ApiError::conflict("not_closing", "it is not closing"));
    }
    let after = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    caller.audit(&api, &mut tx, Act::new("organization.reopen", "organization", Some(id))).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": after })))
}

async fn switch(State(api): State<Api>, account: Account, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_auth().await?;
    // A provider speaks for its own organization: into another one leads what the person shows to us.
    let vouched = user_sessions::vouched_by(&mut tx, account.holder.session).await?;
    if vouched.is_some_and(|organization| organization != id) && account.holder.mfa_passed_at.is_none() {
        return Err(step_up_required());
    }
    if !user_sessions::switch(&mut tx, account.holder.session, account.user(), id).await? {
        return Err(ApiError::NotFound);
    }
    let act = Act::new("organization.enter", "organization", Some(id));
    let actor = account.client.person(&account.holder);
    audit_logs::append(&mut tx, Some(id.into()), api.ids.next(), &actor, act).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "organization_id": id } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    member_id: Uuid,
}

/// The new owner becomes one; the old one is an admin from then on.
async fn transfer(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<Uuid>,
    Body(body): Body<Transfer>,
) -> Result<Json<Value>, ApiError> {
    own(&caller, id)?;
    caller.require_fresh(api.clock.now())?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    let heir = organization_members::get(&mut tx, &caller.scope, body.member_id).await?;
    let heir = heir.filter(|heir| heir.status == "active");
    let heir = heir.ok_or_else(|| ApiError::invalid("member_id", "must be an active member"))?;
    let owner = roles::by_code(&mut tx, "owner").await?.ok_or(ApiError::NotFound)?;
    let admin = roles::by_code(&mut tx, "admin").await?.ok_or(ApiError::NotFound)?;
    super::within(&caller, &owner.permissions(), None)?;
    organization_members::set_role(&mut tx, &caller.scope, heir.id, owner.id).await?;
    organizations::set_owner(&mut tx, &caller.scope, heir.user_id).await?;
    if let Some(user) = caller.user().filter(|user| *user != heir.user_id)
        && let Some(member) = organization_members::of_user(&mut tx, &caller.scope, user).await?
    {
        organization_members::set_role(&mut tx, &caller.scope, member, admin.id).await?;
    }
    let after = organizations::get(&mut tx, &caller.scope).await?.ok_or(ApiError::NotFound)?;
    let act = Act::new("organization.transfer", "organization", Some(id))
        .old(json!({ "owner_id": before.owner_id }))
        .new_values(json!({ "owner_id": after.owner_id }));
    caller.audit(&api, &mut tx, act).await?;
    mail::to_administrators(&api, &mut tx, &caller, Matter::OwnershipTransferred).await?;
    tx.commit().await.map_err(keep_owner)?;
    Ok(Json(json!({ "data": after })))
}
