//! `flow_secrets`: sealed values that flows name in calls of services.

use botbuilder_domain::{BotId, Secret};
use uuid::Uuid;

use crate::{
    Error, OrgScope, Tx,
    secret::{DataKeys, Place},
    table::{Column, Form, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "flow_secrets",
    columns: &[
        Column::uuid("id"),
        Column::uuid("bot_id").nullable().once(),
        Column::form("name", 64, Form::Ident).once().required(),
        Column::text("description", 300).nullable().taken(),
        Column::instant("set_at"),
        Column::uuid("created_by").nullable(),
        Column::instant("created_at"),
        Column::instant("updated_at"),
    ],
    internal: &["organization_id", "value_ct", "value_kid"],
    rules: &[Rule::new("uq_flow_secrets_1", "name", "is taken: there is one like it already")],
    ..Table::PLAIN
};

/// Where the value of a secret lives.
pub fn place(id: Uuid) -> Place {
    Place { table: "flow_secrets", column: "value", row: id }
}

/// The values of those of these names that there are: the bot's own, else the organization's.
#[tracing::instrument(level = "debug", name = "store.flow_secrets.open_named", skip_all)]
pub async fn open_named(
    tx: &mut Tx,
    scope: &OrgScope,
    keys: &DataKeys,
    bot: BotId,
    names: &[String],
) -> Result<Vec<(String, Secret<String>)>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT DISTINCT ON (name) id, name, value_ct, value_kid FROM flow_secrets
        WHERE organization_id = $1 AND (bot_id = $2 OR bot_id IS NULL) AND name = ANY($3)
        ORDER BY name, bot_id NULLS LAST
        "#,
        scope.org().uuid(),
        bot.uuid(),
        names,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let mut opened = Vec::with_capacity(rows.len());
    for row in rows {
        let bytes = keys.open(place(row.id), &row.value_ct, &row.value_kid)?;
        let text = String::from_utf8(bytes.expose().clone())
            .map_err(|error| Error::inconsistent("flow_secrets", "value", row.id, error))?;
        opened.push((row.name, Secret::new(text)));
    }
    Ok(opened)
}
