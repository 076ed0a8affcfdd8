//! The addresses of a contact: one that takes the place of another, and a second one that becomes known.

use botbuilder_domain::ContactId;

use super::merging;
use crate::{Error, OrgScope, Tx};

/// What becomes known of a contact's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The contact is found under this address from now on. The one before stays as the second, for what is still said
    /// of it.
    Moved(String),
    /// This is a second address of the same person.
    Also(String),
}

/// Notes a change. Where another contact of the channel has that address they are one person, and become one: history,
/// conversations and a refusal of messages are never lost on the way. The answer is the contact that is there from now
/// on; none where there is no such contact.
#[tracing::instrument(level = "debug", name = "store.addresses.change", skip_all)]
pub async fn change(
    tx: &mut Tx,
    scope: &OrgScope,
    contact: ContactId,
    change: &Change,
) -> Result<Option<ContactId>, Error> {
    let (Change::Moved(address) | Change::Also(address)) = change;
    let org = scope.org().uuid();
    let known = sqlx::query!(
        r#"
        SELECT channel_id, external_id, alt_external_id FROM channel_contacts
        WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE
        "#,
        org,
        contact.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    let Some(known) = known else { return Ok(None) };
    let is_second = known.alt_external_id.as_deref() == Some(address);
    if known.external_id == *address || (is_second && matches!(change, Change::Also(_))) {
        return Ok(Some(contact));
    }
    let other = sqlx::query_scalar!(
        r#"
        SELECT id FROM channel_contacts
        WHERE organization_id = $1 AND channel_id = $2 AND (external_id = $3 OR alt_external_id = $3) AND id <> $4
              AND deleted_at IS NULL
        LIMIT 1
        "#,
        org,
        known.channel_id,
        address,
        contact.uuid(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?
    .map(ContactId::new);
    let stays = match (change, other) {
        // Its own messages come in under the address that holds now, perhaps at this moment: that contact stays.
        (Change::Moved(_), Some(other)) => {
            merging::merge(tx, scope, other, contact).await?;
            other
        }
        (Change::Also(_), Some(other)) => {
            merging::merge(tx, scope, contact, other).await?;
            contact
        }
        (Change::Moved(_), None) => {
            sqlx::query!(
                r#"
                UPDATE channel_contacts c SET external_id = $3,
                    alt_external_id = CASE WHEN NOT EXISTS (
                        SELECT 1 FROM channel_contacts o
                        WHERE o.channel_id = c.channel_id AND o.alt_external_id = c.external_id AND o.id <> c.id)
                        THEN c.external_id END
                WHERE organization_id = $1 AND id = $2
                "#,
                org,
                contact.uuid(),
                address,
            )
            .execute(&mut *tx.inner)
            .await?;
            contact
        }
        (Change::Also(_), None) => {
            sqlx::query!(
                "UPDATE channel_contacts SET alt_external_id = $3 WHERE organization_id = $1 AND id = $2",
                org,
                contact.uuid(),
                address,
            )
            .execute(&mut *tx.inner)
            .await?;
            contact
        }
    };
    Ok(Some(stays))
}
