//! Rotation of an organization's data keys. A new key seals what is written from then on; rows that an older key sealed
//! are opened and sealed anew, a batch in a transaction, so that the work can stop anywhere and go on; a key that no row
//! uses any more is retired.
//!
//! What is sealed stands in one list here ([`COLUMNS`]); a test compares it with the schema. Nothing a reader can see of
//! a row changes, so neither its instant nor its version moves.

use botbuilder_domain::OrgId;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    secret::{DataKeys, Place, RootKey},
};

/// A sealed column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The table.
    pub table: &'static str,
    /// The column, without `_ct` and `_kid`.
    pub column: &'static str,
}

const fn column(table: &'static str, column: &'static str) -> Column {
    Column { table, column }
}

/// Every column that organizations' keys seal.
pub const COLUMNS: [Column; 10] = [
    column("bots", "webhook_secret"),
    column("channels", "credentials"),
    column("channels", "webhook_secret"),
    column("idempotency_keys", "response"),
    column("integrations", "credentials"),
    column("plugin_installations", "secrets"),
    column("sso_configurations", "client_secret"),
    column("sso_configurations", "sp_private_key"),
    column("tools", "credentials"),
    column("widget_configs", "identity_secret"),
];

/// Sealed columns that belong to accounts, with the platform's own key.
pub const OF_THE_PLATFORM: [Column; 2] =
    [column("email_notifications", "secret_variables"), column("users", "two_factor_secret")];

/// How long a key stays after it was replaced, whatever uses it: a transaction that read the keys before may still
/// write with it. Far longer than any transaction lasts.
pub const GRACE: TimeDelta = TimeDelta::minutes(10);

/// How far a rotation is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct State {
    /// The key that seals what is written now.
    pub current: String,
    /// Keys that are still kept to open what they sealed.
    pub older: Vec<String>,
    /// When the current key took over; none for the first.
    pub rotated_at: Option<DateTime<Utc>>,
    /// How many secrets older keys still seal.
    pub left: i64,
    /// `done`, `resealing`, or `waiting`: nothing is left, and the older keys stay for a while all the same.
    pub status: &'static str,
}

/// The stored keys, held until the transaction ends.
async fn stored(tx: &mut Tx, scope: &OrgScope) -> Result<Option<Map<String, Value>>, Error> {
    let keys = sqlx::query_scalar!(
        "SELECT data_keys FROM organizations WHERE id = $1 FOR UPDATE",
        scope.org().uuid()
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    match keys {
        None => Ok(None),
        Some(Value::Object(keys)) => Ok(Some(keys)),
        Some(_) => Err(Error::inconsistent("organizations", "data_keys", scope.org(), "not an object")),
    }
}

async fn store(tx: &mut Tx, scope: &OrgScope, keys: Value) -> Result<(), Error> {
    unseen(tx).await?;
    sqlx::query!("UPDATE organizations SET data_keys = $2 WHERE id = $1", scope.org().uuid(), keys)
        .execute(&mut *tx.inner)
        .await?;
    Ok(())
}

/// From here on this transaction moves neither instants nor versions.
pub(super) async fn unseen(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query!("SET LOCAL app.unseen = 'on'").execute(&mut *tx.inner).await?;
    Ok(())
}

/// Makes a new key the current one. None where there is no such organization.
#[tracing::instrument(level = "debug", name = "store.resealing.begin", skip_all)]
pub async fn begin(
    tx: &mut Tx,
    scope: &OrgScope,
    root: &RootKey,
    now: DateTime<Utc>,
) -> Result<Option<State>, Error> {
    let Some(keys) = stored(tx, scope).await? else { return Ok(None) };
    // All of them have to open: a key that cannot be opened must be looked at, not be buried below another.
    root.open_data_keys(scope.org(), &keys)?;
    let rotated = root.rotate_data_keys(scope.org(), keys, now)?;
    store(tx, scope, rotated).await?;
    state(tx, scope, now).await
}

/// How far a rotation is. None where there is no such organization.
#[tracing::instrument(level = "debug", name = "store.resealing.state", skip_all)]
pub async fn state(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>) -> Result<Option<State>, Error> {
    let Some(keys) = stored(tx, scope).await? else { return Ok(None) };
    let current = keys.get("current").and_then(Value::as_str).unwrap_or_default().to_owned();
    let older: Vec<String> = names(&keys).filter(|name| *name != current).map(str::to_owned).collect();
    let rotated_at = keys
        .get("rotated_at")
        .and_then(Value::as_str)
        .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
        .map(|instant| instant.to_utc());
    let mut left = 0;
    for sealed in COLUMNS {
        left += count(tx, scope, sealed, &current).await?;
    }
    let status = match (older.is_empty(), left) {
        (true, 0) => "done",
        (_, 0) if rotated_at.is_some_and(|rotated| rotated + GRACE > now) => "waiting",
        _ => "resealing",
    };
    Ok(Some(State { current, older, rotated_at, left, status }))
}

fn names(keys: &Map<String, Value>) -> impl Iterator<Item = &str> {
    keys.get("keys").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str())
}

