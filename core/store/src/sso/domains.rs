//! Proving domains, and proving them again.

use botbuilder_domain::OrgId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// A domain that is to be looked up.
#[derive(Debug, Clone)]
pub struct Due {
    /// The row.
    pub id: Uuid,
    /// Whose it is.
    pub org: OrgId,
    /// The domain.
    pub domain: String,
    /// What has to stand in its DNS.
    pub token: String,
    /// `pending`, `verified` …
    pub status: String,
    /// How it is proved.
    pub method: String,
    /// How often it was looked up in vain since the last success.
    pub check_count: i32,
}

/// What came of looking a domain up.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The state it gets.
    pub status: &'a str,
    /// How often it was looked up in vain since the last success.
    pub check_count: i32,
    /// What was wrong.
    pub failure: Option<&'a str>,
    /// When it is looked up next, if it is.
    pub next: Option<DateTime<Utc>>,
}

/// One domain of an organization, held until the end of the transaction.
#[tracing::instrument(level = "debug", name = "store.sso_domains.lock", skip_all)]
pub async fn lock(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Due>, Error> {
    Ok(sqlx::query_as!(
        Due,
        r#"
        SELECT id, organization_id AS org, domain, verification_token AS token, status, method, check_count
        FROM sso_domains WHERE organization_id = $1 AND id = $2 FOR UPDATE
        "#,
        scope.org().uuid(),
        id
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Domains that are due, claimed: nobody else gets them for `until`. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.sso_domains.claim", skip_all)]
pub async fn claim(
    tx: &mut Tx,
    limit: i64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Due>, Error> {
    Ok(sqlx::query_as!(
        Due,
        r#"
        UPDATE sso_domains d SET next_check_at = $3
        WHERE d.id IN (
            SELECT id FROM sso_domains
            WHERE status IN ('pending', 'verified') AND next_check_at <= $2
            ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING d.id, d.organization_id AS org, d.domain, d.verification_token AS token, d.status, d.method,
                  d.check_count
        "#,
        limit,
        now,
        until,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Writes what came of it. A domain that somebody else has proved is a conflict with `uq_sso_domains_2`.
#[tracing::instrument(level = "debug", name = "store.sso_domains.checked", skip_all)]
pub async fn checked(tx: &mut Tx, id: Uuid, found: &Checked<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE sso_domains
        SET status = $2, check_count = $3, failure_reason = $4, next_check_at = $5, last_checked_at = $6,
            verified_at = CASE WHEN $2 = 'verified' THEN coalesce(verified_at, $6) ELSE verified_at END
        WHERE id = $1
        "#,
        id,
        found.status,
        found.check_count,
        found.failure,
        found.next,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Whether an organization has proved a domain.
#[tracing::instrument(level = "debug", name = "store.sso_domains.is_proved", skip_all)]
pub async fn is_proved(tx: &mut Tx, scope: &OrgScope, domain: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM sso_domains
            WHERE organization_id = $1 AND lower(domain) = lower($2) AND status = 'verified') AS "is!"
        "#,
        scope.org().uuid(),
        domain
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}
