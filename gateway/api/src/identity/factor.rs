//! Showing a factor: the password, a code of the app, a backup code. Every attempt is counted before it is looked at, so
//! that many at once cannot slip by.

use std::iter;

use axum::http::StatusCode;
use botbuilder_domain::Secret;
use botbuilder_store::{
    audit::audit_logs::{self, Act, Outcome},
    identity::{two_factor_backup_codes, users},
};
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::{
    mail::{self, Notice, To},
    throttle, totp,
};
use crate::{Api, auth::Client, error::ApiError};

/// A second factor as it is shown: one of the two.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// A code of the app.
    pub code: Option<String>,
    /// A backup code.
    pub backup_code: Option<Secret<String>>,
}

/// The answer to everything that does not prove who somebody is. It does not say what was wrong.
pub(crate) fn wrong() -> ApiError {
    ApiError::refused(
        StatusCode::UNAUTHORIZED,
        "invalid_credentials",
        "address, password or code are not right, or the account cannot be used",
    )
}

/// Come back later.
pub(crate) fn wait(delay: TimeDelta) -> ApiError {
    let seconds = u32::try_from((delay.num_milliseconds() + 999) / 1000).unwrap_or(1).max(1);
    ApiError::refused(
        StatusCode::TOO_MANY_REQUESTS,
        "slow_down",
        "there were too many attempts; wait a moment",
    )
    .after(seconds)
}

/// Counts an attempt of an account whose row is known, and makes the next one wait. From an address that the account
/// signed in from last, a stranger's failures do not count.
pub(crate) async fn count(api: &Api, user: Uuid, client: &Client) -> Result<(), ApiError> {
    let now = api.clock.now();
    let ip = client.ip_text();
    let mut tx = api.store.begin_auth().await?;
    let Some(account) = users::credentials_of(&mut tx, user, ip.as_deref()).await? else {
        return Err(wrong());
    };
    if let Some(until) = account.delay_until.filter(|until| *until > now && !account.known_address) {
        return Err(wait(until - now));
    }
    let failures = u32::try_from(users::count_attempt(&mut tx, user).await?).unwrap_or(u32::MAX);
    let delay = throttle::account_delay(failures);
    if delay > TimeDelta::zero() {
        users::delay(&mut tx, user, Some(now + delay)).await?;
    }
    if failures == throttle::TOLD_AFTER {
        mail::notice(api, &mut tx, To::from(&account), Notice::FailedAttempts, client).await?;
    }
    Ok(tx.commit().await?)
}

/// Writes down that an attempt was wrong.
pub(crate) async fn failed(
    api: &Api,
    user: Uuid,
    email: &str,
    action: &'static str,
    client: &Client,
) -> Result<(), ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let act = Act::new(action, "user", Some(user)).outcome(Outcome::Failure);
    audit_logs::append(&mut tx, None, api.ids.next(), &client.account(user, email), act).await?;
    Ok(tx.commit().await?)
}

/// Nothing has failed any more.
async fn succeeded(api: &Api, user: Uuid, email: &str, client: &Client) -> Result<(), ApiError> {
    let now = api.clock.now();
    api.identity.throttle.succeed(email, client.ip, now);
    let mut tx = api.store.begin_auth().await?;
    users::clear_attempts(&mut tx, user).await?;
    Ok(tx.commit().await?)
}

/// Proves a signed-in person's password again.
pub(crate) async fn prove_password(
    api: &Api,
    user: Uuid,
    email: &str,
    password: Secret<String>,
    client: &Client,
) -> Result<(), ApiError> {
    api.identity.throttle.begin(email, client.ip, api.clock.now()).map_err(wait)?;
    count(api, user, client).await?;
    let mut tx = api.store.begin_auth().await?;
    let account = users::credentials_of(&mut tx, user, None).await?.ok_or_else(wrong)?;
    tx.commit().await?;
    if !api.identity.passwords.compare(password, account.password_hash).await?.right {
        failed(api, user, email, "auth.password.wrong", client).await?;
        return Err(wrong());
    }
    succeeded(api, user, email, client).await
}

/// Proves the second factor.
pub(crate) async fn prove(
    api: &Api,
    user: Uuid,
    email: &str,
    shown: &Shown,
    client: &Client,
) -> Result<(), ApiError> {
    api.identity.throttle.begin(email, client.ip, api.clock.now()).map_err(wait)?;
    count(api, user, client).await?;
    if !accept(api, user, shown, client).await? {
        failed(api, user, email, "auth.second_factor.wrong", client).await?;
        return Err(wrong());
    }
    succeeded(api, user, email, client).await
}

/// Uses a code up, if it is right and was not used.
pub(crate) async fn accept(api: &Api, user: Uuid, shown: &Shown, client: &Client) -> Result<bool, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let is_right = match (&shown.code, &shown.backup_code) {
        (Some(code), None) => {
            let known = users::second_factor(&mut tx, user).await?;
            let Some(known) = known.filter(|known| known.enabled_at.is_some()) else { return Ok(false) };
            let Some(seed) = known.open_seed(user, &api.identity.keys)? else { return Ok(false) };
            match totp::check(seed.expose(), code, now.timestamp(), known.last_step) {
                Some(step) => {
                    users::accept_step(&mut tx, user, step, None).await?;
                    true
                }
                None => false,
            }
        }
        (None, Some(code)) => {
            let ip = client.ip_text();
            let mut used = false;
            for pepper in iter::once(&api.identity.pepper).chain(&api.identity.previous_pepper) {
                let Some(hash) = totp::backup_hash(pepper, code.expose()) else { return Ok(false) };
                used |= two_factor_backup_codes::consume(&mut tx, user, &hash, ip.as_deref(), now).await?;
            }
            if used && let Some(account) = users::credentials_of(&mut tx, user, None).await? {
                mail::notice(api, &mut tx, To::from(&account), Notice::BackupCodeUsed, client).await?;
                let left = two_factor_backup_codes::left(&mut tx, user).await?;
                let act =
                    Act::new("auth.backup_code.use", "user", Some(user)).metadata(json!({ "left": left }));
                let actor = client.account(user, &account.email);
                audit_logs::append(&mut tx, None, api.ids.next(), &actor, act).await?;
            }
            used
        }
        _ => return Err(ApiError::invalid("code", "send either code or backup_code")),
    };
    tx.commit().await?;
    Ok(is_right)
}
