//! The end of a sign-in: who the person is here, whether they may come in, and their session.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use botbuilder_store::{
    Error, OrgScope, Tx,
    audit::audit_logs::{self, Act, Outcome},
    identity::users,
    sso::{
        attempts::{self, Attempt},
        connections::Connection,
        domains,
        people::{self, Membership},
    },
    tenancy::organizations,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{group_roles, person::Person, started};
use crate::{
    Api,
    auth::Client,
    error::ApiError,
    events::{self, By},
    identity::session::{self, Device, Method},
};

/// Why nobody comes in.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For a reason that is written down, with words for the log of the organization.
    Refused {
        /// As `sso_login_logs.failure_code` has it.
        code: &'static str,
        /// In words.
        detail: String,
    },
    /// Something of ours went wrong.
    Other(ApiError),
}

impl Failure {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused { code, detail: detail.into() }
    }
}

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// An answer of a provider that was found good.
pub(crate) struct Vouched<'a> {
    /// Whom it is about.
    pub person: &'a Person,
    /// The hash of what ties it to the question.
    pub state: &'a [u8],
    /// The hash of what is in it once.
    pub once: &'a [u8],
    /// Where the browser goes.
    pub return_to: &'a str,
    /// The person's name and the session's number, where the provider ends sessions by them.
    pub named: Option<(&'a Value, Option<&'a str>)>,
}

/// Lets the person in: the session's cookies, and where to go.
pub(crate) async fn enter(
    api: &Api,
    connection: &Connection,
    vouched: &Vouched<'_>,
    client: &Client,
) -> Result<Response, Failure> {
    let now = api.clock.now();
    let scope = OrgScope::of_service(connection.org);
    let person = vouched.person;
    let mut tx = api.store.begin_auth().await?;
    let (link, user) = linked(api, &mut tx, connection, person).await?;
    let account = people::account(&mut tx, user).await?;
    let account = account.filter(|account| account.status == "active");
    let account = account.ok_or_else(|| Failure::new("user_disabled", "the account cannot be used"))?;
    let by = Newcomer { user, email: &account.email, client };
    let member = membership(api, &mut tx, connection, &scope, &by).await?;
    if let Some(groups) = &person.groups {
        group_roles::apply(api, &mut tx, connection, &member, groups, client).await?;
    }
    let groups = person.groups.clone().unwrap_or_default();
    people::signed_in(&mut tx, link, &person.subject, person.email.as_deref(), &groups, now).await?;
    let ip = client.ip_text();
    let attempt = Attempt {
        stage: "callback",
        outcome: "success",
        failure: "none",
        user: Some(user),
        email: person.email.as_deref(),
        state: Some(vouched.state),
        once: Some(vouched.once),
        groups: &groups,
        ip: ip.as_deref(),
        user_agent: client.user_agent.as_deref(),
        ..Attempt::default()
    };
    match attempts::append(&mut tx, connection, api.ids.next(), &attempt).await {
        Err(Error::Conflict { constraint }) if constraint == attempts::REPLAYED => {
            return Err(Failure::new("replayed", "this answer was used before"));
        }
        other => other?,
    }
    let method = Method::of_provider(connection);
    let method = vouched.named.map_or(method, |(name, session)| method.named(name, session));
    let device = Device { label: None, cookies: true };
    let mut response = session::open(api, &mut tx, user, &account.email, method, &device, client).await?;
    tx.commit().await?;
    let to = HeaderValue::from_str(vouched.return_to).map_err(ApiError::defect)?;
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, to);
    started::forget(response.headers_mut());
    Ok(response)
}

/// The link of the person and their account; both are made where they may be.
async fn linked(
    api: &Api,
    tx: &mut Tx,
    connection: &Connection,
    person: &Person,
) -> Result<(Uuid, Uuid), Failure> {
    let disabled = || Failure::new("user_disabled", "the provider has taken this person back");
    if let Some(link) = people::find(tx, connection, &person.subject).await? {
        return if link.is_active { Ok((link.id, link.user)) } else { Err(disabled()) };
    }
    // An address says who somebody is only where the organization has proved its domain.
    let (email, domain) = person
        .email
        .as_deref()
        .zip(person.domain())
        .ok_or_else(|| Failure::new("domain_mismatch", "the provider tells no proved address"))?;
    if !domains::is_proved(tx, &OrgScope::of_service(connection.org), domain).await? {
        return Err(Failure::new("domain_mismatch", format!("{domain} is not proved by this organization")));
    }
    let user = match users::find_by_email(tx, email).await? {
        Some(user) => match people::of_user(tx, connection, user).await? {
            // Provisioning made it; the provider calls the same person otherwise there.
            Some(link) if link.is_active => return Ok((link.id, user)),
            Some(_) => return Err(disabled()),
            None => user,
        },
        None if !connection.jit_enabled => {
            return Err(Failure::new("not_provisioned", "nobody is let in who is not there already"));
        }
        None => {
            let user = api.ids.next();
            let name = person.name.as_deref().unwrap_or(email);
            users::insert(tx, user, email, &name.chars().take(120).collect::<String>()).await?;
            users::verify_email(tx, user, api.clock.now()).await?;
            user
        }
    };
    let id = api.ids.next();
    people::link(tx, connection, id, user, &person.subject).await?;
    Ok((id, user))
}

