//! `work_clones`: a writing assistant that imitates one person's style, with that person's consent.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Form, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "work_clones",
    columns: &[
        Column::uuid("id"),
        Column::uuid("subject_user_id").once().required(),
        Column::uuid("bot_id").nullable().taken(),
        Column::text("name", 120).taken().required(),
        Column::text("description", 2000).nullable().taken(),
        Column::form("avatar_url", 2048, Form::Url).nullable().taken(),
        Column::choice("status", &["draft", "training", "ready", "failed", "archived"]),
        Column::choice("visibility", &["private", "organization"]).taken(),
        Column::instant("consent_at").nullable(),
        Column::uuid("consent_by").nullable(),
        Column::uuid("provider_integration_id").nullable().taken(),
        Column::text("model", 120).taken().required(),
        Column::number("temperature", -1_000_000_000.0, 1_000_000_000.0).taken(),
        Column::integer("max_tokens", 1, 32_768).taken(),
        Column::text("base_instructions", 16_000).nullable().taken(),
        Column::text("style_summary", 16_000).nullable(),
        Column::object("style"),
        Column::object("tone"),
        Column::object("vocabulary"),
        Column::object("settings").taken(),
        Column::integer("sample_count", 0, 2_147_483_647),
        Column::number("training_score", 0.0, 100.0).nullable(),
        Column::integer("generation", 0, 2_147_483_647),
        Column::instant("trained_at").nullable(),
        Column::text("error_message", 2000).nullable(),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["organization_id", "deleted_at"],
    rules: &[
        Rule::new("ck_work_clones_18", "settings", "has an unknown key, or a value of a wrong type"),
        Rule::new(
            "ck_work_clones_19",
            "consent_at",
            "must keep to: (status <> ALL (ARRAY['training', 'ready'])) OR (consent_at IS NOT NULL)",
        ),
        Rule::new("uq_work_clones_2", "name", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};

/// What a clone learned from, and what became of what it wrote. None where there is no such clone.
#[tracing::instrument(level = "debug", name = "store.work_clones.stats", skip_all)]
pub async fn stats(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object(
            'samples', (SELECT coalesce(jsonb_object_agg(s.status, s.amount), '{}') FROM (
                SELECT status, count(*) AS amount FROM clone_training_data
                WHERE organization_id = $1 AND clone_id = $2 AND deleted_at IS NULL GROUP BY status) s),
            'sessions', (SELECT count(*) FROM clone_sessions WHERE organization_id = $1 AND clone_id = $2),
            'responses', (SELECT coalesce(jsonb_object_agg(r.outcome, r.amount), '{}') FROM (
                SELECT outcome, count(*) AS amount FROM clone_responses
                WHERE organization_id = $1 AND clone_id = $2 GROUP BY outcome) r),
            'rated', (SELECT count(rating) FROM clone_responses WHERE organization_id = $1 AND clone_id = $2),
            'rating', (SELECT round(avg(rating), 2) FROM clone_responses
                       WHERE organization_id = $1 AND clone_id = $2),
            'similarity', (SELECT round(avg(similarity)::numeric, 3) FROM clone_responses
                           WHERE organization_id = $1 AND clone_id = $2),
            'training_score', c.training_score,
            'generation', c.generation
        ) AS "stats!"
        FROM work_clones c WHERE c.organization_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
        "#,
        scope.org().uuid(),
        id,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}
