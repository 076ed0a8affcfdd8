//! Who calls, for which organization, and with what rights.
//!
//! Credentials are an API token (`bb_…`), the access token of a session (`bbs_…`), or that token in the cookie of a
//! browser. They are looked up once for a request, with the rights they carry at that moment. [`Account`] is a signed-in
//! person, in whatever organization; [`Caller`] is whoever acts in one, and asks for rights with [`Caller::require`].

pub(crate) mod acting;
pub(crate) mod bot_of;
mod client;
pub mod rate;
pub mod refusals;

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use botbuilder_domain::BotId;
use botbuilder_store::{
    OrgScope, Tx,
    audit::audit_logs::{self, Act, Actor},
    identity::{
        opaque,
        user_sessions::{self, Holder},
    },
    integrations::api_tokens::{self, Bearer, Presented},
    tenancy::{
        rights::{Bots, Permissions, Rights, Verb},
        standing::OrgState,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub use self::client::Client;
use crate::{
    Api,
    error::ApiError,
    events::{self, By},
    idempotency::Keyed,
    permission::Permission,
};

/// Begins an access token of a session.
pub const ACCESS_PREFIX: &str = "bbs_";
/// The cookie with the access token. Its prefix makes browsers refuse it without TLS, from another host or path.
pub const ACCESS_COOKIE: &str = "__Host-botbuilder";
/// How long a factor that was shown counts for sensitive changes.
pub const FRESH: TimeDelta = TimeDelta::minutes(10);
/// Calls of one person in a minute, over all sessions.
const PERSON_PER_MINUTE: i32 = 6000;
/// How often it is noted that credentials were used.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// Valid credentials.
#[derive(Debug, Clone)]
enum Identity {
    Session(Arc<Holder>),
    Token(Arc<Bearer>),
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Account {
    /// The session, with what is known of the person.
    pub holder: Arc<Holder>,
    /// Where the call comes from.
    pub client: Client,
}

/// Whoever acts in an organization. Taking one as an argument is what makes a handler refuse everybody else.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The organization the caller acts in.
    pub scope: OrgScope,
    /// Where the call comes from.
    pub client: Client,
    identity: Identity,
    rights: Arc<Rights>,
}

impl Caller {
    /// Refuses a caller without this right, wherever in the organization. What belongs to one bot asks with
    /// [`Caller::require_in`].
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        self.check(self.rights.everywhere(), permission)
    }

    /// Refuses a caller without this right in one bot.
    pub fn require_in(&self, bot: BotId, permission: Permission) -> Result<(), ApiError> {
        self.check(&self.rights.in_bot(bot), permission)
    }

    /// Refuses a caller without this right where the address points to: in the bot of `/v1/bots/{id}…`, else wherever
    /// (the guard looks up more bots).
    pub fn require_at(&self, path: &str, permission: Permission) -> Result<(), ApiError> {
        let bot = path.strip_prefix("/v1/bots/").and_then(|rest| rest.split('/').next()?.parse().ok());
        bot.map_or_else(|| self.require(permission), |bot| self.require_in(bot, permission))
    }

    fn check(&self, allowed: &Permissions, permission: Permission) -> Result<(), ApiError> {
        if !allowed.has(permission) {
            return Err(ApiError::Forbidden(permission));
        }
        if permission.verb == Verb::Publish { self.require_verified() } else { Ok(()) }
    }

    /// The bots in which the caller has this right.
    pub fn bots(&self, permission: Permission) -> Bots {
        self.rights.bots_with(permission)
    }

    /// What the caller may do.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Refuses a person whose address is not proved yet.
    pub fn require_verified(&self) -> Result<(), ApiError> {
        match &self.identity {
            Identity::Session(holder) if !holder.email_verified => Err(ApiError::refused(
                StatusCode::FORBIDDEN,
                "email_not_verified",
                "prove your address first: follow the link in the mail, or ask for another",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a person who has not shown a factor lately. Programs, which have none, are refused too.
    pub fn require_fresh(&self, now: DateTime<Utc>) -> Result<(), ApiError> {
        match &self.identity {
            Identity::Session(holder) => require_fresh(holder, now),
            Identity::Token(_) => Err(session_required()),
        }
    }

    /// Whoever made this request, as they are now: for what goes on after its answer has begun.
    pub(crate) async fn as_of_now(parts: &Parts, api: &Api) -> Result<Self, ApiError> {
        let client = Client::of(parts);
        match look_up(parts, api, &client).await? {
            Identity::Session(holder) => of_session(holder, client),
            Identity::Token(bearer) => of_token(bearer, client),
        }
    }

    /// Who calls, in a word: what belongs to this one is kept apart from what belongs to others.
    pub fn principal(&self) -> String {
        match &self.identity {
            Identity::Session(holder) => format!("user:{}", holder.user),
            Identity::Token(bearer) => format!("token:{}", bearer.token),
        }
    }

    /// What the caller is called: a person's address, a token's name.
    pub fn label(&self) -> &str {
        match &self.identity {
            Identity::Session(holder) => &holder.email,
            Identity::Token(bearer) => &bearer.name,
        }
    }

    /// The account that acts, if one does.
    pub fn user(&self) -> Option<Uuid> {
        match &self.identity {
            Identity::Session(holder) => Some(holder.user),
            Identity::Token(bearer) => bearer.user,
        }
    }

    /// The person who is signed in. Refuses programs: some things only the person in question may do.
    pub fn require_person(&self) -> Result<Uuid, ApiError> {
        match &self.identity {
            Identity::Session(holder) if holder.impersonation.is_none() => Ok(holder.user),
            Identity::Session(_) => Err(acting::personal()),
            Identity::Token(_) => Err(session_required()),
        }
    }

    /// The token that acts, if one does.
    pub fn token(&self) -> Option<Uuid> {
        match &self.identity {
            Identity::Session(_) => None,
            Identity::Token(bearer) => Some(bearer.token),
        }
    }

    /// Writes an audit entry in the transaction of the act, and tells of it.
    pub async fn audit(&self, api: &Api, tx: &mut Tx, act: Act) -> Result<(), ApiError> {
        let actor = match &self.identity {
            Identity::Session(holder) => self.client.person(holder),
            Identity::Token(bearer) => Actor {
                kind: "api_token",
                id: Some(bearer.token),
                label: Some(bearer.name.clone()),
                session: None,
                ..self.client.nobody()
            },
        };
        let by = By {
            user: self.user(),
            source: if self.token().is_some() { "api" } else { "ui" },
            request: self.client.request,
        };
        events::tell(api, tx, &self.scope, &by, &act).await?;
        Ok(audit_logs::append(tx, Some(self.scope.org()), api.ids.next(), &actor, act).await?)
    }
}

impl Account {
    /// The account.
    pub fn user(&self) -> Uuid {
        self.holder.user
    }

    /// Refuses a person who has not shown a factor lately.
    pub fn require_fresh(&self, now: DateTime<Utc>) -> Result<(), ApiError> {
        require_fresh(&self.holder, now)
    }

    /// The person as the caller in their active organization, if they have one.
    pub fn caller(&self) -> Result<Caller, ApiError> {
        of_session(Arc::clone(&self.holder), self.client.clone())
    }

    /// Writes an audit entry about the account itself: in the chain of the active organization, else in its own.
    pub async fn audit(&self, api: &Api, tx: &mut Tx, act: Act) -> Result<(), ApiError> {
        let org = self.holder.standing.as_ref().map(|(standing, _)| standing.org);
        Ok(audit_logs::append(tx, org, api.ids.next(), &self.client.person(&self.holder), act).await?)
    }
}

/// With a second factor it must have been shown; without one, signing in or showing the password again is enough.
fn require_fresh(holder: &Holder, now: DateTime<Utc>) -> Result<(), ApiError> {
    if holder.impersonation.is_some() {
        return Err(acting::personal());
    }
    let shown = if holder.two_factor {
        holder.mfa_passed_at
    } else {
        Some(holder.mfa_passed_at.unwrap_or(holder.created_at).max(holder.created_at))
    };
    if shown.is_some_and(|shown| shown + FRESH > now) {
        return Ok(());
    }
    Err(step_up_required())
}

/// What asks for a factor that was shown to us.
pub(crate) fn step_up_required() -> ApiError {
    ApiError::refused(
        StatusCode::FORBIDDEN,
        "step_up_required",
        "show your password or second factor again at /v1/auth/step-up, then repeat this",
    )
}

fn session_required() -> ApiError {
    ApiError::refused(
        StatusCode::FORBIDDEN,
        "session_required",
        "this is for signed-in people, not for tokens",
    )
}

fn check_state(state: &OrgState) -> Result<(), ApiError> {
    if state.status == "suspended" {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "organization_suspended",
            "this organization is suspended; ask the people who run the platform",
        ));
    }
    Ok(())
}

fn of_session(holder: Arc<Holder>, client: Client) -> Result<Caller, ApiError> {
    let Some((standing, state)) = &holder.standing else {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "no_organization",
            "you are in no organization at the moment: create one, accept an invitation, or switch to another",
        ));
    };
    check_state(state)?;
    if state.require_two_factor && !holder.two_factor {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "two_factor_required",
            "this organization asks for a second factor: enrol one at /v1/me/2fa/enroll",
        ));
    }
    let (scope, rights) = (OrgScope::of_service(standing.org), Arc::new(standing.rights.clone()));
    Ok(Caller { scope, client, identity: Identity::Session(holder), rights })
}

