//! Sessions of staff: password and second factor in one step, a token for a working day, the second factor again for
//! what is dangerous.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::Secret;
use botbuilder_store::{
    Error,
    identity::{
        opaque::Opaque,
        users::{self, Credentials},
    },
    platform::{
        admin_audit_log::{self, Act},
        admin_ip_whitelist,
        admin_login_attempts::{self, Ended},
        admin_sessions, users as accounts,
    },
};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Desk, Need,
    desk::origin,
    guard::{IDLE, PREFIX, may_reach},
};
use crate::{
    Api,
    auth::{Client, FRESH},
    error::ApiError,
    identity::{factor, sign_in::check_email},
    input::Body,
    routes::{Access, Operation, Routes},
    shape,
};

/// How long a session lasts at most.
const LASTING: TimeDelta = TimeDelta::hours(8);
/// Failures on one address, or from one network address, before it is locked.
const FAILURES: i64 = 5;
/// Over how long they are counted, and how long the lock holds.
const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// The routes of staff's sessions.
pub(super) fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::post(
                "/admin/v1/auth/login",
                Access::Public,
                "signs in with password and second factor",
            )
            .takes(shape::object(&[
                ("email", "email"),
                ("password", "string"),
                ("code", "string?"),
                ("backup_code", "string?"),
            ]))
            .secret(),
            login,
        )
        .add(
            Operation::post(
                "/admin/v1/auth/elevate",
                Need::Staff,
                "shows the second factor again, for what is dangerous",
            )
            .takes(shape::object(&[("code", "string?"), ("backup_code", "string?")])),
            elevate,
        )
        .add(Operation::get("/admin/v1/auth/session", Need::Staff, "who is signed in"), who)
        .add(Operation::post("/admin/v1/auth/logout", Need::Staff, "ends the session").answers(204), logout)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    password: Secret<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    backup_code: Option<Secret<String>>,
}

/// One attempt at a time for an address and for a network address: while one is looked at, others wait, so that many at
/// once cannot slip by the count.
async fn login(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Login>,
) -> Result<Json<Value>, ApiError> {
    check_email("email", &body.email)?;
    let now = api.clock.now();
    let ip = client.ip_text().ok_or(ApiError::NotFound)?;
    let email = body.email.clone();
    let is_near = may_reach(&api, &client).await?;
    let mut tx = api.store.begin_admin().await?;
    admin_login_attempts::hold(&mut tx, &email, &ip).await?;
    let (account, ended) = if !is_near {
        (None, Ended::Network)
    } else if admin_login_attempts::failures(&mut tx, &email, &ip, now - WINDOW).await? >= FAILURES {
        (None, Ended::Locked)
    } else {
        look(&api, body, &client).await?
    };
    let attempt = admin_login_attempts::New {
        id: api.ids.next(),
        email: &email,
        user: account.as_ref().map(|account| account.id),
        ip: &ip,
        user_agent: client.user_agent.as_deref(),
        ended,
    };
    admin_login_attempts::insert(&mut tx, &attempt, now).await?;
    let account = match (ended, account) {
        (Ended::Success, Some(account)) => account,
        (Ended::Network, _) => {
            tx.commit().await?;
            return Err(ApiError::NotFound);
        }
        (Ended::Locked, _) => {
            tx.commit().await?;
            return Err(factor::wait(WINDOW));
        }
        _ => {
            tx.commit().await?;
            return Err(factor::wrong());
        }
    };
    let token = Opaque::generate(PREFIX).map_err(Error::from)?;
    let new = admin_sessions::New {
        id: api.ids.next(),
        user: account.id,
        hash: token.hash,
        ip: &ip,
        user_agent: client.user_agent.as_deref(),
        expires_at: now + LASTING,
    };
    admin_sessions::insert(&mut tx, &new, now).await?;
    admin_ip_whitelist::matched(&mut tx, &ip, now).await?;
    let staff = admin_sessions::authenticate(&mut tx, &token.hash, now - IDLE, now).await?;
    let staff = staff.ok_or_else(factor::wrong)?;
    let act = Act::new("session.open").to("admin_session", new.id);
    admin_audit_log::append(&mut tx, api.ids.next(), &staff, &origin(&client), act).await?;
    tx.commit().await?;
    let data = json!({
        "token": token.token.expose(),
        "session_id": staff.session,
        "role": staff.role,
        "expires_at": staff.expires_at,
        "idle_minutes": IDLE.num_minutes(),
    });
    Ok(Json(json!({ "data": data })))
}

