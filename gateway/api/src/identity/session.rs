//! `/v1/auth`: sessions. How they are opened, renewed, made stronger and ended.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use botbuilder_domain::Secret;
use botbuilder_store::{
    Tx,
    audit::audit_logs::{self, Act, Outcome},
    identity::{
        opaque::{self, Opaque},
        user_sessions::{self, Ended, New, Refreshing, Tokens},
        users,
    },
    sso::connections::Connection,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    factor,
    mail::{self, Notice, To},
};
use crate::{
    Api,
    auth::{ACCESS_COOKIE, ACCESS_PREFIX, Account, Client, cookie, is_same_origin},
    error::ApiError,
    input::Body,
    routes::{Access, Operation, Routes},
    shape,
};

const REFRESH_PREFIX: &str = "bbr_";
const REFRESH_COOKIE: &str = "__Host-botbuilder-refresh";
/// How long an access token is good.
const ACCESS: TimeDelta = TimeDelta::minutes(15);
/// How long a session lives without being used.
const IDLE: TimeDelta = TimeDelta::hours(12);
/// How long a session lives at all.
const ABSOLUTE: TimeDelta = TimeDelta::days(14);

/// The routes of sessions.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::post(
                "/v1/auth/refresh",
                Access::Public,
                "renews a session; its refresh token is replaced",
            )
            .takes(shape::object(&[("refresh_token", "string?")]))
            .secret(),
            refresh,
        )
        .add(
            Operation::post(
                "/v1/auth/step-up",
                Access::Account,
                "shows a factor again, for sensitive changes",
            )
            .takes(shape::object(&[("password", "string?"), ("code", "string?"), ("backup_code", "string?")]))
            .secret(),
            step_up,
        )
        .add(Operation::post("/v1/auth/logout", Access::Account, "ends this session").answers(204), logout)
        .add(
            Operation::post("/v1/auth/logout-all", Access::Account, "ends every session of the account")
                .answers(204),
            logout_all,
        )
}

/// What a client says about itself when it signs in.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Device {
    /// What the person calls it.
    #[serde(default)]
    pub label: Option<String>,
    /// Whether it is a browser that keeps the tokens in cookies.
    #[serde(default)]
    pub cookies: bool,
}

impl Device {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        match &self.label {
            Some(label) if label.chars().count() > 120 => {
                Err(ApiError::invalid("device.label", "must have at most 120 characters"))
            }
            _ => Ok(()),
        }
    }
}

/// The tokens of a session as they are given away once.
pub(crate) struct Given {
    access: Secret<String>,
    refresh: Secret<String>,
    stored: Tokens,
}

impl Given {
    /// New tokens for a session that began at `since` and lasts at most this long.
    fn generate(since: DateTime<Utc>, lasting: TimeDelta, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let access = Opaque::generate(ACCESS_PREFIX).map_err(botbuilder_store::Error::from)?;
        let refresh = Opaque::generate(REFRESH_PREFIX).map_err(botbuilder_store::Error::from)?;
        let end = since + lasting.min(ABSOLUTE);
        let stored = Tokens {
            access: access.hash,
            refresh: refresh.hash,
            access_until: (now + ACCESS).min(end),
            refresh_until: (now + IDLE).min(end),
        };
        Ok(Self { access: access.token, refresh: refresh.token, stored })
    }

    /// The answer: tokens in the body, or in cookies.
    pub(crate) fn answer(&self, session: Uuid, in_cookies: bool) -> Response {
        let mut data = json!({
            "session_id": session,
            "expires_at": self.stored.access_until,
            "refresh_expires_at": self.stored.refresh_until,
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if in_cookies {
            set_cookie(&mut headers, ACCESS_COOKIE, self.access.expose());
            set_cookie(&mut headers, REFRESH_COOKIE, self.refresh.expose());
        } else {
            data["access_token"] = json!(self.access.expose());
            data["refresh_token"] = json!(self.refresh.expose());
        }
        (headers, Json(json!({ "data": data }))).into_response()
    }
}

/// A cookie for the browser's session; an empty one is taken away.
fn set_cookie(headers: &mut HeaderMap, name: &str, value: &str) {
    let end = if value.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{end}");
    if let Ok(mut text) = HeaderValue::from_str(&text) {
        text.set_sensitive(true);
        headers.append(header::SET_COOKIE, text);
    }
}

/// How somebody signed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method<'a> {
    /// `password`, `magic_link` or `sso`.
    pub name: &'a str,
    /// Whether a second factor was shown.
    pub with_factor: bool,
    /// The identity provider that vouched for the person: its id, the organization it leads into, and how long it
    /// vouches.
    provider: Option<(Uuid, Uuid, TimeDelta)>,
    /// The person's name there and its number of the session, where it ends sessions by them.
    named: Option<(&'a Value, Option<&'a str>)>,
}

impl<'a> Method<'a> {
    /// With something that was shown to us.
    pub const fn of_ours(name: &'a str, with_factor: bool) -> Self {
        Self { name, with_factor, provider: None, named: None }
    }

    /// With an identity provider.
    pub fn of_provider(connection: &Connection) -> Self {
        let lasting = TimeDelta::minutes(i64::from(connection.session_minutes));
        let provider = (connection.id, connection.org.uuid(), lasting);
        Self { name: "sso", with_factor: false, provider: Some(provider), named: None }
    }

