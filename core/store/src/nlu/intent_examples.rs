//! `intent_examples`: a training utterance with optional annotated entity spans.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Parent, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "intent_examples",
    parent: Some(Parent { column: "intent_id", table: &super::intents::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("intent_id"),
        Column::uuid("bot_id"),
        Column::text("text", 1000).taken().required(),
        Column::text("text_key", 64),
        Column::text("language", 16).taken(),
        Column::choice("source", &["manual", "import", "log", "generated", "voice"]).taken(),
        Column::array("entities").taken(),
        Column::text("embedding_model", 120).nullable(),
        Column::instant("embedded_at").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "embedding"],
    rules: &[
        Rule::new("ck_intent_examples_6", "embedding", "must keep to: l2_norm(embedding) > (0)"),
        Rule::new("uq_intent_examples_1", "language", "is taken: there is one like it already"),
    ],
    ..Table::PLAIN
};

/// Writes the number of examples of an intent beside it.
#[tracing::instrument(level = "debug", name = "store.intent_examples.counted", skip_all)]
pub async fn counted(tx: &mut Tx, scope: &OrgScope, intent: Uuid) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE intents SET example_count = (
            SELECT count(*)::integer FROM intent_examples WHERE organization_id = $1 AND intent_id = $2)
        WHERE organization_id = $1 AND id = $2
        "#,
        scope.org().uuid(),
        intent,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Writes examples, each with `intent_id`, `bot_id`, `text` and `text_key`; those that are there already stay as they
/// are. The answer is how many are new.
#[tracing::instrument(level = "debug", name = "store.intent_examples.insert_new", skip_all)]
pub async fn insert_new(
    tx: &mut Tx,
    scope: &OrgScope,
    examples: Vec<Map<String, Value>>,
) -> Result<u64, Error> {
    let examples = Value::Array(examples.into_iter().map(Value::Object).collect());
    let done = sqlx::query!(
        r#"
        INSERT INTO intent_examples (organization_id, intent_id, bot_id, text, text_key, language, source, entities)
        SELECT $1, e.intent_id, e.bot_id, e.text, e.text_key, coalesce(e.language, 'en'), coalesce(e.source, 'manual'),
               coalesce(e.entities, '[]')
          FROM jsonb_populate_recordset(NULL::intent_examples, $2) e
        ON CONFLICT (intent_id, language, text_key) DO NOTHING
        "#,
        scope.org().uuid(),
        examples,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}

/// Moves the examples of one intent to another; those that are there already are deleted. The answer is how many moved.
#[tracing::instrument(level = "debug", name = "store.intent_examples.move_all", skip_all)]
pub async fn move_all(tx: &mut Tx, scope: &OrgScope, from: Uuid, into: Uuid) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        UPDATE intent_examples e SET intent_id = $3
        WHERE e.organization_id = $1 AND e.intent_id = $2 AND NOT EXISTS (
            SELECT FROM intent_examples there
            WHERE there.organization_id = $1 AND there.intent_id = $3 AND there.language = e.language
              AND there.text_key = e.text_key)
        "#,
        scope.org().uuid(),
        from,
        into,
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        "DELETE FROM intent_examples WHERE organization_id = $1 AND intent_id = $2",
        scope.org().uuid(),
        from,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}
