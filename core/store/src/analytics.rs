//! The views of the schema `analytics`: figures by day, refreshed every few minutes.

use chrono::NaiveDate;
use serde_json::Value;

use crate::{Error, Tx};

/// Rows of a view of the transaction's organization, from one day up to another, that contain the filter, in the order of
/// their days. A view that is none is an error.
#[tracing::instrument(level = "debug", name = "store.analytics.rows", skip_all, fields(view = view))]
pub async fn rows(
    tx: &mut Tx,
    view: &str,
    from: NaiveDate,
    to: NaiveDate,
    filter: &Value,
) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(r#"SELECT app.analytics($1, $2, $3, $4) AS "row!""#, view, from, to, filter)
        .fetch_all(&mut *tx.inner)
        .await?)
}
