//! `dedupe_keys`: uniqueness across partitions, and the inbox of at-least-once consumers.

use botbuilder_domain::{ChannelId, MessageId};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// How long a message's key is kept: longer than any provider redelivers.
pub const MESSAGES_KEPT: TimeDelta = TimeDelta::days(45);

/// The scope of what comes in on a channel.
pub fn inbound_scope(channel: ChannelId) -> String {
    format!("msg:{channel}")
}

/// The scope of the provider's ids of what went out on a channel.
pub fn outbound_scope(channel: ChannelId) -> String {
    format!("out:{channel}")
}

/// A key, and the row it leads to.
#[derive(Debug, Clone)]
pub struct New {
    /// What the key is unique within.
    pub scope: String,
    /// The key.
    pub key: String,
    /// The message it leads to.
    pub message: Option<MessageId>,
}

/// Takes keys. Says for each, in order, whether it was free; within one call the first of two equal keys wins.
#[tracing::instrument(level = "debug", name = "store.dedupe_keys.take_many", skip_all)]
pub async fn take_many(
    tx: &mut Tx,
    scope: &OrgScope,
    new: &[New],
    now: DateTime<Utc>,
) -> Result<Vec<bool>, Error> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let scopes: Vec<&str> = new.iter().map(|row| row.scope.as_str()).collect();
    let keys: Vec<&str> = new.iter().map(|row| row.key.as_str()).collect();
    let refs: Vec<Option<Uuid>> = new.iter().map(|row| row.message.map(MessageId::uuid)).collect();
    let created: Vec<Option<DateTime<Utc>>> =
        new.iter().map(|row| row.message.map(MessageId::created_at)).collect();
    let rows = sqlx::query!(
        r#"
        INSERT INTO dedupe_keys (organization_id, scope, key, ref_id, ref_created_at, expires_at)
        SELECT $1, k.scope, left(k.key, 300), k.ref, k.created, $6
        FROM unnest($2::text[], $3::text[], $4::uuid[], $5::timestamptz[]) WITH ORDINALITY
             AS k(scope, key, ref, created, ord)
        -- A fixed order, so that two writers of the same keys wait for each other instead of for a deadlock.
        ORDER BY k.scope, k.key, k.ord
        ON CONFLICT (scope, key) DO NOTHING
        RETURNING scope, key
        "#,
        scope.org().uuid(),
        &scopes as &[&str],
        &keys as &[&str],
        &refs as &[Option<Uuid>],
        &created as &[Option<DateTime<Utc>>],
        now + MESSAGES_KEPT,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let mut free: std::collections::HashSet<(String, String)> =
        rows.into_iter().map(|row| (row.scope, row.key)).collect();
    Ok(new
        .iter()
        .map(|row| {
            let stored: String = row.key.chars().take(300).collect();
            free.remove(&(row.scope.clone(), stored))
        })
        .collect())
}

/// The messages these keys lead to, in order.
#[tracing::instrument(level = "debug", name = "store.dedupe_keys.resolve_many", skip_all)]
pub async fn resolve_many(
    tx: &mut Tx,
    scope: &OrgScope,
    wanted: &[(String, String)],
) -> Result<Vec<Option<MessageId>>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let scopes: Vec<&str> = wanted.iter().map(|(scope, _)| scope.as_str()).collect();
    let keys: Vec<&str> = wanted.iter().map(|(_, key)| key.as_str()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT k.ord AS "ord!", d.ref_id
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS k(scope, key, ord)
        JOIN dedupe_keys d ON d.organization_id = $1 AND d.scope = k.scope AND d.key = left(k.key, 300)
        "#,
        scope.org().uuid(),
        &scopes as &[&str],
        &keys as &[&str],
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let mut found = vec![None; wanted.len()];
    for row in rows {
        if let Some(place) = usize::try_from(row.ord - 1).ok().and_then(|index| found.get_mut(index)) {
            *place = row.ref_id.map(MessageId::from);
        }
    }
    Ok(found)
}
