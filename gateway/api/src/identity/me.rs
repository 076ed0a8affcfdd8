//! `/v1/me`: the account of whoever is signed in.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::Secret;
use botbuilder_store::{
    audit::audit_logs::Act,
    identity::{
        password_reset_tokens::Purpose,
        two_factor_backup_codes,
        user_sessions::{self, Ended},
        users::{self, Change},
    },
    page::Page,
    patch::Patch,
    tenancy::organizations,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    avatar, factor,
    mail::{self, Notice, To},
    sign_in::{accepted, check_email, check_length, check_password, count_mail},
};
use crate::{
    Api,
    auth::Account,
    error::ApiError,
    input::{Body, Id, Paging, page},
    routes::{Access, Operation, Routes},
    shape,
};

/// The routes of the account itself.
pub fn routes() -> Routes {
    Routes::new()
        .add(Operation::get("/v1/me", Access::Account, "the account, and what it may do at the moment"), read)
        .add(
            Operation::patch("/v1/me", Access::Account, "changes the profile").takes(shape::object(&[
                ("name", "string?"),
                ("avatar_url", "url?null"),
                ("locale", "string?"),
                ("timezone", "string?"),
                ("notification_prefs", "object?"),
            ])),
            update,
        )
        .add(Operation::delete("/v1/me", Access::Account, "closes the account"), delete)
        .add(
            Operation::post("/v1/me/password", Access::Account, "changes the password; other sessions end")
                .answers(204)
                .takes(shape::object(&[("current_password", "string?"), ("new_password", "password")])),
            change_password,
        )
        .add(
            Operation::post("/v1/me/email", Access::Account, "sends a link that proves another address")
                .answers(202)
                .takes(shape::object(&[("email", "email")])),
            change_email,
        )
        .add(Operation::post("/v1/me/export", Access::Account, "everything kept about the account"), export)
        .add(
            Operation::get("/v1/me/sessions", Access::Account, "the open sessions").lists(Value::Null),
            sessions,
        )
        .add(Operation::delete("/v1/me/sessions/{id}", Access::Account, "ends a session"), end_session)
}

