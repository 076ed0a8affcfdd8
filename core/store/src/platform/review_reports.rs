//! Reviews of plugins that somebody reported: out of sight until the platform has looked.

use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx, page::Page};

/// The reviews that wait, the latest first, each with its plugin. Rows are JSON objects with an `id`.
#[tracing::instrument(level = "debug", name = "store.platform.review_reports.list", skip_all)]
pub async fn list(tx: &mut Tx, page: Page) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT to_jsonb(r) || jsonb_build_object('plugin', jsonb_build_object('slug', p.slug, 'name', p.name)) AS "row!"
        FROM plugin_reviews r JOIN plugins p ON p.id = r.plugin_id
        WHERE r.status = 'flagged' AND r.deleted_at IS NULL AND ($1::uuid IS NULL OR r.id < $1)
        ORDER BY r.id DESC LIMIT $2
        "#,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Shows a review that waits again, or hides it for good. None if no such review waits.
#[tracing::instrument(level = "debug", name = "store.platform.review_reports.decide", skip_all)]
pub async fn decide(tx: &mut Tx, id: Uuid, is_shown: bool) -> Result<Option<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        UPDATE plugin_reviews r SET status = CASE WHEN $2 THEN 'visible' ELSE 'hidden' END
        WHERE r.id = $1 AND r.status = 'flagged' AND r.deleted_at IS NULL
        RETURNING to_jsonb(r) AS "row!"
        "#,
        id,
        is_shown,
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}
