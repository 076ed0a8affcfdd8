//! `flow_orchestrations`: a set of flows of one bot and how control passes between them.

use botbuilder_domain::BotId;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "flow_orchestrations",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").once().required(),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::choice("status", &["draft", "active", "paused", "archived"]),
        Column::uuid("entry_flow_id").taken().required(),
        Column::choice("on_error", &["stop", "fallback_flow", "handoff"]).taken(),
        Column::uuid("fallback_flow_id").nullable().taken(),
        Column::integer("max_hops", 1, 100).taken(),
        Column::integer("session_ttl_seconds", 60, 2_592_000).taken(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new(
            "ck_flow_orchestrations_7",
            "fallback_flow_id",
            "must keep to: (on_error <> 'fallback_flow') OR (fallback_flow_id IS NOT NULL)",
        ),
        Rule::new("uq_flow_orchestrations_2", "name", "is taken: there is one like it already"),
        Rule::new("uq_flow_orchestrations_3", "bot_id", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};

/// An orchestration as the runtime needs it.
#[derive(Debug, Clone)]
pub struct Active {
    /// Its id.
    pub id: Uuid,
    /// The flow a conversation begins with.
    pub entry: Uuid,
    /// `stop`, `fallback_flow` or `handoff`.
    pub on_error: String,
    /// The flow that takes failures.
    pub fallback: Option<Uuid>,
    /// Most transitions of a turn.
    pub max_hops: i32,
    /// After how many seconds without a word a conversation ends.
    pub session_ttl_seconds: i32,
    /// Its transitions, the more important first.
    pub transitions: Vec<ActiveTransition>,
    /// The variables its flows share.
    pub variables: Vec<ActiveVariable>,
}

/// A transition that is enabled.
#[derive(Debug, Clone)]
pub struct ActiveTransition {
    /// Its id.
    pub id: Uuid,
    /// The flow it leaves.
    pub from: Uuid,
    /// The flow it enters.
    pub to: Uuid,
    /// `on_complete`, `on_keyword` …
    pub trigger_type: String,
    /// What belongs to the trigger.
    pub trigger_value: Value,
    /// Whether variables go along.
    pub preserve_variables: bool,
}

/// A variable that flows share.
#[derive(Debug, Clone)]
pub struct ActiveVariable {
    /// Its name.
    pub name: String,
    /// `string`, `number` …
    pub value_type: String,
    /// `turn`, `session`, `contact` or `bot`.
    pub scope: String,
    /// What it holds where nothing was set.
    pub default_value: Option<Value>,
    /// Whether whoever starts the flows from outside must give it.
    pub is_required: bool,
    /// Whether its value is shown to nobody.
    pub is_secret: bool,
    /// What it may hold.
    pub validation: Value,
}

/// The bot's active orchestration, if it has one.
#[tracing::instrument(level = "debug", name = "store.flow_orchestrations.active", skip_all)]
pub async fn active(tx: &mut Tx, scope: &OrgScope, bot: BotId) -> Result<Option<Active>, Error> {
    let id = sqlx::query_scalar!(
        r#"
        SELECT id FROM flow_orchestrations
        WHERE organization_id = $1 AND bot_id = $2 AND status = 'active' AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        bot.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    match id {
        Some(id) => rules(tx, scope, id).await,
        None => Ok(None),
    }
}

/// An orchestration as the runtime needs it, whatever its status. None where it is not there.
#[tracing::instrument(level = "debug", name = "store.flow_orchestrations.rules", skip_all)]
pub async fn rules(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Active>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT id, entry_flow_id, on_error, fallback_flow_id, max_hops, session_ttl_seconds
        FROM flow_orchestrations
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let transitions = sqlx::query_as!(
        ActiveTransition,
        r#"
        SELECT id, from_flow_id AS "from", to_flow_id AS "to", trigger_type, trigger_value, preserve_variables
        FROM flow_transitions
        WHERE organization_id = $1 AND orchestration_id = $2 AND is_enabled
        ORDER BY priority DESC, id
        "#,
        scope.org().uuid(),
        row.id,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let variables = sqlx::query_as!(
        ActiveVariable,
        r#"
        SELECT name, value_type, scope, default_value, is_required, is_secret, validation FROM flow_variables
        WHERE organization_id = $1 AND orchestration_id = $2 ORDER BY name
        "#,
        scope.org().uuid(),
        row.id,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(Some(Active {
        id: row.id,
        entry: row.entry_flow_id,
        on_error: row.on_error,
        fallback: row.fallback_flow_id,
        max_hops: row.max_hops,
        session_ttl_seconds: row.session_ttl_seconds,
        transitions,
        variables,
    }))
}
