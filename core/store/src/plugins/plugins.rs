//! `plugins`: a marketplace listing owned by a publishing organization.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, Tx,
    page::Page,
    table::{Column, Form, Rule, Table, Tenancy},
};

/// The table.
pub static TABLE: Table = Table {
    name: "plugins",
    columns: &[
        Column::uuid("id"),
        Column::uuid("publisher_organization_id"),
        Column::uuid("developer_id").nullable(),
        Column::uuid("category_id").taken().required(),
        Column::form("slug", 63, Form::Slug).once().required(),
        Column::text("name", 120).taken().required(),
        Column::text("summary", 200).taken().required(),
        Column::text("description", 20_000).nullable().taken(),
        Column::choice("kind", &["channel", "tool", "integration", "model", "analytics", "theme"])
            .once()
            .required(),
        Column::form("icon_url", 2048, Form::Url).nullable().taken(),
        Column::form("homepage_url", 2048, Form::Url).nullable().taken(),
        Column::form("support_url", 2048, Form::Url).nullable().taken(),
        Column::texts("tags").taken(),
        Column::choice("status", &["draft", "in_review", "published", "rejected", "suspended", "deprecated"]),
        Column::text("review_note", 2000).nullable(),
        Column::uuid("reviewed_by").nullable(),
        Column::instant("reviewed_at").nullable(),
        Column::instant("published_at").nullable(),
        Column::choice("pricing", &["free", "one_time", "subscription"]).taken(),
        Column::integer("price", 0, i64::MAX).taken(),
        Column::form("currency", 3, Form::Currency).taken(),
        Column::uuid("latest_version_id").nullable(),
        Column::integer("install_count", 0, 2_147_483_647),
        Column::number("rating_avg", -1_000_000_000.0, 1_000_000_000.0),
        Column::integer("rating_count", 0, 2_147_483_647),
        Column::instant("created_at"),
        Column::instant("updated_at"),
        Column::integer("lock_version", -2_147_483_648, 2_147_483_647),
    ],
    internal: &["search_tsv", "deleted_at"],
    rules: &[
        Rule::new("ck_plugins_16", "price", "must keep to: (pricing = 'free') = (price = 0)"),
        Rule::new(
            "ck_plugins_17",
            "latest_version_id",
            "must keep to: (status <> 'published') OR (latest_version_id IS NOT NULL)",
        ),
        Rule::new("uq_plugins_1", "slug", "is taken: there is one like it already"),
    ],
    tenancy: Tenancy::Policy,
    ..Table::PLAIN
};

/// Published plugins with these words, of a category or of all, the most installed first: each with what a shelf shows of
/// it. `page.after` is the last plugin of the piece before.
#[tracing::instrument(level = "debug", name = "store.plugins.search", skip_all)]
pub async fn search(
    tx: &mut Tx,
    words: &str,
    category: Option<&str>,
    page: Page,
) -> Result<Vec<(Uuid, Value)>, Error> {
    let fetch = i32::from(page.limit).saturating_add(1);
    let rows = sqlx::query!(
        r#"SELECT p.id AS "id!", to_jsonb(p) AS "plugin!" FROM app.search_plugins($1, $2, $3, $4) p"#,
        words,
        category,
        page.after,
        fetch,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.plugin)).collect())
}
