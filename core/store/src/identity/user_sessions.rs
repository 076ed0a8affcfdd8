//! `user_sessions`: one signed-in device. The access token is short-lived; the refresh token that renews it is
//! replaced at every use, and one that was replaced before ends the session.

mod ending;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

pub use self::ending::{Ended, OfProvider, end_of_provider, provider_of, revoke, revoke_others};
use super::opaque::Hash;
use crate::{
    Error, LookUp, Tx,
    platform::admin_sessions,
    tenancy::standing::{self, OrgState, Standing},
};

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user: Uuid,
    /// The organization it begins in.
    pub organization: Option<Uuid>,
    /// `web`, `mobile` or `api`.
    pub kind: &'a str,
    /// `password`, `magic_link`, `sso` or `impersonation`.
    pub auth_method: &'a str,
    /// The identity provider, where one vouched for the person.
    pub sso_configuration: Option<Uuid>,
    /// The person's name at that provider, and its own number of the session, where it ends sessions by them.
    pub at_provider: Option<(&'a Value, Option<&'a str>)>,
    /// When a second factor was shown.
    pub mfa_passed_at: Option<DateTime<Utc>>,
    /// The tokens.
    pub tokens: Tokens,
    /// What the person calls the device.
    pub device_label: Option<&'a str>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// Where it is.
    pub ip: Option<&'a str>,
}

/// The tokens of a session, as far as they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Tokens {
    /// Of the access token.
    pub access: Hash,
    /// Of the refresh token.
    pub refresh: Hash,
    /// When the access token ends.
    pub access_until: DateTime<Utc>,
    /// When the refresh token ends, and the session with it.
    pub refresh_until: DateTime<Utc>,
}

/// Opens a session.
#[tracing::instrument(level = "debug", name = "store.user_sessions.insert", skip_all)]
pub async fn insert(tx: &mut Tx, new: &New<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO user_sessions
            (id, user_id, active_organization_id, kind, auth_method, mfa_passed_at, token_hash, refresh_hash,
             device_label, user_agent, ip, last_seen_at, expires_at, refresh_expires_at, created_at,
             sso_configuration_id, sso_name, sso_session_index)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::inet, $12, $13, $14, $12, $15, $16, $17)
        "#,
        new.id,
        new.user,
        new.organization,
        new.kind,
        new.auth_method,
        new.mfa_passed_at,
        new.tokens.access.as_slice(),
        new.tokens.refresh.as_slice(),
        new.device_label,
        new.user_agent,
        new.ip,
        now,
        new.tokens.access_until,
        new.tokens.refresh_until,
        new.sso_configuration,
        new.at_provider.map(|(name, _)| name),
        new.at_provider.and_then(|(_, session)| session),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Opens a session in which a member of staff acts as a member of an organization: without a refresh token, and good for
/// as long as the session of staff is and says so. Needs [`crate::Store::begin_admin`]; `label` is what the person sees
/// among their sessions.
#[tracing::instrument(level = "debug", name = "store.user_sessions.impersonate", skip_all)]
pub async fn impersonate(
    tx: &mut Tx,
    id: Uuid,
    user: Uuid,
    access: &Hash,
    label: &str,
    what: &admin_sessions::Impersonation<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO user_sessions
            (id, user_id, active_organization_id, kind, auth_method, token_hash, device_label, last_seen_at, expires_at,
             created_at, impersonation_session_id)
        VALUES ($1, $2, $3, 'api', 'impersonation', $4, left($5, 120), $6, $7, $6, $8)
        "#,
        id,
        user,
        what.organization,
        access.as_slice(),
        label,
        now,
        what.ends_at,
        what.session,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The organization a person signs in to: the one of the last session, if the membership still is, else the oldest.
#[tracing::instrument(level = "debug", name = "store.user_sessions.organization_to_enter", skip_all)]
pub async fn organization_to_enter(tx: &mut Tx, user: Uuid) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT m.organization_id FROM organization_members m
        JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL AND o.status <> 'closed'
        WHERE m.user_id = $1 AND m.status = 'active'
        ORDER BY (m.organization_id = (
            SELECT s.active_organization_id FROM user_sessions s
            WHERE s.user_id = $1 ORDER BY s.last_seen_at DESC LIMIT 1)) DESC NULLS LAST, m.joined_at, m.id
        LIMIT 1
        "#,
        user
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Who holds a valid access token, and where they stand.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The session.
    pub session: Uuid,
    /// The account.
    pub user: Uuid,
    /// Its address.
    pub email: String,
    /// Whether the address is proved.
    pub email_verified: bool,
    /// Whether the account has a second factor.
    pub two_factor: bool,
    /// When the session began.
    pub created_at: DateTime<Utc>,
    /// When a second factor was last shown, or the password again.
    pub mfa_passed_at: Option<DateTime<Utc>>,
    /// When the session was last seen, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// The active organization, while the person is a member of it.
    pub standing: Option<(Standing, OrgState)>,
    /// The member of staff who acts as the person, if one does.
    pub impersonation: Option<Impersonation>,
}

