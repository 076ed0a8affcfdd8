//! Mails about accounts: written into the queue in the transaction of what they tell.

use botbuilder_domain::OrgId;
use botbuilder_store::{
    Tx,
    identity::{
        opaque::Opaque,
        password_reset_tokens::{self, Purpose},
        users::Credentials,
    },
    integrations::email_notifications::{self, Category, New},
    tenancy::organization_members,
};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::{Caller, Client},
    error::ApiError,
};

/// To whom a mail goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct To<'a> {
    /// The account, if there is one.
    pub user: Option<Uuid>,
    /// The organization it belongs to, if it is not the account's own.
    pub org: Option<OrgId>,
    /// The address.
    pub email: &'a str,
    /// Its language.
    pub locale: &'a str,
    /// The sender's address, where it is not the platform's own.
    pub from: Option<&'a str>,
}

impl<'a> To<'a> {
    /// To somebody's account, from the platform.
    pub(crate) const fn person(user: Uuid, email: &'a str, locale: &'a str) -> Self {
        Self { user: Some(user), org: None, email, locale, from: None }
    }
}

impl<'a> From<&'a Credentials> for To<'a> {
    fn from(account: &'a Credentials) -> Self {
        Self::person(account.id, &account.email, &account.locale)
    }
}

/// Queues a mail. `token` is what its link carries.
pub(crate) async fn queue(
    api: &Api,
    tx: &mut Tx,
    to: To<'_>,
    (template, category): (&'static str, Category),
    variables: Value,
    token: Option<&Opaque>,
) -> Result<(), ApiError> {
    let secrets: Map<String, Value> =
        token.map(|token| ("token".to_owned(), json!(token.token.expose()))).into_iter().collect();
    let new = New {
        id: api.ids.next(),
        org: to.org,
        user: to.user,
        to: to.email,
        from: to.from,
        template,
        locale: to.locale,
        variables,
        secrets,
        category,
    };
    Ok(email_notifications::insert(tx, &api.identity.keys, new, api.clock.now()).await?)
}

/// What an account's owner is told of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Notice {
    /// Many failures in a row.
    FailedAttempts,
    /// A refresh token was shown twice.
    SessionReuse,
    PasswordChanged,
    EmailChanged,
    TwoFactorEnabled,
    TwoFactorDisabled,
    BackupCodesRegenerated,
    BackupCodeUsed,
    TokenCreated,
    AccountDeleted,
}

impl Notice {
    const fn as_str(self) -> &'static str {
        match self {
            Self::FailedAttempts => "failed_attempts",
            Self::SessionReuse => "session_reuse",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::BackupCodesRegenerated => "backup_codes_regenerated",
            Self::BackupCodeUsed => "backup_code_used",
            Self::TokenCreated => "token_created",
            Self::AccountDeleted => "account_deleted",
        }
    }
}

/// Tells an account's owner of something that matters to its security.
pub(crate) async fn notice(
    api: &Api,
    tx: &mut Tx,
    to: To<'_>,
    what: Notice,
    client: &Client,
) -> Result<(), ApiError> {
    let variables = json!({ "what": what.as_str(), "at": api.clock.now(), "ip": client.ip_text() });
    queue(api, tx, to, ("security_notice", Category::Security), variables, None).await
}

/// What those who run an organization are told of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Matter {
    /// How people sign in by a provider.
    SsoChanged,
    /// Somebody is an owner who was none.
    OwnerAdded,
    /// The organization is somebody else's.
    OwnershipTransferred,
}

impl Matter {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SsoChanged => "sso_changed",
            Self::OwnerAdded => "owner_added",
            Self::OwnershipTransferred => "ownership_transferred",
        }
    }
}

/// Tells owners and admins of something that matters to the organization's security, and who did it.
pub(crate) async fn to_administrators(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    what: Matter,
) -> Result<(), ApiError> {
    let variables = json!({ "what": what.as_str(), "by": caller.label(), "at": api.clock.now() });
    for person in organization_members::administrators(tx, &caller.scope).await? {
        let to = To::person(person.user, &person.email, &person.locale);
        let to = To { org: Some(caller.scope.org()), ..to };
        queue(api, tx, to, ("organization_notice", Category::Security), variables.clone(), None).await?;
    }
    Ok(())
}

/// Begins the token of a link.
pub(crate) const fn prefix(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::EmailVerification => "bbv_",
        Purpose::EmailChange => "bbe_",
        Purpose::PasswordReset => "bbp_",
        Purpose::MagicLink => "bbm_",
    }
}

/// Writes a link and the mail that carries it. `new_email` is the address to be proved, where it is another.
pub(crate) async fn link(
    api: &Api,
    tx: &mut Tx,
    account: &Credentials,
    purpose: Purpose,
    new_email: Option<&str>,
    client: &Client,
) -> Result<(), ApiError> {
    let (template, category, good_for) = match purpose {
        Purpose::EmailVerification => ("verify_email", Category::Account, TimeDelta::hours(24)),
        Purpose::EmailChange => ("change_email", Category::Security, TimeDelta::hours(24)),
        Purpose::PasswordReset => ("reset_password", Category::Security, TimeDelta::minutes(30)),
        Purpose::MagicLink => ("magic_link", Category::Security, TimeDelta::minutes(10)),
    };
    let opaque = Opaque::generate(prefix(purpose)).map_err(botbuilder_store::Error::from)?;
    let ip = client.ip_text();
    let expires_at = api.clock.now() + good_for;
    let new = password_reset_tokens::New {
        id: api.ids.next(),
        user: account.id,
        purpose,
        hash: opaque.hash,
        new_email,
        ip: ip.as_deref(),
        expires_at,
    };
    password_reset_tokens::insert(tx, &new).await?;
    let to = To { email: new_email.unwrap_or(&account.email), ..To::from(account) };
    let variables = json!({ "name": account.name, "minutes": good_for.num_minutes() });
    queue(api, tx, to, (template, category), variables, Some(&opaque)).await
}
