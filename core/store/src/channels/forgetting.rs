//! What else was written down of a person or of a message, beside their own rows: what the recognizer read, and callbacks as
//! they came. It goes with them.

use botbuilder_domain::{ContactId, MessageId};

use crate::{Error, OrgScope, Tx};

/// Empties what was kept of a contact's texts and callbacks, and takes back what is queued for it. Called while the contact
/// still has its addresses: callbacks are found by them.
#[tracing::instrument(level = "debug", name = "store.forgetting.contact", skip_all)]
pub(super) async fn contact(tx: &mut Tx, scope: &OrgScope, id: ContactId) -> Result<(), Error> {
    let (org, id) = (scope.org().uuid(), id.uuid());
    sqlx::query!(
        r#"
        UPDATE nlu_logs SET text = '', entities = '[]',
               review_state = CASE review_state WHEN 'queued' THEN 'dismissed' ELSE review_state END
        WHERE organization_id = $1 AND conversation_id IN (
            SELECT id FROM conversations WHERE organization_id = $1 AND contact_id = $2)
        "#,
        org,
        id,
    )
    .execute(&mut *tx.inner)
    .await?;
    // An address stands in callbacks as a text, with Telegram as a number: in messages, edits, reactions and reports. None of
    // what is looked for may be null, which would be found in callbacks of everybody.
    sqlx::query!(
        r#"
        UPDATE channel_webhooks w SET payload = '{}'
        FROM channel_contacts c
        WHERE c.organization_id = $1 AND c.id = $2 AND w.organization_id = $1 AND w.channel_id = c.channel_id
          AND jsonb_path_exists(w.payload, '$.** ? (@ == $a[*] || @ == $n)', jsonb_build_object(
                'a', to_jsonb(array_remove(ARRAY[c.external_id, c.alt_external_id], NULL) || ARRAY(
                         SELECT a.external_id FROM channel_contact_addresses a
                         WHERE a.organization_id = $1 AND a.contact_id = c.id)),
                'n', CASE WHEN c.external_id ~ '^-?[0-9]{1,18}$' THEN to_jsonb(c.external_id::numeric)
                          ELSE to_jsonb(c.external_id) END))
        "#,
        org,
        id,
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE channel_messages SET status = 'failed', error_code = 'contact_erased',
               error_message = 'the contact was erased before it was sent'
        WHERE organization_id = $1 AND contact_id = $2 AND direction = 'outbound' AND status = 'queued'
        "#,
        org,
        id,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Empties what was kept of a message: the recognizer's note, and the callback that it came in, with all that came in it.
#[tracing::instrument(level = "debug", name = "store.forgetting.message", skip_all)]
pub(super) async fn message(tx: &mut Tx, scope: &OrgScope, id: MessageId) -> Result<(), Error> {
    let (org, uuid) = (scope.org().uuid(), id.uuid());
    sqlx::query!(
        r#"
        UPDATE nlu_logs SET text = '', entities = '[]',
               review_state = CASE review_state WHEN 'queued' THEN 'dismissed' ELSE review_state END
        WHERE organization_id = $1 AND message_id = $2
        "#,
        org,
        uuid,
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE channel_webhooks w SET payload = '{}'
        FROM channel_messages m, message_events e
        WHERE m.organization_id = $1 AND m.id = $2 AND m.created_at = $3
          AND e.organization_id = $1 AND e.message_id = $2 AND e.stage = 'appended'
          AND w.organization_id = $1 AND w.channel_id = m.channel_id AND w.stream_ref = e.detail ->> 'stream'
        "#,
        org,
        uuid,
        id.created_at(),
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