fn of_token(bearer: Arc<Bearer>, client: Client) -> Result<Caller, ApiError> {
    check_state(&bearer.state)?;
    if !bearer.address_allowed {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "address_not_allowed",
            "this token may not be used from this address",
        ));
    }
    let (scope, rights) = (OrgScope::of_service(bearer.org), Arc::new(bearer.rights.clone()));
    Ok(Caller { scope, client, identity: Identity::Token(bearer), rights })
}

/// Whose credentials came with the request. Looked up once; asked again, the answer is the same.
async fn identify(parts: &mut Parts, api: &Api) -> Result<(Identity, Client), ApiError> {
    let client = Client::of(parts);
    if let Some(identity) = parts.extensions.get::<Identity>() {
        return Ok((identity.clone(), client));
    }
    let identity = look_up(parts, api, &client).await?;
    if let Identity::Session(holder) = &identity
        && let Some(impersonation) = &holder.impersonation
    {
        let acting = acting::Acting(impersonation.clone());
        acting.check(&parts.method, parts.uri.path())?;
        parts.extensions.insert(acting);
    }
    let rate = match &identity {
        Identity::Token(bearer) => {
            api.identity.rates.take_of(bearer.org.uuid(), bearer.token, bearer.rate_per_minute)?
        }
        Identity::Session(holder) => api.identity.rates.take(holder.user, PERSON_PER_MINUTE)?,
    };
    parts.extensions.insert(rate);
    parts.extensions.insert(identity.clone());
    Ok((identity, client))
}

