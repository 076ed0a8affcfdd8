//! `/v1/auth`: forgotten passwords, and proving addresses.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::Secret;
use botbuilder_store::{
    Error,
    audit::audit_logs::{self, Act},
    identity::{
        opaque,
        password_reset_tokens::{self, Purpose},
        user_sessions::{self, Ended},
        users,
    },
};
use serde::Deserialize;

use super::{
    mail::{self, Notice, To},
    sign_in::{accepted, bad_link, check_email, check_password, count_mail},
};
use crate::{
    Api,
    auth::Client,
    error::ApiError,
    input::Body,
    routes::{Access, Operation, Routes},
    shape,
};

/// The routes of links.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::post(
                "/v1/auth/password/forgot",
                Access::Public,
                "sends a link to choose a new password",
            )
            .answers(202)
            .takes(shape::object(&[("email", "email")])),
            forgot,
        )
        .add(
            Operation::post(
                "/v1/auth/password/reset",
                Access::Public,
                "chooses a new password with such a link",
            )
            .answers(204)
            .takes(shape::object(&[("token", "string"), ("password", "password")])),
            reset,
        )
        .add(
            Operation::post(
                "/v1/auth/email/resend",
                Access::Public,
                "sends the link that proves an address again",
            )
            .answers(202)
            .takes(shape::object(&[("email", "email")])),
            resend,
        )
        .add(
            Operation::post("/v1/auth/email/verify", Access::Public, "proves an address with such a link")
                .answers(204)
                .takes(shape::object(&[("token", "string")])),
            verify,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    email: String,
}

async fn forgot(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Address>,
) -> Result<Response, ApiError> {
    check_email("email", &body.email)?;
    count_mail(&api, &body.email, &client)?;
    let mut tx = api.store.begin_auth().await?;
    let account = users::credentials(&mut tx, &body.email, None).await?;
    if let Some(account) = account.filter(|account| account.status == "active") {
        mail::link(&api, &mut tx, &account, Purpose::PasswordReset, None, &client).await?;
    }
    tx.commit().await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    token: Secret<String>,
    password: Secret<String>,
}

/// Every session ends. The second factor stays: it is asked for at the next signing in.
async fn reset(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Reset>,
) -> Result<Response, ApiError> {
    let presented = opaque::presented(mail::prefix(Purpose::PasswordReset), body.token.expose());
    let presented = presented.ok_or_else(bad_link)?;
    check_password("password", body.password.expose(), &[])?;
    let hash = api.identity.passwords.hash(body.password.clone()).await?;
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let used = password_reset_tokens::consume(&mut tx, Purpose::PasswordReset, &presented, now).await?;
    let used = used.ok_or_else(bad_link)?;
    let account = users::credentials_of(&mut tx, used.user, None).await?.ok_or_else(bad_link)?;
    // Dropping the transaction gives the link back, so a refused password does not cost it.
    check_password("password", body.password.expose(), &[&account.email, &account.name])?;
    users::set_password(&mut tx, account.id, &hash, Some(now)).await?;
    users::verify_email(&mut tx, account.id, now).await?;
    users::clear_attempts(&mut tx, account.id).await?;
    user_sessions::revoke_others(&mut tx, account.id, None, Ended::PasswordChange, now).await?;
    mail::notice(&api, &mut tx, To::from(&account), Notice::PasswordChanged, &client).await?;
    let act = Act::new("auth.password.reset", "user", Some(account.id));
    audit_logs::append(&mut tx, None, api.ids.next(), &client.account(account.id, &account.email), act)
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn resend(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Address>,
) -> Result<Response, ApiError> {
    check_email("email", &body.email)?;
    count_mail(&api, &body.email, &client)?;
    let mut tx = api.store.begin_auth().await?;
    let account = users::credentials(&mut tx, &body.email, None).await?;
    if let Some(account) = account.filter(|account| !account.email_verified) {
        mail::link(&api, &mut tx, &account, Purpose::EmailVerification, None, &client).await?;
    }
    tx.commit().await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    token: Secret<String>,
}

async fn verify(
    State(api): State<Api>,
    client: Client,
    Body(body): Body<Verify>,
) -> Result<Response, ApiError> {
    let token = body.token.expose();
    let purpose = [Purpose::EmailVerification, Purpose::EmailChange]
        .into_iter()
        .find_map(|purpose| Some((purpose, opaque::presented(mail::prefix(purpose), token)?)));
    let (purpose, presented) = purpose.ok_or_else(bad_link)?;
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let used =
        password_reset_tokens::consume(&mut tx, purpose, &presented, now).await?.ok_or_else(bad_link)?;
    let account = users::credentials_of(&mut tx, used.user, None).await?.ok_or_else(bad_link)?;
    let actor = client.account(account.id, &account.email);
    if let Some(email) = &used.new_email {
        match users::change_email(&mut tx, account.id, email, now).await {
            // Somebody else has taken it in the meantime; a link that says so would tell who has accounts.
            Err(Error::Conflict { constraint }) if constraint == "uq_users_1" => return Err(bad_link()),
            other => other?,
        }
        user_sessions::revoke_others(&mut tx, account.id, None, Ended::PasswordChange, now).await?;
        // The old address is told, in case it was not its owner.
        mail::notice(&api, &mut tx, To::from(&account), Notice::EmailChanged, &client).await?;
        let act = Act::new("auth.email.change", "user", Some(account.id));
        audit_logs::append(&mut tx, None, api.ids.next(), &actor, act).await?;
    } else {
        users::verify_email(&mut tx, account.id, now).await?;
        let act = Act::new("auth.email.verify", "user", Some(account.id));
        audit_logs::append(&mut tx, None, api.ids.next(), &actor, act).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
