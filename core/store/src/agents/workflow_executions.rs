//! `workflow_executions`: one run of a workflow or an orchestration.

use botbuilder_domain::ConversationId;
use chrono::{DateTime, Utc};

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Form, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "workflow_executions",
    columns: &[
        Column::uuid("id"),
        Column::uuid("workflow_id").nullable(),
        Column::uuid("orchestration_id").nullable(),
        Column::uuid("bot_id"),
        Column::uuid("conversation_id").nullable(),
        Column::choice("trigger", &["api", "message", "schedule", "test", "flow"]),
        Column::choice(
            "status",
            &["pending", "running", "waiting", "succeeded", "failed", "canceled", "timed_out"],
        ),
        Column::object("input"),
        Column::object("output"),
        Column::object("snapshot"),
        Column::text("error_code", 64).nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::text("idempotency_key", 128).nullable(),
        Column::integer("prompt_tokens", 0, 2_147_483_647),
        Column::integer("completion_tokens", 0, 2_147_483_647),
        Column::integer("cost", 0, i64::MAX),
        Column::form("currency", 3, Form::Currency),
        Column::instant("started_at").nullable(),
        Column::instant("finished_at").nullable(),
        Column::integer("attempts", 0, 2_147_483_647),
        Column::uuid("requested_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "heartbeat_at", "worker"],
    rules: &[
        Rule::new(
            "ck_workflow_executions_15",
            "orchestration_id",
            "must keep to: num_nonnulls(workflow_id, orchestration_id) <= 1",
        ),
        Rule::new(
            "ck_workflow_executions_16",
            "finished_at",
            "must keep to: (status = ANY (ARRAY['succeeded', 'failed', 'canceled', 'timed_out'])) = (finished_at IS NOT NULL)",
        ),
        Rule::new("uq_workflow_executions_2", "idempotency_key", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};

/// Ends the runs of orchestrations in this conversation: its flow has come to its end, or failed for this reason.
#[tracing::instrument(level = "debug", name = "store.workflow_executions.end", skip_all)]
pub async fn end(
    tx: &mut Tx,
    scope: &OrgScope,
    conversation: ConversationId,
    failure: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE workflow_executions SET finished_at = $3::timestamptz, error_code = $4::text,
            status = CASE WHEN $4::text IS NULL THEN 'succeeded' ELSE 'failed' END
        WHERE organization_id = $1 AND conversation_id = $2 AND orchestration_id IS NOT NULL
          AND status IN ('running', 'waiting') AND started_at <= $3
        "#,
        scope.org().uuid(),
        conversation.uuid(),
        now,
        failure,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