async fn look_up(parts: &Parts, api: &Api, client: &Client) -> Result<Identity, ApiError> {
    Ok(match credentials(&parts.method, &parts.headers)? {
        Credentials::Token(presented) => Identity::Token(token(api, &presented, client).await?),
        Credentials::Session(access) => Identity::Session(session(api, &access, client).await?),
    })
}

enum Credentials {
    Token(Presented),
    Session(opaque::Hash),
}

fn credentials(method: &Method, headers: &HeaderMap) -> Result<Credentials, ApiError> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or(ApiError::Unauthenticated)?;
        if let Some(access) = opaque::presented(ACCESS_PREFIX, token) {
            return Ok(Credentials::Session(access));
        }
        return Presented::parse(token).map(Credentials::Token).ok_or(ApiError::Unauthenticated);
    }
    let access = cookie(headers, ACCESS_COOKIE).and_then(|token| opaque::presented(ACCESS_PREFIX, token));
    let access = access.ok_or(ApiError::Unauthenticated)?;
    // Browsers send cookies along whoever made the page, so a change must come from a page of our own.
    if !method.is_safe() && !is_same_origin(headers) {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "cross_origin",
            "a cookie is taken from pages of this address only",
        ));
    }
    Ok(Credentials::Session(access))
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).into_iter();
    pairs
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// Whether a browser says that the page that calls is ours. Without `Sec-Fetch-Site` the origin's host must be the one
/// that is called.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == text(header::HOST)
}