/// A member of staff who acts as somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impersonation {
    /// The account of staff.
    pub staff: Uuid,
    /// Its address.
    pub staff_email: String,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// Whether things may be changed at the moment: while the session of staff is elevated.
    pub may_write: bool,
}

/// Who holds this access token, if it is valid now.
#[tracing::instrument(level = "debug", name = "store.user_sessions.authenticate", skip_all)]
pub async fn authenticate(
    look_up: &mut LookUp,
    access: &Hash,
    now: DateTime<Utc>,
) -> Result<Option<Holder>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT s.id, s.user_id, s.created_at, s.mfa_passed_at, s.last_seen_at, u.email::text AS "email!",
               u.email_verified_at IS NOT NULL AS "email_verified!",
               u.two_factor_enabled_at IS NOT NULL AS "two_factor!",
               o.id AS "org?", o.status AS "org_status?",
               coalesce((o.settings ->> 'require_2fa')::boolean, false) AS "require_two_factor!",
               m.id AS "member?", r.code AS "role?", r.permissions AS "permissions?",
               coalesce((
                   SELECT jsonb_agg(jsonb_build_object('bot', t.bot_id, 'permissions', tr.permissions))
                   FROM team_members t JOIN team_roles tr ON tr.id = t.team_role_id
                   WHERE t.organization_id = m.organization_id AND t.member_id = m.id AND t.status = 'active'
                     AND (t.expires_at IS NULL OR t.expires_at > $2)), '[]') AS "grants!",
               a.user_id AS "staff?", au.email::text AS "staff_email?", a.impersonation_ends_at AS "staff_until?",
               coalesce(a.elevated_until > $2, false) AS "staff_may_write!"
        FROM user_sessions s
        JOIN users u ON u.id = s.user_id AND u.status = 'active' AND u.deleted_at IS NULL
        LEFT JOIN organizations o ON o.id = s.active_organization_id AND o.deleted_at IS NULL AND o.status <> 'closed'
        LEFT JOIN organization_members m
               ON m.organization_id = o.id AND m.user_id = s.user_id AND m.status = 'active'
        LEFT JOIN roles r ON r.id = m.role_id
        LEFT JOIN admin_sessions a ON a.id = s.impersonation_session_id AND a.revoked_at IS NULL
               AND a.expires_at > $2 AND a.impersonation_ends_at > $2 AND a.impersonated_organization_id = o.id
        LEFT JOIN users au ON au.id = a.user_id AND au.status = 'active' AND au.deleted_at IS NULL
               AND au.platform_role <> 'none'
        WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
          AND (s.impersonation_session_id IS NULL OR au.id IS NOT NULL)
        "#,
        access.as_slice(),
        now,
    )
    .fetch_optional(&mut *look_up.inner)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let standing = match (row.org, row.org_status, row.member, row.role, row.permissions) {
        (Some(org), Some(status), Some(member), Some(role), Some(permissions)) => {
            let rights = standing::rights(member, &permissions, &row.grants)?;
            let state = OrgState { status, require_two_factor: row.require_two_factor };
            Some((Standing { org: org.into(), member, role, rights }, state))
        }
        _ => None,
    };
    Ok(Some(Holder {
        session: row.id,
        user: row.user_id,
        email: row.email,
        email_verified: row.email_verified,
        two_factor: row.two_factor,
        created_at: row.created_at,
        mfa_passed_at: row.mfa_passed_at,
        last_seen_at: row.last_seen_at,
        standing,
        impersonation: row.staff.zip(row.staff_email).zip(row.staff_until).map(|((staff, email), until)| {
            let may_write = row.staff_may_write;
            Impersonation { staff, staff_email: email, ends_at: until, may_write }
        }),
    }))
}

