//! `admin_ip_whitelist`: networks from which the admin surface may be reached. While none is listed it is this machine.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx, page::Page};

/// What the list says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// No network is in force.
    Empty,
    /// One that is in force holds it.
    Yes,
    /// None does.
    No,
}

/// What the list says of an address.
#[tracing::instrument(level = "debug", name = "store.admin_ip_whitelist.listed", skip_all)]
pub async fn listed(tx: &mut Tx, ip: &str, now: DateTime<Utc>) -> Result<Listed, Error> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT bool_or(network >>= $1::text::inet) FROM admin_ip_whitelist
        WHERE is_active AND (expires_at IS NULL OR expires_at > $2)
        "#,
        ip,
        now,
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    Ok(match found {
        None => Listed::Empty,
        Some(true) => Listed::Yes,
        Some(false) => Listed::No,
    })
}

/// Notes that somebody signed in from a listed network.
#[tracing::instrument(level = "debug", name = "store.admin_ip_whitelist.matched", skip_all)]
pub async fn matched(tx: &mut Tx, ip: &str, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE admin_ip_whitelist SET last_matched_at = $2 WHERE is_active AND network >>= $1::text::inet",
        ip,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The list, the latest first. Rows are JSON objects with an `id`.
#[tracing::instrument(level = "debug", name = "store.admin_ip_whitelist.list", skip_all)]
pub async fn list(tx: &mut Tx, page: Page) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT to_jsonb(w) AS "row!" FROM admin_ip_whitelist w
        WHERE ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2
        "#,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Lists a network, given as `192.0.2.0/24` or as an address. One that is listed already is a conflict with
/// `uq_admin_ip_whitelist_1`. None where the text is no network.
#[tracing::instrument(level = "debug", name = "store.admin_ip_whitelist.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    id: Uuid,
    network: &str,
    description: &str,
    expires_at: Option<DateTime<Utc>>,
    by: Option<Uuid>,
) -> Result<Option<Value>, Error> {
    let inserted = sqlx::query_scalar!(
        r#"
        INSERT INTO admin_ip_whitelist AS w (id, network, description, expires_at, created_by)
        SELECT $1, $2::text::cidr, $3, $4, $5 WHERE pg_input_is_valid($2, 'cidr')
        RETURNING to_jsonb(w) AS "row!"
        "#,
        id,
        network,
        description,
        expires_at,
        by,
    )
    .fetch_optional(&mut *tx.inner)
    .await;
    // The server reads the parameter before it looks at the condition: a text that is no network is an error of its own.
    let is_no_network = |error: &sqlx::Error| {
        error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("22P02")
    };
    match inserted {
        Err(error) if is_no_network(&error) => Ok(None),
        other => Ok(other?),
    }
}

/// Takes a network off the list. None where it is not on it.
#[tracing::instrument(level = "debug", name = "store.admin_ip_whitelist.deactivate", skip_all)]
pub async fn deactivate(tx: &mut Tx, id: Uuid, by: Uuid, now: DateTime<Utc>) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        UPDATE admin_ip_whitelist w SET is_active = false, deactivated_by = $2, deactivated_at = $3
        WHERE id = $1 AND is_active RETURNING to_jsonb(w) AS "row!"
        "#,
        id,
        by,
        now,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}
