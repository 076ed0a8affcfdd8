//! `admin_login_attempts`: every attempt to sign in to the admin surface.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx, page::Page};

/// How far an attempt came, and why no further. The words are those of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was right.
    Success,
    /// The network is not on the list.
    Network,
    /// There is no such account.
    UnknownUser,
    /// The password was wrong.
    BadPassword,
    /// The account is no staff, or cannot be used.
    NotStaff,
    /// The account has no second factor.
    FactorMissing,
    /// The second factor was wrong.
    FactorWrong,
    /// There were too many failures; it was not looked at.
    Locked,
}

impl Ended {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Success => ("session", "none"),
            Self::Network => ("network", "ip_not_allowed"),
            Self::UnknownUser => ("password", "unknown_user"),
            Self::BadPassword => ("password", "bad_password"),
            Self::NotStaff => ("password", "not_staff"),
            Self::FactorMissing => ("mfa", "mfa_missing"),
            Self::FactorWrong => ("mfa", "mfa_failed"),
            Self::Locked => ("password", "locked"),
        }
    }
}

/// An attempt.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// The address that was given.
    pub email: &'a str,
    /// The account, if there is one.
    pub user: Option<Uuid>,
    /// Where it came from.
    pub ip: &'a str,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// How it ended.
    pub ended: Ended,
}

/// Writes an attempt down.
#[tracing::instrument(level = "debug", name = "store.admin_login_attempts.insert", skip_all)]
pub async fn insert(tx: &mut Tx, new: &New<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    let (stage, reason) = new.ended.words();
    sqlx::query!(
        r#"
        INSERT INTO admin_login_attempts
            (id, email, user_id, ip, user_agent, success, stage, failure_reason, created_at)
        VALUES ($1, $2::text::citext, $3, $4::text::inet, $5, $6, $7, $8, $9)
        "#,
        new.id,
        new.email,
        new.user,
        new.ip,
        new.user_agent,
        new.ended == Ended::Success,
        stage,
        reason,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// How many attempts on this address, or from this network address, failed since that instant and since the last right
/// one; the larger of the two. Attempts that were refused because of others, or for their network, are none of them: a
/// stranger cannot lock anybody out, and nobody prolongs a lock by trying.
#[tracing::instrument(level = "debug", name = "store.admin_login_attempts.failures", skip_all)]
pub async fn failures(tx: &mut Tx, email: &str, ip: &str, since: DateTime<Utc>) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT greatest(
            (SELECT count(*) FROM admin_login_attempts a
             WHERE a.email = $1::text::citext AND a.created_at > greatest($3, (
                 SELECT max(b.created_at) FROM admin_login_attempts b
                 WHERE b.email = $1::text::citext AND b.success AND b.created_at > $3))
               AND a.failure_reason NOT IN ('none', 'locked', 'ip_not_allowed', 'rate_limited')),
            (SELECT count(*) FROM admin_login_attempts a
             WHERE a.ip = $2::text::inet AND a.created_at > greatest($3, (
                 SELECT max(b.created_at) FROM admin_login_attempts b
                 WHERE b.ip = $2::text::inet AND b.success AND b.created_at > $3))
               AND a.failure_reason NOT IN ('none', 'locked', 'ip_not_allowed', 'rate_limited'))
        ) AS "failures!"
        "#,
        email,
        ip,
        since,
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}

/// Holds other attempts on this address back until the transaction ends, so that many at once cannot slip by the count.
#[tracing::instrument(level = "debug", name = "store.admin_login_attempts.hold", skip_all)]
pub async fn hold(tx: &mut Tx, email: &str, ip: &str) -> Result<(), Error> {
    for name in [format!("admin.login:{}", email.to_lowercase()), format!("admin.login.from:{ip}")] {
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
            .execute(&mut *tx.inner)
            .await?;
    }
    Ok(())
}

/// Attempts, the latest first. Rows are JSON objects with an `id`.
#[tracing::instrument(level = "debug", name = "store.admin_login_attempts.list", skip_all)]
pub async fn list(tx: &mut Tx, page: Page) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object('id', id, 'email', email, 'user_id', user_id, 'ip', host(ip), 'user_agent', user_agent,
                                  'success', success, 'stage', stage, 'failure_reason', failure_reason,
                                  'created_at', created_at) AS "row!"
        FROM admin_login_attempts WHERE ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2
        "#,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