/// Notes that a session was seen.
#[tracing::instrument(level = "debug", name = "store.user_sessions.seen", skip_all)]
pub async fn seen(tx: &mut Tx, id: Uuid, ip: Option<&str>, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE user_sessions SET last_seen_at = $3, ip = coalesce($2::text::inet, ip) WHERE id = $1",
        id,
        ip,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// How long a session lasts at most, where its identity provider says so.
#[tracing::instrument(level = "debug", name = "store.user_sessions.minutes_of", skip_all)]
pub async fn minutes_of(tx: &mut Tx, id: Uuid) -> Result<Option<i32>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT c.session_minutes FROM user_sessions s JOIN sso_configurations c ON c.id = s.sso_configuration_id
        WHERE s.id = $1
        "#,
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// The organization whose identity provider vouched for the person of a session, where one did.
#[tracing::instrument(level = "debug", name = "store.user_sessions.vouched_by", skip_all)]
pub async fn vouched_by(tx: &mut Tx, id: Uuid) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT c.organization_id FROM user_sessions s JOIN sso_configurations c ON c.id = s.sso_configuration_id
        WHERE s.id = $1
        "#,
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// What a refresh token leads to.
#[derive(Debug, Clone)]
pub enum Refreshing {
    /// A session that may go on.
    Current {
        /// The session.
        session: Uuid,
        /// Whose it is.
        user: Uuid,
        /// When it began.
        created_at: DateTime<Utc>,
        /// How long it lasts at most, where its identity provider says so.
        minutes: Option<i32>,
    },
    /// A session whose token was replaced before: two hold it, and one of them should not.
    Reused {
        /// The session.
        session: Uuid,
        /// Whose it is.
        user: Uuid,
    },
}

/// Looks a refresh token up and locks its session. None where it is not valid.
#[tracing::instrument(level = "debug", name = "store.user_sessions.refreshing", skip_all)]
pub async fn refreshing(
    tx: &mut Tx,
    refresh: &Hash,
    now: DateTime<Utc>,
) -> Result<Option<Refreshing>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT s.id, s.user_id, s.created_at, s.refresh_hash = $1 AS "current!", c.session_minutes AS "minutes?"
        FROM user_sessions s JOIN users u ON u.id = s.user_id AND u.status = 'active' AND u.deleted_at IS NULL
        LEFT JOIN sso_configurations c ON c.id = s.sso_configuration_id
        WHERE (s.refresh_hash = $1 OR s.previous_refresh_hash = $1)
          AND s.revoked_at IS NULL AND s.refresh_expires_at > $2
        FOR UPDATE OF s
        "#,
        refresh.as_slice(),
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| {
        if row.current {
            let (user, created_at, minutes) = (row.user_id, row.created_at, row.minutes);
            Refreshing::Current { session: row.id, user, created_at, minutes }
        } else {
            Refreshing::Reused { session: row.id, user: row.user_id }
        }
    }))
}

/// Gives a session new tokens. `mfa_passed_at` is given where a factor was shown for it.
#[tracing::instrument(level = "debug", name = "store.user_sessions.rotate", skip_all)]
pub async fn rotate(
    tx: &mut Tx,
    id: Uuid,
    tokens: &Tokens,
    mfa_passed_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE user_sessions
        SET token_hash = $2, previous_refresh_hash = refresh_hash, refresh_hash = $3, refresh_rotated_at = $6,
            expires_at = $4, refresh_expires_at = $5, last_seen_at = $6, mfa_passed_at = coalesce($7, mfa_passed_at)
        WHERE id = $1 AND revoked_at IS NULL
        "#,
        id,
        tokens.access.as_slice(),
        tokens.refresh.as_slice(),
        tokens.access_until,
        tokens.refresh_until,
        now,
        mfa_passed_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Notes that a second factor was shown in a session.
#[tracing::instrument(level = "debug", name = "store.user_sessions.passed", skip_all)]
pub async fn passed(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("UPDATE user_sessions SET mfa_passed_at = $2 WHERE id = $1", id, now)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// Makes another organization the active one. False where the person is no active member of it.
#[tracing::instrument(level = "debug", name = "store.user_sessions.switch", skip_all)]
pub async fn switch(tx: &mut Tx, id: Uuid, user: Uuid, organization: Uuid) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE user_sessions SET active_organization_id = $3
        WHERE id = $1 AND user_id = $2 AND EXISTS (
            SELECT FROM organization_members m
            JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL AND o.status <> 'closed'
            WHERE m.organization_id = $3 AND m.user_id = $2 AND m.status = 'active')
        "#,
        id,
        user,
        organization,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A session as its owner sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// `web`, `mobile`, `api` …
    pub kind: String,
    /// How it was signed in.
    pub auth_method: String,
    /// What the person calls the device.
    pub device_label: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Where it was last.
    pub ip: Option<String>,
    /// When it was last seen, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ends if it is not used.
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

/// The open sessions of a person, newest first, those before `after`.
#[tracing::instrument(level = "debug", name = "store.user_sessions.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    user: Uuid,
    after: Option<Uuid>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Listed>, Error> {
    Ok(sqlx::query_as!(
        Listed,
        r#"
        SELECT id, kind, auth_method, device_label, user_agent, host(ip) AS ip, last_seen_at, created_at,
               refresh_expires_at
        FROM user_sessions
        WHERE user_id = $1 AND revoked_at IS NULL AND coalesce(refresh_expires_at, expires_at) > $4
          AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC LIMIT $3
        "#,
        user,
        after,
        limit,
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
