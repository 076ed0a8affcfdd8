//! `customer_health_score_history`: past scores, for trends and explanations.

use crate::{
    Error, Tx,
    table::{Column, Parent, Rule, Table},
};

/// The table.
pub static TABLE: Table = Table {
    name: "customer_health_score_history",
    parent: Some(Parent { column: "health_score_id", table: &super::customer_health_scores::TABLE }),
    columns: &[
        Column::uuid("id"),
        Column::uuid("health_score_id"),
        Column::integer("score", 0, 100),
        Column::choice("grade", &["A", "B", "C", "D", "F"]),
        Column::number("churn_probability", 0.0, 1.0),
        Column::choice("risk", &["very_low", "low", "medium", "high", "critical"]),
        Column::integer("delta", -2_147_483_648, 2_147_483_647),
        Column::object("factors"),
        Column::choice("reason", &["scheduled", "event", "manual", "import"]),
        Column::instant("recorded_at"),
        Column::instant("created_at"),
    ],
    internal: &["organization_id"],
    rules: &[Rule::new(
        "uq_customer_health_score_history_1",
        "recorded_at",
        "is taken: there is one like it already",
    )],
    ..Table::PLAIN
};

/// Says why scores change in this transaction: `event`, `manual` or `import`. The points of history keep it.
#[tracing::instrument(level = "debug", name = "store.customer_health_score_history.because", skip_all)]
pub async fn because(tx: &mut Tx, reason: &str) -> Result<(), Error> {
    sqlx::query!("SELECT set_config('app.health_reason', $1, true)", reason)
        .fetch_one(&mut *tx.inner)
        .await?;
    Ok(())
}
