//! `bots`: one assistant.

mod table;

use botbuilder_domain::BotId;

pub use self::table::TABLE;
use crate::{Error, OrgScope, Tx};

/// Writes an active bot.
#[tracing::instrument(level = "debug", name = "store.bots.insert", skip_all)]
pub async fn insert(
    tx: &mut Tx,
    scope: &OrgScope,
    id: BotId,
    name: &str,
    slug: &str,
    fallback: &str,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO bots (organization_id, id, name, slug, status, published_at, fallback_message, reply_mode)
        VALUES ($1, $2, $3, $4, 'active', now(), $5, 'flow')
        "#,
        scope.org().uuid(),
        id.uuid(),
        name,
        slug,
        fallback
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// The bot of that short name, if there is one.
#[tracing::instrument(level = "debug", name = "store.bots.find_by_slug", skip_all)]
pub async fn find_by_slug(tx: &mut Tx, scope: &OrgScope, slug: &str) -> Result<Option<BotId>, Error> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM bots WHERE organization_id = $1 AND slug = $2 AND deleted_at IS NULL",
        scope.org().uuid(),
        slug
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(id.map(BotId::from))
}