async fn count(tx: &mut Tx, scope: &OrgScope, sealed: Column, current: &str) -> Result<i64, Error> {
    let Column { table, column } = sealed;
    let sql = format!("SELECT count(*) FROM {table} WHERE organization_id = $1 AND {column}_kid <> $2");
    Ok(sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(scope.org().uuid())
        .bind(current)
        .fetch_one(&mut *tx.inner)
        .await?)
}

/// Seals up to `most` secrets of one column anew. Returns how many. One that does not open ends the work with an error
/// that names its row: it must not be lost behind a key that is retired.
#[tracing::instrument(level = "debug", name = "store.resealing.reseal", skip_all)]
pub async fn reseal(
    tx: &mut Tx,
    scope: &OrgScope,
    sealed: Column,
    keys: &DataKeys,
    most: i64,
) -> Result<u64, Error> {
    let Column { table, column } = sealed;
    unseen(tx).await?;
    // What somebody else holds comes with a later batch.
    let sql = format!(
        "SELECT id, {column}_ct, {column}_kid FROM {table} WHERE organization_id = $1 AND {column}_kid <> $2 \
         ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED"
    );
    let rows: Vec<(Uuid, Vec<u8>, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(scope.org().uuid())
        .bind(keys.current())
        .bind(most)
        .fetch_all(&mut *tx.inner)
        .await?;
    let sql = format!(
        "UPDATE {table} SET {column}_ct = $3, {column}_kid = $4 WHERE organization_id = $1 AND id = $2"
    );
    let mut done = 0;
    for (id, ciphertext, key) in rows {
        let place = Place { table, column, row: id };
        let plain = keys
            .open(place, &ciphertext, &key)
            .map_err(|error| Error::inconsistent(table, column, id, error))?;
        let again = keys.seal(place, plain.expose())?;
        sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(scope.org().uuid())
            .bind(id)
            .bind(again.ciphertext)
            .bind(again.key_id)
            .execute(&mut *tx.inner)
            .await?;
        done += 1;
    }
    Ok(done)
}

/// Forgets the older keys, if no row uses one and the current one took over long enough ago. Whether it did.
#[tracing::instrument(level = "debug", name = "store.resealing.retire", skip_all)]
pub async fn retire(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>) -> Result<bool, Error> {
    let Some(state) = state(tx, scope, now).await? else { return Ok(false) };
    if state.older.is_empty() || state.left > 0 || state.status == "waiting" {
        return Ok(false);
    }
    let Some(mut keys) = stored(tx, scope).await? else { return Ok(false) };
    if let Some(Value::Object(known)) = keys.get_mut("keys") {
        known.retain(|name, _| *name == state.current);
    }
    store(tx, scope, Value::Object(keys)).await?;
    Ok(true)
}

/// Organizations that keep more than one key: there is work.
#[tracing::instrument(level = "debug", name = "store.resealing.pending", skip_all)]
pub async fn pending(tx: &mut Tx, most: i64) -> Result<Vec<OrgId>, Error> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT id FROM organizations
        WHERE jsonb_typeof(data_keys -> 'keys') = 'object' AND data_keys ? 'rotated_at'
          AND (SELECT count(*) FROM jsonb_object_keys(data_keys -> 'keys')) > 1
        ORDER BY id LIMIT $1
        "#,
        most
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(found.into_iter().map(OrgId::new).collect())
}