    /// The same, by a provider that may end the session by these.
    pub const fn named(self, name: &'a Value, session: Option<&'a str>) -> Self {
        Self { named: Some((name, session)), ..self }
    }
}

/// Opens a session: nothing has failed since.
pub(crate) async fn open(
    api: &Api,
    tx: &mut Tx,
    user: Uuid,
    email: &str,
    method: Method<'_>,
    device: &Device,
    client: &Client,
) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let ip = client.ip_text();
    let lasting = method.provider.map_or(ABSOLUTE, |(_, _, lasting)| lasting);
    let given = Given::generate(now, lasting, now)?;
    let id = api.ids.next();
    let organization = match method.provider {
        Some((_, organization, _)) => Some(organization),
        None => user_sessions::organization_to_enter(tx, user).await?,
    };
    users::signed_in(tx, user, ip.as_deref(), now).await?;
    let new = New {
        id,
        user,
        organization,
        kind: if device.cookies { "web" } else { "api" },
        auth_method: method.name,
        sso_configuration: method.provider.map(|(connection, _, _)| connection),
        at_provider: method.named,
        mfa_passed_at: method.with_factor.then_some(now),
        tokens: given.stored,
        device_label: device.label.as_deref(),
        user_agent: client.user_agent.as_deref(),
        ip: ip.as_deref(),
    };
    user_sessions::insert(tx, &new, now).await?;
    let act = Act::new("auth.login", "session", Some(id))
        .metadata(json!({ "method": method.name, "second_factor": method.with_factor }));
    let actor = audit_logs::Actor { session: Some(id), ..client.account(user, email) };
    audit_logs::append(tx, organization.map(Into::into), api.ids.next(), &actor, act).await?;
    Ok(given.answer(id, device.cookies))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refresh {
    #[serde(default)]
    refresh_token: Option<Secret<String>>,
}

async fn refresh(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
    Body(body): Body<Refresh>,
) -> Result<Response, ApiError> {
    let from_cookie = body.refresh_token.is_none();
    let presented = match &body.refresh_token {
        Some(token) => opaque::presented(REFRESH_PREFIX, token.expose()),
        None => cookie(&headers, REFRESH_COOKIE)
            .filter(|_| is_same_origin(&headers))
            .and_then(|token| opaque::presented(REFRESH_PREFIX, token)),
    };
    let presented = presented.ok_or(ApiError::Unauthenticated)?;
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    match user_sessions::refreshing(&mut tx, &presented, now).await?.ok_or(ApiError::Unauthenticated)? {
        Refreshing::Current { session, created_at, minutes, .. } => {
            let lasting = minutes.map_or(ABSOLUTE, |minutes| TimeDelta::minutes(minutes.into()));
            let given = Given::generate(created_at, lasting, now)?;
            user_sessions::rotate(&mut tx, session, &given.stored, None, now).await?;
            tx.commit().await?;
            Ok(given.answer(session, from_cookie))
        }
        Refreshing::Reused { session, user } => {
            user_sessions::revoke(&mut tx, user, session, Ended::ReuseDetected, now).await?;
            if let Some(account) = users::credentials_of(&mut tx, user, None).await? {
                mail::notice(&api, &mut tx, To::from(&account), Notice::SessionReuse, &client).await?;
                let act = Act::new("auth.refresh.reuse", "session", Some(session)).outcome(Outcome::Denied);
                let actor = client.account(user, &account.email);
                audit_logs::append(&mut tx, None, api.ids.next(), &actor, act).await?;
            }
            tx.commit().await?;
            Err(ApiError::Unauthenticated)
        }
    }
}

/// A factor that is shown again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepUp {
    #[serde(default)]
    password: Option<Secret<String>>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    backup_code: Option<Secret<String>>,
}

async fn step_up(
    State(api): State<Api>,
    account: Account,
    headers: HeaderMap,
    Body(body): Body<StepUp>,
) -> Result<Response, ApiError> {
    let holder = &account.holder;
    if holder.two_factor {
        let shown = factor::Shown { code: body.code, backup_code: body.backup_code };
        factor::prove(&api, holder.user, &holder.email, &shown, &account.client).await?;
    } else {
        let password = body.password.ok_or_else(|| ApiError::invalid("password", "must be there"))?;
        factor::prove_password(&api, holder.user, &holder.email, password, &account.client).await?;
    }
    let now = api.clock.now();
    let mut tx = api.store.begin_auth().await?;
    let minutes = user_sessions::minutes_of(&mut tx, holder.session).await?;
    let lasting = minutes.map_or(ABSOLUTE, |minutes| TimeDelta::minutes(minutes.into()));
    let given = Given::generate(holder.created_at, lasting, now)?;
    user_sessions::rotate(&mut tx, holder.session, &given.stored, Some(now), now).await?;
    account.audit(&api, &mut tx, Act::new("auth.step_up", "session", Some(holder.session))).await?;
    tx.commit().await?;
    Ok(given.answer(holder.session, cookie(&headers, ACCESS_COOKIE).is_some()))
}

/// The answer that also takes the cookies away.
pub(crate) fn gone() -> Response {
    let mut headers = HeaderMap::new();
    set_cookie(&mut headers, ACCESS_COOKIE, "");
    set_cookie(&mut headers, REFRESH_COOKIE, "");
    (StatusCode::NO_CONTENT, headers).into_response()
}

async fn logout(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let (user, session) = (account.user(), account.holder.session);
    let mut tx = api.store.begin_auth().await?;
    user_sessions::revoke(&mut tx, user, session, Ended::Logout, api.clock.now()).await?;
    account.audit(&api, &mut tx, Act::new("auth.logout", "session", Some(session))).await?;
    tx.commit().await?;
    Ok(gone())
}

async fn logout_all(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let ended =
        user_sessions::revoke_others(&mut tx, account.user(), None, Ended::LogoutAll, api.clock.now())
            .await?;
    let metadata: Value = json!({ "sessions": ended });
    let act = Act::new("auth.logout_all", "user", Some(account.user())).metadata(metadata);
    account.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok(gone())
}
