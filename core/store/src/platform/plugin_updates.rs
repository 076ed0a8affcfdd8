//! Installed plugins that follow the releases of their publisher.

use botbuilder_domain::OrgId;
use uuid::Uuid;

use crate::{Error, Tx};

/// Installations behind `after` that are to be updated by themselves and have not got the newest release of their plugin,
/// nor wait with it for permissions; in the order of their ids. Needs [`crate::Store::begin_admin`].
#[tracing::instrument(level = "debug", name = "store.platform.plugin_updates.behind", skip_all)]
pub async fn behind(tx: &mut Tx, after: Option<Uuid>, most: i64) -> Result<Vec<(OrgId, Uuid)>, Error> {
    let found = sqlx::query!(
        r#"
        SELECT i.organization_id, i.id
        FROM plugin_installations i
        JOIN organizations o ON o.id = i.organization_id AND o.status = 'active' AND o.deleted_at IS NULL
        JOIN plugins p ON p.id = i.plugin_id AND p.deleted_at IS NULL AND p.status IN ('published', 'deprecated')
        JOIN plugin_versions v ON v.id = p.latest_version_id AND v.status = 'published'
        WHERE i.auto_update AND i.status IN ('active', 'disabled', 'error') AND i.version_id <> v.id
          AND i.update_version_id IS DISTINCT FROM v.id AND ($1::uuid IS NULL OR i.id > $1)
        ORDER BY i.id LIMIT $2
        "#,
        after,
        most,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(found.into_iter().map(|row| (OrgId::new(row.organization_id), row.id)).collect())
}