/// Whoever comes in, and from where.
struct Newcomer<'a> {
    user: Uuid,
    email: &'a str,
    client: &'a Client,
}

/// The membership; made, or made again, where that is allowed.
async fn membership(
    api: &Api,
    tx: &mut Tx,
    connection: &Connection,
    scope: &OrgScope,
    newcomer: &Newcomer<'_>,
) -> Result<Membership, Failure> {
    let Newcomer { user, email, client } = *newcomer;
    match people::membership(tx, scope, user).await? {
        Some(member) if member.status == "active" => return Ok(member),
        Some(member) if member.status == "suspended" => {
            return Err(Failure::new("user_disabled", "the membership is suspended"));
        }
        _ if !connection.jit_enabled => {
            return Err(Failure::new("not_provisioned", "nobody becomes a member by signing in"));
        }
        _ => {}
    }
    if !organizations::can_create(tx, scope, "members").await? {
        return Err(Failure::new("not_provisioned", "every seat of the plan is taken"));
    }
    let now = api.clock.now();
    let role = connection.default_role;
    let id = people::join(tx, scope, api.ids.next(), user, role, "sso", now).await?;
    let act = Act::new("member.join", "member", Some(id))
        .metadata(json!({ "sso_configuration_id": connection.id }));
    let by = By { user: Some(user), source: "ui", request: client.request };
    events::tell(api, tx, scope, &by, &act).await?;
    let actor = client.account(user, email);
    audit_logs::append(tx, Some(connection.org), api.ids.next(), &actor, act).await?;
    let member = people::membership(tx, scope, user).await?;
    member.ok_or_else(|| Failure::Other(ApiError::defect("a membership that was just made is not there")))
}

/// Writes a failure down and says so to the browser. What exactly was wrong stands in the organization's log.
pub(crate) async fn refuse(
    api: &Api,
    connection: &Connection,
    state: Option<&[u8]>,
    failure: Failure,
    client: &Client,
) -> ApiError {
    let (code, detail) = match failure {
        Failure::Other(error) => return error,
        Failure::Refused { code, detail } => (code, detail),
    };
    let noted = Refused { stage: "callback", action: "sso.login", state, code, detail: &detail };
    match note(api, connection, &noted, client).await {
        Ok(()) => refused(code),
        Err(error) => error,
    }
}

/// What a browser is told.
pub(crate) fn refused(code: &'static str) -> ApiError {
    ApiError::refused(
        StatusCode::FORBIDDEN,
        "sso_failed",
        "signing in with your organization's provider did not work; begin again, or ask whoever looks after it",
    )
    .with(json!({ "reason": code }))
}

/// Something of a provider's browser that was not taken.
pub(super) struct Refused<'a> {
    /// At which step, as the log of attempts names it.
    pub stage: &'static str,
    /// What was meant, as the audit log names it.
    pub action: &'static str,
    /// The state that was begun with, where there is one.
    pub state: Option<&'a [u8]>,
    /// Why not, in a word.
    pub code: &'static str,
    /// The same in a sentence.
    pub detail: &'a str,
}

/// Writes down what was not taken, for the organization.
pub(super) async fn note(
    api: &Api,
    connection: &Connection,
    refused: &Refused<'_>,
    client: &Client,
) -> Result<(), ApiError> {
    let ip = client.ip_text();
    let detail: String = refused.detail.chars().take(500).collect();
    let attempt = Attempt {
        stage: refused.stage,
        outcome: "failure",
        failure: refused.code,
        detail: Some(&detail),
        state: refused.state,
        ip: ip.as_deref(),
        user_agent: client.user_agent.as_deref(),
        ..Attempt::default()
    };
    let mut tx = api.store.begin_auth().await?;
    attempts::append(&mut tx, connection, api.ids.next(), &attempt).await?;
    let act = Act::new(refused.action, "sso_configuration", Some(connection.id))
        .outcome(Outcome::Failure)
        .metadata(json!({ "reason": refused.code }));
    audit_logs::append(&mut tx, Some(connection.org), api.ids.next(), &client.nobody(), act).await?;
    Ok(tx.commit().await?)
}
