//! `team_members`: grants. A team role given to a member, for everything or for one bot, for good or until an instant.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx, page::Page};

/// A grant.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Granted {
    /// Its id.
    pub id: Uuid,
    /// To whom.
    pub member_id: Uuid,
    /// What.
    pub team_role_id: Uuid,
    /// What that is called.
    pub team_role: String,
    /// In which bot; none means everywhere.
    pub bot_id: Option<Uuid>,
    /// `active`, `inactive` or `suspended`.
    pub status: String,
    /// By whom.
    pub granted_by: Option<Uuid>,
    /// Until when.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// The grants of a member, newest first.
#[tracing::instrument(level = "debug", name = "store.team_members.list", skip_all)]
pub async fn list(tx: &mut Tx, scope: &OrgScope, member: Uuid, page: &Page) -> Result<Vec<Granted>, Error> {
    Ok(sqlx::query_as!(
        Granted,
        r#"
        SELECT g.id, g.member_id, g.team_role_id, r.name AS team_role, g.bot_id, g.status, g.granted_by, g.expires_at,
               g.created_at
        FROM team_members g JOIN team_roles r ON r.organization_id = g.organization_id AND r.id = g.team_role_id
        WHERE g.organization_id = $1 AND g.member_id = $2 AND ($3::uuid IS NULL OR g.id < $3)
        ORDER BY g.id DESC LIMIT $4
        "#,
        scope.org().uuid(),
        member,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// One grant of a member.
#[tracing::instrument(level = "debug", name = "store.team_members.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, member: Uuid, id: Uuid) -> Result<Option<Granted>, Error> {
    Ok(sqlx::query_as!(
        Granted,
        r#"
        SELECT g.id, g.member_id, g.team_role_id, r.name AS team_role, g.bot_id, g.status, g.granted_by, g.expires_at,
               g.created_at
        FROM team_members g JOIN team_roles r ON r.organization_id = g.organization_id AND r.id = g.team_role_id
        WHERE g.organization_id = $1 AND g.member_id = $2 AND g.id = $3
        "#,
        scope.org().uuid(),
        member,
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// A grant to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: Uuid,
    /// To whom.
    pub member: Uuid,
    /// What.
    pub team_role: Uuid,
    /// In which bot.
    pub bot: Option<Uuid>,
    /// By whom.
    pub granted_by: Option<Uuid>,
    /// Until when.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Grants. The same grant again is a conflict. Works in every transaction that may write grants.
#[tracing::instrument(level = "debug", name = "store.team_members.insert", skip_all)]
pub async fn insert(tx: &mut Tx, scope: &OrgScope, new: &New) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO team_members (organization_id, id, member_id, team_role_id, bot_id, granted_by, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        "#,
        scope.org().uuid(),
        new.id,
        new.member,
        new.team_role,
        new.bot,
        new.granted_by,
        new.expires_at,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Takes a grant back. False where there is none.
#[tracing::instrument(level = "debug", name = "store.team_members.delete", skip_all)]
pub async fn delete(tx: &mut Tx, scope: &OrgScope, member: Uuid, id: Uuid) -> Result<bool, Error> {
    let done = sqlx::query!(
        "DELETE FROM team_members WHERE organization_id = $1 AND member_id = $2 AND id = $3",
        scope.org().uuid(),
        member,
        id
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}