async fn token(api: &Api, presented: &Presented, client: &Client) -> Result<Arc<Bearer>, ApiError> {
    let now = api.clock.now();
    let ip = client.ip_text();
    let mut look_up = api.store.look_up().await?;
    let bearer = api_tokens::authenticate(&mut look_up, presented, ip.as_deref(), now).await?;
    drop(look_up);
    let bearer = bearer.ok_or(ApiError::Unauthenticated)?;
    if bearer.last_used_at.is_none_or(|last| last + NOTED_EVERY <= now) {
        let mut tx = api.store.begin_auth().await?;
        api_tokens::used(&mut tx, bearer.token, ip.as_deref(), now).await?;
        tx.commit().await?;
    }
    Ok(Arc::new(bearer))
}

async fn session(api: &Api, access: &opaque::Hash, client: &Client) -> Result<Arc<Holder>, ApiError> {
    let now = api.clock.now();
    let mut look_up = api.store.look_up().await?;
    let holder = user_sessions::authenticate(&mut look_up, access, now).await?;
    drop(look_up);
    let holder = holder.ok_or(ApiError::Unauthenticated)?;
    if holder.last_seen_at + NOTED_EVERY <= now {
        let mut tx = api.store.begin_auth().await?;
        user_sessions::seen(&mut tx, holder.session, client.ip_text().as_deref(), now).await?;
        tx.commit().await?;
    }
    Ok(Arc::new(holder))
}

impl FromRequestParts<Api> for Account {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        match identify(parts, api).await? {
            (Identity::Session(holder), client) => Ok(Self { holder, client }),
            (Identity::Token(_), _) => Err(session_required()),
        }
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let caller = match identify(parts, api).await? {
            (Identity::Session(holder), client) => of_session(holder, client),
            (Identity::Token(bearer), client) => of_token(bearer, client),
        }?;
        Ok(match parts.extensions.get::<Keyed>() {
            Some(Keyed(key)) => Self { scope: caller.scope.in_call(*key), ..caller },
            None => caller,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&[("cookie", "a=1; __Host-botbuilder=bbs_x;b=2")]);
        assert_eq!(cookie(&headers, ACCESS_COOKIE), Some("bbs_x"));
        assert_eq!(cookie(&headers, "botbuilder"), None);
    }

    #[test]
    fn only_a_page_of_our_own_may_change_with_a_cookie() {
        for (ours, pairs) in [
            (true, vec![("sec-fetch-site", "same-origin")]),
            (
                false,
                vec![("sec-fetch-site", "same-site"), ("origin", "https://a.example"), ("host", "a.example")],
            ),
            (false, vec![("sec-fetch-site", "none")]),
            (true, vec![("origin", "https://a.example"), ("host", "a.example")]),
            (true, vec![("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]),
            (false, vec![("origin", "https://b.example"), ("host", "a.example")]),
            (false, vec![("origin", "null"), ("host", "a.example")]),
            (false, vec![("host", "a.example")]),
        ] {
            assert_eq!(is_same_origin(&headers(&pairs)), ours, "{pairs:?}");
        }
    }
}
