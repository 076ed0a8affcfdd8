//! `team_invitations`: offers to join, by mail, with the role and the grant they bring.

use botbuilder_domain::OrgId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, identity::opaque::Hash, page::Page};

/// How often an invitation may be sent again.
pub const MOST_RESENT: i32 = 5;

/// An invitation.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Invitation {
    /// Its id.
    pub id: Uuid,
    /// To whom.
    pub email: String,
    /// The code of the role it brings.
    pub role: String,
    /// What it grants besides.
    pub team_role_id: Option<Uuid>,
    /// In which bot.
    pub bot_id: Option<Uuid>,
    /// A few words.
    pub message: Option<String>,
    /// `pending`, `accepted`, `declined`, `revoked` or `expired`.
    pub status: String,
    /// By whom.
    pub invited_by: Option<Uuid>,
    /// Who took it.
    pub accepted_by: Option<Uuid>,
    /// When.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Until when it stands.
    pub expires_at: DateTime<Utc>,
    /// When it was last sent.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// How often it was sent again.
    pub send_count: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// One to be made.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// To whom.
    pub email: &'a str,
    /// The role it brings.
    pub role: Uuid,
    /// What it grants besides.
    pub team_role: Option<Uuid>,
    /// In which bot.
    pub bot: Option<Uuid>,
    /// A few words.
    pub message: Option<&'a str>,
    /// What is stored of its token.
    pub hash: Hash,
    /// By whom.
    pub invited_by: Option<Uuid>,
    /// Until when it stands.
    pub expires_at: DateTime<Utc>,
}

/// Makes one. A second pending one for the address is a conflict with `uq_team_invitations_2`.
#[tracing::instrument(level = "debug", name = "store.team_invitations.insert", skip_all)]
pub async fn insert(tx: &mut Tx, scope: &OrgScope, new: &New<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    // What is over makes room.
    sqlx::query!(
        r#"
        UPDATE team_invitations SET status = 'expired'
        WHERE organization_id = $1 AND email = $2::text::citext AND status = 'pending' AND expires_at <= $3
        "#,
        scope.org().uuid(),
        new.email,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO team_invitations
            (organization_id, id, email, role_id, team_role_id, bot_id, message, token_hash, invited_by, expires_at,
             last_sent_at)
        VALUES ($1, $2, $3::text::citext, $4, $5, $6, $7, $8, $9, $10, $11)
        "#,
        scope.org().uuid(),
        new.id,
        new.email,
        new.role,
        new.team_role,
        new.bot,
        new.message,
        new.hash.as_slice(),
        new.invited_by,
        new.expires_at,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Those of an organization, newest first.
#[tracing::instrument(level = "debug", name = "store.team_invitations.list", skip_all)]
pub async fn list(
    tx: &mut Tx,
    scope: &OrgScope,
    status: Option<&str>,
    page: &Page,
    now: DateTime<Utc>,
) -> Result<Vec<Invitation>, Error> {
    Ok(sqlx::query_as!(
        Invitation,
        r#"
        SELECT id, email AS "email!", role AS "role!", team_role_id, bot_id, message, status AS "status!", invited_by,
               accepted_by, accepted_at, expires_at, last_sent_at, send_count, created_at
        FROM (
            SELECT i.id, i.email::text AS email, r.code AS role, i.team_role_id, i.bot_id, i.message,
                   CASE WHEN i.status = 'pending' AND i.expires_at <= $5 THEN 'expired' ELSE i.status END AS status,
                   i.invited_by, i.accepted_by, i.accepted_at, i.expires_at, i.last_sent_at, i.send_count, i.created_at
            FROM team_invitations i JOIN roles r ON r.id = i.role_id
            WHERE i.organization_id = $1 AND ($2::uuid IS NULL OR i.id < $2)) AS invitation
        WHERE $3::text IS NULL OR status = $3
        ORDER BY id DESC LIMIT $4
        "#,
        scope.org().uuid(),
        page.after,
        status,
        page.fetch(),
        now,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One of them.
#[tracing::instrument(level = "debug", name = "store.team_invitations.get", skip_all)]
pub async fn get(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Invitation>, Error> {
    Ok(sqlx::query_as!(
        Invitation,
        r#"
        SELECT i.id, i.email::text AS "email!", r.code AS role, i.team_role_id, i.bot_id, i.message,
               CASE WHEN i.status = 'pending' AND i.expires_at <= $3 THEN 'expired' ELSE i.status END AS "status!",
               i.invited_by, i.accepted_by, i.accepted_at, i.expires_at, i.last_sent_at, i.send_count, i.created_at
        FROM team_invitations i JOIN roles r ON r.id = i.role_id
        WHERE i.organization_id = $1 AND i.id = $2
        "#,
        scope.org().uuid(),
        id,
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Takes one back. False where none is pending.
#[tracing::instrument(level = "debug", name = "store.team_invitations.revoke", skip_all)]
pub async fn revoke(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE team_invitations SET status = 'revoked' WHERE organization_id = $1 AND id = $2 AND status = 'pending'",
        scope.org().uuid(),
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sends one again, with another token: the one before is no good any more. False where none is pending, or it was sent
/// [`MOST_RESENT`] times.
#[tracing::instrument(level = "debug", name = "store.team_invitations.resend", skip_all)]
pub async fn resend(
    tx: &mut Tx,
    scope: &OrgScope,
    id: Uuid,
    hash: &Hash,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE team_invitations
        SET token_hash = $3, expires_at = $4, last_sent_at = $5, send_count = send_count + 1
        WHERE organization_id = $1 AND id = $2 AND status = 'pending' AND send_count < $6
        "#,
        scope.org().uuid(),
        id,
        hash.as_slice(),
        expires_at,
        now,
        MOST_RESENT,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a token leads to.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The invitation.
    pub id: Uuid,
    /// The organization.
    pub org: OrgId,
    /// To whom.
    pub email: String,
    /// The role it brings.
    pub role: Uuid,
    /// What it grants besides.
    pub team_role: Option<Uuid>,
    /// In which bot.
    pub bot: Option<Uuid>,
    /// By whom.
    pub invited_by: Option<Uuid>,
}

/// The pending invitation of a token, locked. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.team_invitations.find", skip_all)]
pub async fn find(tx: &mut Tx, hash: &Hash, now: DateTime<Utc>) -> Result<Option<Offer>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT i.id, i.organization_id, i.email::text AS "email!", i.role_id, i.team_role_id, i.bot_id, i.invited_by
        FROM team_invitations i
        JOIN organizations o ON o.id = i.organization_id AND o.deleted_at IS NULL AND o.status = 'active'
        WHERE i.token_hash = $1 AND i.status = 'pending' AND i.expires_at > $2
        FOR UPDATE OF i
        "#,
        hash.as_slice(),
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(row.map(|row| Offer {
        id: row.id,
        org: row.organization_id.into(),
        email: row.email,
        role: row.role_id,
        team_role: row.team_role_id,
        bot: row.bot_id,
        invited_by: row.invited_by,
    }))
}

/// Marks an invitation as answered: accepted by an account, or declined. Needs [`crate::Store::begin_auth`].
#[tracing::instrument(level = "debug", name = "store.team_invitations.answer", skip_all)]
pub async fn answer(
    tx: &mut Tx,
    id: Uuid,
    accepted_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE team_invitations
        SET status = CASE WHEN $2::uuid IS NULL THEN 'declined' ELSE 'accepted' END, accepted_by = $2,
            accepted_at = CASE WHEN $2::uuid IS NULL THEN NULL ELSE $3::timestamptz END
        WHERE id = $1
        "#,
        id,
        accepted_by,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