/// Looks at an attempt. Whoever is no staff is told the same as whoever errs, after the same work.
async fn look(api: &Api, body: Login, client: &Client) -> Result<(Option<Credentials>, Ended), ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let account = users::credentials(&mut tx, &body.email, None).await?;
    tx.commit().await?;
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let compared = api.identity.passwords.compare(body.password, hash).await?;
    let Some(account) = account else { return Ok((None, Ended::UnknownUser)) };
    if !compared.right {
        return Ok((Some(account), Ended::BadPassword));
    }
    let mut tx = api.store.begin_admin().await?;
    let known = accounts::get(&mut tx, account.id).await?.unwrap_or_default();
    tx.commit().await?;
    let is_staff = known["platform_role"].as_str().is_some_and(|role| role != "none");
    if !is_staff || account.status != "active" {
        return Ok((Some(account), Ended::NotStaff));
    }
    let shown = factor::Shown { code: body.code, backup_code: body.backup_code };
    if !account.two_factor || (shown.code.is_none() && shown.backup_code.is_none()) {
        return Ok((Some(account), Ended::FactorMissing));
    }
    let is_right = factor::accept(api, account.id, &shown, client).await?;
    Ok((Some(account), if is_right { Ended::Success } else { Ended::FactorWrong }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Elevate {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    backup_code: Option<Secret<String>>,
}

/// A wrong code counts as a failed attempt to sign in does.
async fn elevate(
    State(api): State<Api>,
    desk: Desk,
    Body(body): Body<Elevate>,
) -> Result<Json<Value>, ApiError> {
    let now = api.clock.now();
    let (email, ip) = (&desk.staff.email, &desk.staff.ip);
    let mut tx = api.store.begin_admin().await?;
    admin_login_attempts::hold(&mut tx, email, ip).await?;
    let is_locked = admin_login_attempts::failures(&mut tx, email, ip, now - WINDOW).await? >= FAILURES;
    let shown = factor::Shown { code: body.code, backup_code: body.backup_code };
    let is_right = !is_locked && factor::accept(&api, desk.staff.user, &shown, &desk.client).await?;
    if !is_right {
        let attempt = admin_login_attempts::New {
            id: api.ids.next(),
            email,
            user: Some(desk.staff.user),
            ip,
            user_agent: desk.client.user_agent.as_deref(),
            ended: if is_locked { Ended::Locked } else { Ended::FactorWrong },
        };
        admin_login_attempts::insert(&mut tx, &attempt, now).await?;
        desk.note(&api, &mut tx, Act::new("session.elevate").denied()).await?;
        tx.commit().await?;
        return Err(if is_locked { factor::wait(WINDOW) } else { factor::wrong() });
    }
    let until = now + FRESH;
    admin_sessions::elevate(&mut tx, desk.staff.session, until, now).await?;
    desk.note(&api, &mut tx, Act::new("session.elevate")).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "elevated_until": until } })))
}

async fn who(desk: Desk) -> Json<Value> {
    let staff = &desk.staff;
    Json(json!({ "data": {
        "user_id": staff.user,
        "email": staff.email,
        "role": staff.role,
        "session_id": staff.session,
        "expires_at": staff.expires_at,
        "elevated_until": staff.elevated_until,
        "impersonated_organization_id": staff.impersonating,
        "impersonation_ends_at": staff.impersonation_ends_at,
    } }))
}

async fn logout(State(api): State<Api>, desk: Desk) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin_admin().await?;
    super::impersonation::end(&api, &mut tx, &desk).await?;
    admin_sessions::revoke(&mut tx, desk.staff.session, "logout", now).await?;
    desk.note(&api, &mut tx, Act::new("session.end")).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
