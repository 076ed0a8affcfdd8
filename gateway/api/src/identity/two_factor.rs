//! `/v1/me/2fa`: the second factor. It is asked for only after one right code has shown that it works.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::Secret;
use botbuilder_store::{
    Error, Tx,
    audit::audit_logs::Act,
    identity::{
        opaque::Hash,
        two_factor_backup_codes,
        user_sessions::{self, Ended},
        users,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    factor,
    mail::{self, Notice, To},
    totp,
};
use crate::{
    Api,
    auth::Account,
    error::ApiError,
    input::Body,
    routes::{Access, Operation, Routes},
    shape,
};

/// What apps show above the code.
const ISSUER: &str = "BotBuilder";

/// The routes of the second factor.
pub fn routes() -> Routes {
    let code = || shape::object(&[("code", "string")]);
    Routes::new()
        .add(
            Operation::post("/v1/me/2fa/enroll", Access::Account, "begins with a second factor").secret(),
            enroll,
        )
        .add(
            Operation::post(
                "/v1/me/2fa/confirm",
                Access::Account,
                "the first code; it is asked for from now on",
            )
            .takes(code())
            .secret(),
            confirm,
        )
        .add(
            Operation::post("/v1/me/2fa/disable", Access::Account, "gives the second factor up")
                .answers(204)
                .takes(shape::object(&[
                    ("password", "string?"),
                    ("code", "string?"),
                    ("backup_code", "string?"),
                ])),
            disable,
        )
        .add(
            Operation::post(
                "/v1/me/backup-codes/regenerate",
                Access::Account,
                "ten new backup codes; old ones are void",
            )
            .secret(),
            regenerate,
        )
}

fn already() -> ApiError {
    ApiError::conflict("two_factor_enabled", "there is a second factor already; give it up first")
}

async fn enroll(State(api): State<Api>, account: Account) -> Result<Json<Value>, ApiError> {
    account.require_fresh(api.clock.now())?;
    if account.holder.two_factor {
        return Err(already());
    }
    let seed = totp::new_seed().map_err(Error::from)?;
    let mut tx = api.store.begin_auth().await?;
    users::set_seed(&mut tx, account.user(), &api.identity.keys, &seed).await?;
    tx.commit().await?;
    let data = json!({
        "secret": totp::base32(&seed),
        "otpauth_uri": totp::uri(ISSUER, &account.holder.email, &seed),
    });
    Ok(Json(json!({ "data": data })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirm {
    code: String,
}

async fn confirm(
    State(api): State<Api>,
    account: Account,
    Body(body): Body<Confirm>,
) -> Result<Json<Value>, ApiError> {
    let now = api.clock.now();
    let (user, session) = (account.user(), account.holder.session);
    account.require_fresh(now)?;
    let mut tx = api.store.begin_auth().await?;
    let known = users::second_factor(&mut tx, user).await?.ok_or(ApiError::NotFound)?;
    if known.enabled_at.is_some() {
        return Err(already());
    }
    let seed = known
        .open_seed(user, &api.identity.keys)?
        .ok_or_else(|| ApiError::conflict("not_enrolling", "begin at /v1/me/2fa/enroll"))?;
    let step = totp::check(seed.expose(), &body.code, now.timestamp(), known.last_step);
    let step = step.ok_or_else(|| {
        ApiError::invalid("code", "is not the present one; does the clock of the device run right?")
    })?;
    users::accept_step(&mut tx, user, step, Some(now)).await?;
    let codes = new_codes(&api, &mut tx, user).await?;
    user_sessions::passed(&mut tx, session, now).await?;
    user_sessions::revoke_others(&mut tx, user, Some(session), Ended::PasswordChange, now).await?;
    tell(&api, &mut tx, &account, Notice::TwoFactorEnabled, "auth.two_factor.enable").await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "backup_codes": codes } })))
}

/// Ten new codes in place of the old ones, as they are shown once.
async fn new_codes(api: &Api, tx: &mut Tx, user: Uuid) -> Result<Vec<String>, ApiError> {
    let codes = totp::new_backup_codes().map_err(Error::from)?;
    let hashes: Vec<(Uuid, Hash)> = codes
        .iter()
        .filter_map(|code| Some((api.ids.next(), totp::backup_hash(&api.identity.pepper, code.expose())?)))
        .collect();
    two_factor_backup_codes::replace(tx, user, api.ids.next(), &hashes).await?;
    Ok(codes.iter().map(|code| code.expose().clone()).collect())
}

async fn tell(
    api: &Api,
    tx: &mut Tx,
    account: &Account,
    notice: Notice,
    action: &'static str,
) -> Result<(), ApiError> {
    if let Some(known) = users::credentials_of(tx, account.user(), None).await? {
        mail::notice(api, tx, To::from(&known), notice, &account.client).await?;
    }
    account.audit(api, tx, Act::new(action, "user", Some(account.user()))).await
}

fn not_enabled() -> ApiError {
    ApiError::conflict("two_factor_not_enabled", "there is no second factor")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disable {
    #[serde(default)]
    password: Option<Secret<String>>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    backup_code: Option<Secret<String>>,
}

/// Needs the password, where there is one, and a code.
async fn disable(
    State(api): State<Api>,
    account: Account,
    Body(body): Body<Disable>,
) -> Result<Response, ApiError> {
    if !account.holder.two_factor {
        return Err(not_enabled());
    }
    if account.holder.standing.as_ref().is_some_and(|(_, state)| state.require_two_factor) {
        return Err(ApiError::conflict(
            "two_factor_required",
            "the organization you are in asks for a second factor",
        ));
    }
    let (user, email, client) = (account.user(), &account.holder.email, &account.client);
    let mut tx = api.store.begin_auth().await?;
    let known = users::credentials_of(&mut tx, user, None).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    if known.password_hash.is_some() {
        let password = body.password.ok_or_else(|| ApiError::invalid("password", "must be there"))?;
        factor::prove_password(&api, user, email, password, client).await?;
    }
    let shown = factor::Shown { code: body.code, backup_code: body.backup_code };
    factor::prove(&api, user, email, &shown, client).await?;
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    users::disable_second_factor(&mut tx, user).await?;
    two_factor_backup_codes::clear(&mut tx, user).await?;
    let session = account.holder.session;
    user_sessions::revoke_others(&mut tx, user, Some(session), Ended::PasswordChange, now).await?;
    tell(&api, &mut tx, &account, Notice::TwoFactorDisabled, "auth.two_factor.disable").await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn regenerate(State(api): State<Api>, account: Account) -> Result<Json<Value>, ApiError> {
    if !account.holder.two_factor {
        return Err(not_enabled());
    }
    account.require_fresh(api.clock.now())?;
    let mut tx = api.store.begin_auth().await?;
    let codes = new_codes(&api, &mut tx, account.user()).await?;
    tell(&api, &mut tx, &account, Notice::BackupCodesRegenerated, "auth.backup_codes.regenerate").await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "backup_codes": codes } })))
}
