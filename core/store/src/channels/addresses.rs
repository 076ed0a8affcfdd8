//! The addresses of a contact: one that takes the place of another, and further ones that become known. Two stand in its
//! row, the rest in `channel_contact_addresses`; by each of them it is found, and none is dropped.

use botbuilder_domain::{ChannelId, ContactId};

use super::merging;
use crate::{Error, OrgScope, Tx};

/// What becomes known of a contact's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The contact stands under this address from now on. The one before stays as the second, for what is still said of
    /// it.
    Moved(String),
    /// This is another address of the same person.
    Also(String),
}

/// Notes a change. Where other contacts of the channel have that address they are one person, and become one: history,
/// conversations, addresses and a refusal of messages are never lost on the way. The answer is the contact that is there
/// from now on; none where there is no such contact.
#[tracing::instrument(level = "debug", name = "store.addresses.change", skip_all)]
pub async fn change(
    tx: &mut Tx,
    scope: &OrgScope,
    contact: ContactId,
    change: &Change,
) -> Result<Option<ContactId>, Error> {
    let (Change::Moved(address) | Change::Also(address)) = change;
    let known = sqlx::query!(
        r#"
        SELECT channel_id, external_id FROM channel_contacts
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE
        "#,
        scope.org().uuid(),
        contact.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(known) = known else { return Ok(None) };
    let channel = ChannelId::new(known.channel_id);
    let others = others(tx, scope, channel, contact, address).await?;
    let stays = match (change, others.first()) {
        // Its own messages come in under the address that holds now, perhaps at this moment: that contact stays.
        (Change::Moved(_), Some(other)) => *other,
        _ => contact,
    };
    for other in others.into_iter().chain([contact]).filter(|other| *other != stays) {
        merging::merge(tx, scope, stays, other).await?;
    }
    match change {
        Change::Moved(_) if stays == contact && known.external_id != *address => {
            move_to(tx, scope, channel, contact, address).await?;
        }
        Change::Moved(_) => {}
        Change::Also(_) => add(tx, scope, channel, stays, address).await?,
    }
    Ok(Some(stays))
}

/// The other contacts that are found by an address, in the order in which they came.
async fn others(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    contact: ContactId,
    address: &str,
) -> Result<Vec<ContactId>, Error> {
    let others = sqlx::query_scalar!(
        r#"
        SELECT c.id AS "id!" FROM channel_contacts c
        WHERE c.organization_id = $1 AND c.channel_id = $2 AND c.external_id = $3 AND c.id <> $4
              AND c.deleted_at IS NULL
        UNION
        SELECT c.id FROM channel_contacts c
        WHERE c.organization_id = $1 AND c.channel_id = $2 AND c.alt_external_id = $3 AND c.id <> $4
              AND c.deleted_at IS NULL
        UNION
        SELECT c.id FROM channel_contact_addresses a
        JOIN channel_contacts c ON c.organization_id = $1 AND c.id = a.contact_id AND c.deleted_at IS NULL
        WHERE a.organization_id = $1 AND a.channel_id = $2 AND a.external_id = $3 AND c.id <> $4
        ORDER BY 1
        "#,
        scope.org().uuid(),
        channel.uuid(),
        address,
        contact.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(others.into_iter().map(ContactId::new).collect())
}

/// Puts a contact under an address that nobody else has. The one that it stood under becomes the second, and what was the
/// second a further one.
async fn move_to(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    contact: ContactId,
    address: &str,
) -> Result<(), Error> {
    let org = scope.org().uuid();
    sqlx::query!(
        "DELETE FROM channel_contact_addresses WHERE organization_id = $1 AND channel_id = $2 AND external_id = $3",
        org,
        channel.uuid(),
        address,
    )
    .execute(&mut *tx.inner)
    .await?;
    let before = sqlx::query!(
        r#"
        UPDATE channel_contacts SET external_id = $3, alt_external_id = NULL
        WHERE organization_id = $1 AND id = $2
        RETURNING old.external_id AS "external_id!", old.alt_external_id AS "alt_external_id?"
        "#,
        org,
        contact.uuid(),
        address,
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    for old in [before.external_id].into_iter().chain(before.alt_external_id) {
        add(tx, scope, channel, contact, &old).await?;
    }
    Ok(())
}

/// Has a contact found by one more address: in its row where there is room, else beside it. What it has, it has once.
pub(super) async fn add(
    tx: &mut Tx,
    scope: &OrgScope,
    channel: ChannelId,
    contact: ContactId,
    address: &str,
) -> Result<(), Error> {
    let org = scope.org().uuid();
    let in_row = sqlx::query!(
        r#"
        UPDATE channel_contacts c SET alt_external_id = $4
        WHERE c.organization_id = $1 AND c.id = $2 AND c.alt_external_id IS NULL AND c.external_id <> $4
          AND NOT EXISTS (SELECT FROM channel_contacts o WHERE o.channel_id = $3 AND o.alt_external_id = $4)
          AND NOT EXISTS (SELECT FROM channel_contact_addresses a WHERE a.channel_id = $3 AND a.external_id = $4)
        "#,
        org,
        contact.uuid(),
        channel.uuid(),
        address,
    )
    .execute(&mut *tx.inner)
    .await?;
    if in_row.rows_affected() == 1 {
        return Ok(());
    }
    sqlx::query!(
        r#"
        INSERT INTO channel_contact_addresses (organization_id, channel_id, contact_id, external_id)
        SELECT $1, $3, $2, $4
        WHERE NOT EXISTS (
            SELECT FROM channel_contacts c
            WHERE c.organization_id = $1 AND c.id = $2 AND (c.external_id = $4 OR c.alt_external_id = $4))
        ON CONFLICT (channel_id, external_id) DO UPDATE SET contact_id = excluded.contact_id
        "#,
        org,
        contact.uuid(),
        channel.uuid(),
        address,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Every address of a contact, that of its row first.
#[tracing::instrument(level = "debug", name = "store.addresses.of", skip_all)]
pub async fn of(tx: &mut Tx, scope: &OrgScope, contact: ContactId) -> Result<Vec<String>, Error> {
    let all = sqlx::query_scalar!(
        r#"
        SELECT array_remove(ARRAY[c.external_id, c.alt_external_id], NULL) || ARRAY(
                   SELECT a.external_id FROM channel_contact_addresses a
                   WHERE a.organization_id = $1 AND a.contact_id = c.id ORDER BY a.created_at, a.external_id) AS "all!"
        FROM channel_contacts c WHERE c.organization_id = $1 AND c.id = $2
        "#,
        scope.org().uuid(),
        contact.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(all.unwrap_or_default())
}
