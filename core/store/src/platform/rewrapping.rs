//! A new root key in the place of another: the organizations' keys are wrapped anew, and what the platform's own key
//! sealed is sealed anew, a batch in a transaction. What is done already is known by opening with the new key alone, so
//! the work may be ended anywhere and made again. Neither instants nor versions of rows move.

use botbuilder_domain::OrgId;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::resealing::{Column, unseen};
use crate::{
    Error, Tx,
    secret::{Place, RootKey},
};

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The last row that was looked at: the next batch begins behind it. None where there was no row.
    pub last: Option<Uuid>,
    /// How many rows were sealed anew.
    pub renewed: u64,
    /// Rows that neither key opens. They stay as they are.
    pub unopened: Vec<Uuid>,
}

/// Wraps the keys of the organizations behind `after` anew, `most` at a time.
#[tracing::instrument(level = "debug", name = "store.rewrapping.organizations", skip_all)]
pub async fn organizations(
    tx: &mut Tx,
    root: &RootKey,
    after: Option<Uuid>,
    most: i64,
) -> Result<Batch, Error> {
    unseen(tx).await?;
    let rows = sqlx::query!(
        r#"
        SELECT id, data_keys FROM organizations
        WHERE data_keys ? 'keys' AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2 FOR UPDATE
        "#,
        after,
        most
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let mut batch = Batch::default();
    for row in rows {
        batch.last = Some(row.id);
        let Value::Object(stored) = row.data_keys else {
            return Err(Error::inconsistent("organizations", "data_keys", row.id, "not an object"));
        };
        match root.rewrap_data_keys(OrgId::new(row.id), stored) {
            Ok(None) => {}
            Ok(Some(keys)) => {
                sqlx::query!("UPDATE organizations SET data_keys = $2 WHERE id = $1", row.id, keys)
                    .execute(&mut *tx.inner)
                    .await?;
                batch.renewed += 1;
            }
            Err(_) => batch.unopened.push(row.id),
        }
    }
    Ok(batch)
}

/// Seals the rows behind `after` of a column of the platform ([`super::resealing::OF_THE_PLATFORM`]) anew.
#[tracing::instrument(level = "debug", name = "store.rewrapping.of_the_platform", skip_all)]
pub async fn of_the_platform(
    tx: &mut Tx,
    root: &RootKey,
    sealed: Column,
    after: Option<Uuid>,
    most: i64,
) -> Result<Batch, Error> {
    let Column { table, column } = sealed;
    unseen(tx).await?;
    let sql = format!(
        "SELECT id, {column}_ct, {column}_kid FROM {table} \
         WHERE {column}_ct IS NOT NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2 FOR UPDATE"
    );
    let rows: Vec<(Uuid, Vec<u8>, String)> =
        sqlx::query_as(AssertSqlSafe(sql)).bind(after).bind(most).fetch_all(&mut *tx.inner).await?;
    let sql = format!("UPDATE {table} SET {column}_ct = $2, {column}_kid = $3 WHERE id = $1");
    let keys = root.platform_keys();
    let mut batch = Batch::default();
    for (id, ciphertext, key) in rows {
        batch.last = Some(id);
        match keys.renew(Place { table, column, row: id }, &ciphertext, &key) {
            Ok(None) => {}
            Ok(Some(again)) => {
                sqlx::query(AssertSqlSafe(sql.clone()))
                    .bind(id)
                    .bind(again.ciphertext)
                    .bind(again.key_id)
                    .execute(&mut *tx.inner)
                    .await?;
                batch.renewed += 1;
            }
            Err(_) => batch.unopened.push(id),
        }
    }
    Ok(batch)
}

/// How many unused backup codes there are: their hashes are keyed with the root key and cannot be made anew.
#[tracing::instrument(level = "debug", name = "store.rewrapping.backup_codes", skip_all)]
pub async fn backup_codes(tx: &mut Tx) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM two_factor_backup_codes WHERE used_at IS NULL"#
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}
