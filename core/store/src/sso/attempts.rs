//! Attempts to sign in: each is written down, and an answer of a provider is taken once.

use uuid::Uuid;

use super::connections::Connection;
use crate::{Error, Tx};

/// The constraint that an answer breaks when it comes again.
pub const REPLAYED: &str = "uq_sso_login_logs_1";

/// An attempt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attempt<'a> {
    /// `started`, `callback`, or `logout` where the provider signs somebody out.
    pub stage: &'a str,
    /// `pending`, `success` or `failure`.
    pub outcome: &'a str,
    /// What went wrong; `none` where nothing did.
    pub failure: &'a str,
    /// What went wrong, in words.
    pub detail: Option<&'a str>,
    /// The account.
    pub user: Option<Uuid>,
    /// Its address, as the provider says.
    pub email: Option<&'a str>,
    /// The hash of what ties the answer to the question.
    pub state: Option<&'a [u8]>,
    /// The hash of what is in the answer once: it is not taken twice.
    pub once: Option<&'a [u8]>,
    /// The groups that came along.
    pub groups: &'a [String],
    /// Where it came from.
    pub ip: Option<&'a str>,
    /// What the browser calls itself.
    pub user_agent: Option<&'a str>,
}

/// Writes an attempt down. An answer that was there before is a conflict with [`REPLAYED`].
#[tracing::instrument(level = "debug", name = "store.sso_login_logs.append", skip_all)]
pub async fn append(
    tx: &mut Tx,
    connection: &Connection,
    id: Uuid,
    attempt: &Attempt<'_>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO sso_login_logs
            (organization_id, id, configuration_id, user_id, email, protocol, stage, outcome, failure_code,
             failure_detail, state_hash, assertion_hash, groups_received, ip, user_agent)
        VALUES ($1, $2, $3, $4, $5::text::citext, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::inet, $15)
        "#,
        connection.org.uuid(),
        id,
        connection.id,
        attempt.user,
        attempt.email,
        connection.protocol,
        attempt.stage,
        attempt.outcome,
        attempt.failure,
        attempt.detail,
        attempt.state,
        attempt.once,
        attempt.groups,
        attempt.ip,
        attempt.user_agent,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Whether a sign-in with this state was started, and not ended well since.
#[tracing::instrument(level = "debug", name = "store.sso_login_logs.is_open", skip_all)]
pub async fn is_open(tx: &mut Tx, connection: &Connection, state: &[u8]) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT coalesce(bool_or(stage = 'started') AND NOT bool_or(outcome = 'success'), false) AS "is!"
        FROM sso_login_logs WHERE organization_id = $1 AND configuration_id = $2 AND state_hash = $3
        "#,
        connection.org.uuid(),
        connection.id,
        state
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}
