//! Releases of plugins that wait for the platform's word, and that word.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Tx, page::Page};

/// The releases that wait, the latest first, each with its plugin. Rows are JSON objects with an `id`.
#[tracing::instrument(level = "debug", name = "store.platform.plugin_reviews.list", skip_all)]
pub async fn list(tx: &mut Tx, page: Page) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT to_jsonb(v) - 'artifact_sha256' - 'signature'
               || jsonb_build_object('plugin', to_jsonb(p) - 'search_tsv') AS "row!"
        FROM plugin_versions v JOIN plugins p ON p.id = v.plugin_id
        WHERE v.status = 'in_review' AND p.deleted_at IS NULL AND NOT v.scan_report ? 'decision'
          AND ($1::uuid IS NULL OR v.id < $1)
        ORDER BY v.id DESC LIMIT $2
        "#,
        page.after,
        page.fetch(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// A word on a release.
#[derive(Debug, Clone)]
pub struct Word<'a> {
    /// Whether it may be published.
    pub is_approved: bool,
    /// What the publisher is told.
    pub note: Option<&'a str>,
    /// Who says it.
    pub by: Uuid,
    /// When.
    pub at: DateTime<Utc>,
}

/// A release on which a word was said.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The release.
    pub version: Value,
    /// Its plugin.
    pub plugin: Uuid,
    /// The organization that offers it.
    pub publisher: Uuid,
}

/// Says a word on a release that waits for one. A plugin that waits with a rejected release is rejected with it. None if no
/// such release waits.
#[tracing::instrument(level = "debug", name = "store.platform.plugin_reviews.decide", skip_all)]
pub async fn decide(tx: &mut Tx, id: Uuid, word: &Word<'_>) -> Result<Option<Decided>, Error> {
    let decided = sqlx::query!(
        r#"
        UPDATE plugin_versions v
        SET status = CASE WHEN $2 THEN v.status ELSE 'rejected' END,
            scan_report = v.scan_report || jsonb_strip_nulls(jsonb_build_object(
                'decision', CASE WHEN $2 THEN 'approved' ELSE 'rejected' END, 'note', $3::text, 'decided_at', $4::timestamptz))
        FROM plugins p
        WHERE v.id = $1 AND p.id = v.plugin_id AND p.deleted_at IS NULL
          AND v.status = 'in_review' AND NOT v.scan_report ? 'decision'
        RETURNING to_jsonb(v) - 'artifact_sha256' - 'signature' AS "version!", v.plugin_id,
                  p.publisher_organization_id AS publisher
        "#,
        id,
        word.is_approved,
        word.note,
        word.at,
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(decided) = decided else { return Ok(None) };
    sqlx::query!(
        r#"
        UPDATE plugins SET reviewed_by = $2, reviewed_at = $3, review_note = $4,
               status = CASE WHEN status = 'in_review' AND NOT $5 THEN 'rejected' ELSE status END
        WHERE id = $1
        "#,
        decided.plugin_id,
        word.by,
        word.at,
        word.note,
        word.is_approved,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(Some(Decided { version: decided.version, plugin: decided.plugin_id, publisher: decided.publisher }))
}
