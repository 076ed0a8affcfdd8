//! `two_factor_backup_codes`: single-use codes for whoever lost the second factor, stored as keyed hashes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::opaque::Hash;
use crate::{Error, Tx};

/// Writes a new batch in place of every older one.
#[tracing::instrument(level = "debug", name = "store.two_factor_backup_codes.replace", skip_all)]
pub async fn replace(tx: &mut Tx, user: Uuid, batch: Uuid, codes: &[(Uuid, Hash)]) -> Result<(), Error> {
    clear(tx, user).await?;
    let ids: Vec<Uuid> = codes.iter().map(|(id, _)| *id).collect();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|(_, hash)| hash.to_vec()).collect();
    sqlx::query!(
        r#"
        INSERT INTO two_factor_backup_codes (id, user_id, batch_id, code_hash)
        SELECT code.id, $1, $2, code.hash FROM unnest($3::uuid[], $4::bytea[]) AS code(id, hash)
        "#,
        user,
        batch,
        &ids,
        &hashes,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Removes every code.
#[tracing::instrument(level = "debug", name = "store.two_factor_backup_codes.clear", skip_all)]
pub async fn clear(tx: &mut Tx, user: Uuid) -> Result<(), Error> {
    sqlx::query!("DELETE FROM two_factor_backup_codes WHERE user_id = $1", user)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// Uses a code up. False where there is none of that hash, or it was used.
#[tracing::instrument(level = "debug", name = "store.two_factor_backup_codes.consume", skip_all)]
pub async fn consume(
    tx: &mut Tx,
    user: Uuid,
    hash: &Hash,
    ip: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE two_factor_backup_codes SET used_at = $3, used_ip = $4::text::inet
        WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL
        "#,
        user,
        hash.as_slice(),
        now,
        ip,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many codes are left.
#[tracing::instrument(level = "debug", name = "store.two_factor_backup_codes.left", skip_all)]
pub async fn left(tx: &mut Tx, user: Uuid) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "left!" FROM two_factor_backup_codes WHERE user_id = $1 AND used_at IS NULL"#,
        user
    )
    .fetch_one(&mut *tx.inner)
    .await?)
}
