//! Conversations under way that are moved to another version of their flow.

use botbuilder_domain::{ConversationId, VersionId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, OrgScope, Tx};

/// A conversation that runs a version.
#[derive(Debug, Clone)]
pub struct Running {
    /// The conversation.
    pub id: Uuid,
    /// Its contact.
    pub contact_id: Uuid,
    /// The runtime's state.
    pub state: Value,
    /// Compared and set when it is moved.
    pub state_version: i32,
}

/// The open conversations that run this version, in the order of their ids.
#[tracing::instrument(level = "debug", name = "store.flow_migrations.running", skip_all)]
pub async fn running(
    tx: &mut Tx,
    scope: &OrgScope,
    version: VersionId,
    after: Option<Uuid>,
    most: i64,
) -> Result<Vec<Running>, Error> {
    Ok(sqlx::query_as!(
        Running,
        r#"
        SELECT id, contact_id, runtime_state AS state, state_version FROM conversations
        WHERE organization_id = $1 AND active_version_id = $2 AND status <> 'closed'
          AND ($3::uuid IS NULL OR id > $3)
        ORDER BY id LIMIT $4
        "#,
        scope.org().uuid(),
        version.uuid(),
        after,
        most,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// A conversation as a migration leaves it.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The conversation.
    pub id: ConversationId,
    /// The state version it was read with.
    pub expected: i32,
    /// The version it runs from now on; none where it ended.
    pub version: Option<VersionId>,
    /// The runtime's state.
    pub state: Value,
    /// When its earliest timer is due.
    pub next_timer_at: Option<DateTime<Utc>>,
}

/// Writes what a migration made of conversations, as far as they have not moved on meanwhile; those that it wrote.
#[tracing::instrument(level = "debug", name = "store.flow_migrations.write", skip_all)]
pub async fn write(tx: &mut Tx, scope: &OrgScope, moved: &[Moved]) -> Result<Vec<Uuid>, Error> {
    let ids: Vec<Uuid> = moved.iter().map(|one| one.id.uuid()).collect();
    let expected: Vec<i32> = moved.iter().map(|one| one.expected).collect();
    let versions: Vec<Option<Uuid>> = moved.iter().map(|one| one.version.map(VersionId::uuid)).collect();
    let states: Vec<&Value> = moved.iter().map(|one| &one.state).collect();
    let timers: Vec<Option<DateTime<Utc>>> = moved.iter().map(|one| one.next_timer_at).collect();
    Ok(sqlx::query_scalar!(
        r#"
        UPDATE conversations v SET
            active_version_id = k.version, runtime_state = k.state, state_version = v.state_version + 1,
            next_timer_at = k.timer
        FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::jsonb[], $6::timestamptz[])
             AS k(id, expected, version, state, timer)
        WHERE v.organization_id = $1 AND v.id = k.id AND v.state_version = k.expected
        RETURNING v.id
        "#,
        scope.org().uuid(),
        &ids,
        &expected,
        &versions as &[Option<Uuid>],
        &states as &[&Value],
        &timers as &[Option<DateTime<Utc>>],
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}