async fn read(State(api): State<Api>, account: Account) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let profile = users::profile(&mut tx, account.user()).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    let mut data = json!(profile);
    data["session_id"] = json!(account.holder.session);
    data["organization"] = account.holder.standing.as_ref().map_or(Value::Null, |(standing, state)| {
        json!({
            "id": standing.org,
            "status": state.status,
            "member_id": standing.member,
            "role": standing.role,
            "permissions": standing.rights.everywhere().texts(),
            "bots": standing.rights.bots().map(|(bot, permissions)| {
                json!({ "bot_id": bot, "permissions": permissions.texts() })
            }).collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({ "data": data })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    avatar_url: Patch<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    notification_prefs: Option<serde_json::Map<String, Value>>,
}

async fn update(
    State(api): State<Api>,
    account: Account,
    Body(body): Body<Update>,
) -> Result<Json<Value>, ApiError> {
    let Update { name, avatar_url, locale, timezone, notification_prefs } = body;
    for (field, text, most) in [("name", &name, 120), ("locale", &locale, 16), ("timezone", &timezone, 64)] {
        if let Some(text) = text {
            check_length(field, text, most)?;
        }
    }
    if let Patch::Set(url) = &avatar_url {
        let is_web = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_web || url.len() > 2048 {
            return Err(ApiError::invalid("avatar_url", "must be an http or https address"));
        }
    }
    let change = Change {
        name,
        avatar_url: avatar_url.is_change().then(|| avatar_url.into_value()),
        locale,
        timezone,
        notification_prefs: notification_prefs.map(Value::Object),
    };
    let mut tx = api.store.begin_auth().await?;
    users::update(&mut tx, account.user(), change).await?;
    let profile = users::profile(&mut tx, account.user()).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": profile })))
}

/// Nobody is left with an organization that nobody owns.
async fn delete(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let now = api.clock.now();
    account.require_fresh(now)?;
    let mut tx = api.store.begin_auth().await?;
    let owned = users::sole_ownerships(&mut tx, account.user()).await?;
    if !owned.is_empty() {
        return Err(ApiError::conflict(
            "sole_owner",
            "you alone own organizations: give them to somebody else or close them first",
        )
        .with(json!({ "organizations": owned })));
    }
    let known = users::credentials_of(&mut tx, account.user(), None).await?.ok_or(ApiError::NotFound)?;
    mail::notice(&api, &mut tx, To::from(&known), Notice::AccountDeleted, &account.client).await?;
    account.audit(&api, &mut tx, Act::new("account.delete", "user", Some(account.user()))).await?;
    user_sessions::revoke_others(&mut tx, account.user(), None, Ended::LogoutAll, now).await?;
    two_factor_backup_codes::clear(&mut tx, account.user()).await?;
    let picture = users::profile(&mut tx, account.user()).await?.and_then(|profile| profile.avatar_url);
    users::delete(&mut tx, account.user(), now).await?;
    tx.commit().await?;
    avatar::forget(&api, account.user(), picture.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    #[serde(default)]
    current_password: Option<Secret<String>>,
    new_password: Secret<String>,
}

async fn change_password(
    State(api): State<Api>,
    account: Account,
    Body(body): Body<ChangePassword>,
) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let (user, holder) = (account.user(), &account.holder);
    let mut tx = api.store.begin_auth().await?;
    let known = users::credentials_of(&mut tx, user, None).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    check_password("new_password", body.new_password.expose(), &[&known.email, &known.name])?;
    if holder.two_factor {
        account.require_fresh(now)?;
    }
    if known.password_hash.is_some() {
        let current = body.current_password;
        let current = current.ok_or_else(|| ApiError::invalid("current_password", "must be there"))?;
        factor::prove_password(&api, user, &known.email, current, &account.client).await?;
    } else {
        // An account that came in by a link has no password yet.
        account.require_fresh(now)?;
    }
    let hash = api.identity.passwords.hash(body.new_password).await?;
    let mut tx = api.store.begin_auth().await?;
    users::set_password(&mut tx, user, &hash, Some(now)).await?;
    user_sessions::revoke_others(&mut tx, user, Some(holder.session), Ended::PasswordChange, now).await?;
    mail::notice(&api, &mut tx, To::from(&known), Notice::PasswordChanged, &account.client).await?;
    account.audit(&api, &mut tx, Act::new("auth.password.change", "user", Some(user))).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeEmail {
    email: String,
}

/// The address stays as it is until the link that goes to the other one is followed. Whether that one has an account
/// already is not told.
async fn change_email(
    State(api): State<Api>,
    account: Account,
    Body(body): Body<ChangeEmail>,
) -> Result<Response, ApiError> {
    check_email("email", &body.email)?;
    account.require_fresh(api.clock.now())?;
    count_mail(&api, &body.email, &account.client)?;
    let mut tx = api.store.begin_auth().await?;
    let known = users::credentials_of(&mut tx, account.user(), None).await?.ok_or(ApiError::NotFound)?;
    if users::find_by_email(&mut tx, &body.email).await?.is_none() {
        mail::link(&api, &mut tx, &known, Purpose::EmailChange, Some(&body.email), &account.client).await?;
    }
    account.audit(&api, &mut tx, Act::new("auth.email.change_request", "user", Some(account.user()))).await?;
    tx.commit().await?;
    Ok(accepted())
}

async fn export(State(api): State<Api>, account: Account) -> Result<Json<Value>, ApiError> {
    let now = api.clock.now();
    account.require_fresh(now)?;
    let most = i64::from(Page::MOST);
    let mut tx = api.store.begin_auth().await?;
    let profile = users::profile(&mut tx, account.user()).await?.ok_or(ApiError::NotFound)?;
    let sessions = user_sessions::list(&mut tx, account.user(), None, most, now).await?;
    let organizations = organizations::of_user(&mut tx, account.user(), None, most).await?;
    account.audit(&api, &mut tx, Act::new("account.export", "user", Some(account.user()))).await?;
    tx.commit().await?;
    let data = json!({ "exported_at": now, "account": profile, "sessions": sessions, "organizations": organizations });
    Ok(Json(json!({ "data": data })))
}

async fn sessions(
    State(api): State<Api>,
    account: Account,
    Paging(piece): Paging,
) -> Result<Json<Value>, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let rows = user_sessions::list(&mut tx, account.user(), piece.after, piece.fetch(), now).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn end_session(
    State(api): State<Api>,
    account: Account,
    Id(id): Id<Uuid>,
) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    if !user_sessions::revoke(&mut tx, account.user(), id, Ended::LogoutAll, now).await? {
        return Err(ApiError::NotFound);
    }
    account.audit(&api, &mut tx, Act::new("auth.session.revoke", "session", Some(id))).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
