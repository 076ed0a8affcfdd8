//! `entity_values`: canonical value of a list entity and its synonyms.

use serde_json::{Value, json};

use crate::{
    Error, OrgScope, Tx,
    table::{Column, Parent, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "entity_values",
    parent: Some(Parent { column: "entity_id", table: &super::entities::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("entity_id"),
        Column::text("value", 200).taken().required(),
        Column::texts("synonyms").taken(),
        Column::text("language", 16).taken(),
        Column::object("metadata").taken(),
        Column::integer("sort_order", -2_147_483_648, 2_147_483_647).taken(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new("uq_entity_values_1", "value", "is taken: there is one like it already")],
    ..Table::PLAIN
};

/// Writes values, each with `entity_id`, `value`, `synonyms` and `language`; those that are there already stay as they
/// are. The answer is how many are new.
#[tracing::instrument(level = "debug", name = "store.entity_values.insert_new", skip_all)]
pub async fn insert_new(tx: &mut Tx, scope: &OrgScope, values: &[Value]) -> Result<u64, Error> {
    let done = sqlx::query!(
        r#"
        INSERT INTO entity_values (organization_id, entity_id, value, synonyms, language)
        SELECT $1, v.entity_id, v.value, coalesce(v.synonyms, '{}'), coalesce(v.language, 'en')
          FROM jsonb_populate_recordset(NULL::entity_values, $2) v
        ON CONFLICT (entity_id, language, lower(value)) DO NOTHING
        "#,
        scope.org().uuid(),
        json!(values),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(done.rows_affected())
}
