//! `turn_circumstances`: what recorded turns depended on besides their input, once for each state of a bot.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{Error, OrgScope, Tx};

/// Keeps a document under its digest, and notes once a day that it is used: many turns at a time name the same one, and
/// a row that is written blocks them.
#[tracing::instrument(level = "debug", name = "store.turn_circumstances.keep", skip_all)]
pub async fn keep(
    tx: &mut Tx,
    scope: &OrgScope,
    digest: &[u8; 32],
    document: &Value,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO turn_circumstances (organization_id, digest, document, used_at)
        SELECT $1, $2, $3, $4
        WHERE NOT EXISTS (
            SELECT 1 FROM turn_circumstances
            WHERE organization_id = $1 AND digest = $2 AND used_at >= $4::timestamptz - interval '1 day')
        ON CONFLICT (organization_id, digest) DO UPDATE SET used_at = $4
        "#,
        scope.org().uuid(),
        digest.as_slice(),
        document,
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The documents of these digests, in no order.
#[tracing::instrument(level = "debug", name = "store.turn_circumstances.find_many", skip_all)]
pub async fn find_many(
    tx: &mut Tx,
    scope: &OrgScope,
    digests: &[Vec<u8>],
) -> Result<Vec<(Vec<u8>, Value)>, Error> {
    let rows = sqlx::query!(
        "SELECT digest, document FROM turn_circumstances WHERE organization_id = $1 AND digest = ANY($2)",
        scope.org().uuid(),
        digests,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.digest, row.document)).collect())
}
