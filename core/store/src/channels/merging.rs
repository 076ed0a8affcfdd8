//! Contacts that are one person: which may be, and how two become one.

use botbuilder_domain::{ChannelId, ContactId};
use serde_json::Value;

use super::addresses;
use crate::{Error, OrgScope, Tx};

/// What became of two contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// They are one now. Both were on one channel, and what was the other's has moved.
    Moved,
    /// They are on different channels, where each has its own address; they share a `customer_ref` now.
    Linked,
    /// There is no such pair.
    Unknown,
}

/// Other contacts that may be the same person: they share a telephone number, an e-mail address or a `customer_ref`.
/// Each as a JSON object with what it shares in `shares`, last seen first.
#[tracing::instrument(level = "debug", name = "store.merging.suggestions", skip_all)]
pub async fn suggestions(tx: &mut Tx, scope: &OrgScope, id: ContactId) -> Result<Vec<Value>, Error> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT jsonb_build_object(
                   'id', o.id, 'channel_id', o.channel_id, 'display_name', o.display_name, 'phone', o.phone,
                   'email', o.email, 'customer_ref', o.customer_ref, 'last_seen_at', o.last_seen_at,
                   'shares', array_remove(ARRAY[
                       CASE WHEN o.phone = c.phone THEN 'phone' END,
                       CASE WHEN o.email = c.email THEN 'email' END,
                       CASE WHEN o.customer_ref = c.customer_ref THEN 'customer_ref' END], NULL)) AS "other!"
        FROM channel_contacts c
        JOIN channel_contacts o ON o.organization_id = $1 AND o.id <> c.id AND o.deleted_at IS NULL
             AND (o.phone = c.phone OR o.email = c.email OR o.customer_ref = c.customer_ref)
        WHERE c.organization_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
        ORDER BY o.last_seen_at DESC LIMIT 50
        "#,
        scope.org().uuid(),
        id.uuid(),
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// Makes two contacts one. `keep` gets what it lacks from `other`; a refusal of messages by either holds. On one channel
/// the other's conversations and messages move, all its addresses lead to `keep`, and it is marked deleted.
#[tracing::instrument(level = "debug", name = "store.merging.merge", skip_all)]
pub async fn merge(
    tx: &mut Tx,
    scope: &OrgScope,
    keep: ContactId,
    other: ContactId,
) -> Result<Merged, Error> {
    let org = scope.org().uuid();
    // Both are held in the order of their ids, so that two merges of one pair wait for each other.
    let held = sqlx::query!(
        r#"
        SELECT id, channel_id, external_id, alt_external_id, customer_ref FROM channel_contacts
        WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL ORDER BY id FOR UPDATE
        "#,
        org,
        &[keep.uuid(), other.uuid()],
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    let find = |id: ContactId| held.iter().find(|row| row.id == id.uuid());
    let (Some(kept), Some(gone)) = (find(keep), find(other)) else { return Ok(Merged::Unknown) };
    if keep == other {
        return Ok(Merged::Unknown);
    }
    if kept.channel_id != gone.channel_id {
        let shared = kept.customer_ref.clone().or_else(|| gone.customer_ref.clone());
        let shared = shared.unwrap_or_else(|| format!("merged:{keep}"));
        sqlx::query!(
            "UPDATE channel_contacts SET customer_ref = $3 WHERE organization_id = $1 AND id = ANY($2)",
            org,
            &[keep.uuid(), other.uuid()],
            shared,
        )
        .execute(&mut *tx.inner)
        .await?;
        return Ok(Merged::Linked);
    }
    // One conversation of a thread is open at a time: where both have one, the other's ends.
    sqlx::query!(
        r#"
        UPDATE conversations o SET status = 'closed', closed_at = now(), closed_reason = 'merged', next_timer_at = NULL
        WHERE o.organization_id = $1 AND o.contact_id = $3 AND o.status <> 'closed' AND EXISTS (
            SELECT 1 FROM conversations k
            WHERE k.organization_id = $1 AND k.contact_id = $2 AND k.channel_id = o.channel_id
              AND k.thread_ref = o.thread_ref AND k.status <> 'closed')
        "#,
        org,
        keep.uuid(),
        other.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        "UPDATE conversations SET contact_id = $2 WHERE organization_id = $1 AND contact_id = $3",
        org,
        keep.uuid(),
        other.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        "UPDATE channel_messages SET contact_id = $2 WHERE organization_id = $1 AND contact_id = $3",
        org,
        keep.uuid(),
        other.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    // Addresses have to be free before the contact that is kept can take them.
    let before = sqlx::query!(
        r#"
        UPDATE channel_contacts SET external_id = 'merged:' || id, alt_external_id = NULL, deleted_at = now()
        WHERE organization_id = $1 AND id = $2
        RETURNING display_name, username, phone, email::text, avatar_url, locale, timezone, tags, attributes, customer_ref,
                  consent, consent_at, blocked_at, blocked_by, first_seen_at, last_seen_at, last_inbound_at, window_until,
                  inbound_count, outbound_count
        "#,
        org,
        other.uuid(),
    )
    .fetch_one(&mut *tx.inner)
    .await?;
    sqlx::query!(
        r#"
        UPDATE channel_contacts SET
            display_name = coalesce(display_name, $3), username = coalesce(username, $4), phone = coalesce(phone, $5),
            email = coalesce(email, $6::text::citext), avatar_url = coalesce(avatar_url, $7),
            locale = coalesce(locale, $8), timezone = coalesce(timezone, $9),
            tags = ARRAY(SELECT DISTINCT tag FROM unnest(tags || $10::text[]) tag ORDER BY tag),
            attributes = $11 || attributes, customer_ref = coalesce(customer_ref, $12),
            consent = CASE WHEN 'opted_out' IN (consent, $13) THEN 'opted_out'
                           WHEN 'opted_in' IN (consent, $13) THEN 'opted_in' ELSE consent END,
            consent_at = greatest(consent_at, $14), blocked_at = coalesce(blocked_at, $15),
            blocked_by = CASE WHEN 'us' IN (blocked_by, $22) THEN 'us' ELSE coalesce(blocked_by, $22) END,
            first_seen_at = least(first_seen_at, $16), last_seen_at = greatest(last_seen_at, $17),
            last_inbound_at = greatest(last_inbound_at, $18), window_until = greatest(window_until, $19),
            inbound_count = inbound_count + $20, outbound_count = outbound_count + $21
        WHERE organization_id = $1 AND id = $2
        "#,
        org,
        keep.uuid(),
        before.display_name,
        before.username,
        before.phone,
        before.email,
        before.avatar_url,
        before.locale,
        before.timezone,
        &before.tags,
        before.attributes,
        before.customer_ref,
        before.consent,
        before.consent_at,
        before.blocked_at,
        before.first_seen_at,
        before.last_seen_at,
        before.last_inbound_at,
        before.window_until,
        before.inbound_count,
        before.outbound_count,
        before.blocked_by,
    )
    .execute(&mut *tx.inner)
    .await?;
    sqlx::query!(
        "UPDATE channel_contact_addresses SET contact_id = $2 WHERE organization_id = $1 AND contact_id = $3",
        org,
        keep.uuid(),
        other.uuid(),
    )
    .execute(&mut *tx.inner)
    .await?;
    let channel = ChannelId::new(gone.channel_id);
    for address in [&gone.external_id].into_iter().chain(&gone.alt_external_id) {
        addresses::add(tx, scope, channel, keep, address).await?;
    }
    Ok(Merged::Moved)
}
