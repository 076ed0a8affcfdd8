//! `channel_contacts`: an end user on one channel.

mod table;

use botbuilder_domain::{ChannelId, ContactId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::table::TABLE;
use crate::{Error, OrgScope, Tx};

/// What a turn knows of a contact: a new row, or what it changes on the row that is there.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The id, used when the contact is new.
    pub id: ContactId,
    /// The channel.
    pub channel: ChannelId,
    /// The address on the channel.
    pub external_id: String,
    /// A second address of the same person.
    pub alt_external_id: Option<String>,
    /// The name as it is shown.
    pub display_name: Option<String>,
    /// The name on the network.
    pub username: Option<String>,
    /// A telephone number in E.164.
    pub phone: Option<String>,
    /// The language.
    pub locale: Option<String>,
    /// Messages that came in with this turn.
    pub inbound: i32,
    /// Messages that go out with this turn.
    pub outbound: i32,
    /// Until when anything may be sent, where the channel has such a rule.
    pub window_until: Option<DateTime<Utc>>,
    /// Whether the person now refuses our messages; none leaves it.
    pub blocked: Option<bool>,
}

/// Writes contacts, new or known. Each `(channel, external_id)` occurs once in `seen`.
#[tracing::instrument(level = "debug", name = "store.channel_contacts.upsert_many", skip_all)]
pub async fn upsert_many(
    tx: &mut Tx,
    scope: &OrgScope,
    seen: &[Seen],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if seen.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(seen.len());
    let mut channels: Vec<Uuid> = Vec::with_capacity(seen.len());
    let mut external: Vec<&str> = Vec::with_capacity(seen.len());
    let mut alternative: Vec<Option<&str>> = Vec::with_capacity(seen.len());
    let mut names: Vec<Option<&str>> = Vec::with_capacity(seen.len());
    let mut usernames: Vec<Option<&str>> = Vec::with_capacity(seen.len());
    let mut phones: Vec<Option<&str>> = Vec::with_capacity(seen.len());
    let mut locales: Vec<Option<&str>> = Vec::with_capacity(seen.len());
    let mut inbound: Vec<i32> = Vec::with_capacity(seen.len());
    let mut outbound: Vec<i32> = Vec::with_capacity(seen.len());
    let mut windows: Vec<Option<DateTime<Utc>>> = Vec::with_capacity(seen.len());
    let mut blocked: Vec<Option<bool>> = Vec::with_capacity(seen.len());
    for contact in seen {
        ids.push(contact.id.uuid());
        channels.push(contact.channel.uuid());
        external.push(&contact.external_id);
        alternative.push(contact.alt_external_id.as_deref());
        names.push(contact.display_name.as_deref());
        usernames.push(contact.username.as_deref());
        phones.push(contact.phone.as_deref());
        locales.push(contact.locale.as_deref());
        inbound.push(contact.inbound);
        outbound.push(contact.outbound);
        windows.push(contact.window_until);
        blocked.push(contact.blocked);
    }
    sqlx::query!(
        r#"
        INSERT INTO channel_contacts AS c
            (organization_id, id, channel_id, external_id, alt_external_id, display_name, username, phone, locale,
             inbound_count, outbound_count, window_until, blocked_at, blocked_by, first_seen_at, last_seen_at,
             last_inbound_at)
        SELECT $1, k.id, k.channel, k.external, k.alternative, left(k.name, 200), left(k.username, 128),
               k.phone, left(k.locale, 16), k.inbound, k.outbound, k.window_until,
               CASE WHEN k.blocked THEN $14::timestamptz END, CASE WHEN k.blocked THEN 'them' END, $14, $14,
               CASE WHEN k.inbound > 0 THEN $14::timestamptz END
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                    $9::text[], $10::int[], $11::int[], $12::timestamptz[], $13::bool[])
             AS k(id, channel, external, alternative, name, username, phone, locale, inbound, outbound,
                  window_until, blocked)
        ON CONFLICT (channel_id, external_id) DO UPDATE SET
            alt_external_id = coalesce(excluded.alt_external_id, c.alt_external_id),
            display_name = coalesce(excluded.display_name, c.display_name),
            username = coalesce(excluded.username, c.username),
            phone = coalesce(excluded.phone, c.phone),
            locale = coalesce(c.locale, excluded.locale),
            inbound_count = c.inbound_count + excluded.inbound_count,
            outbound_count = c.outbound_count + excluded.outbound_count,
            window_until = greatest(excluded.window_until, c.window_until),
            last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at),
            last_inbound_at = coalesce(excluded.last_inbound_at, c.last_inbound_at),
            -- Who writes to us has unblocked us. Whom we blocked stays so, whatever they do.
            blocked_at = CASE WHEN c.blocked_by = 'us' THEN c.blocked_at
                              WHEN excluded.blocked_at IS NOT NULL THEN excluded.blocked_at
                              WHEN excluded.inbound_count > 0 THEN NULL ELSE c.blocked_at END,
            blocked_by = CASE WHEN c.blocked_by = 'us' THEN 'us'
                              WHEN excluded.blocked_at IS NOT NULL THEN 'them'
                              WHEN excluded.inbound_count > 0 THEN NULL ELSE c.blocked_by END,
            deleted_at = NULL
        "#,
        scope.org().uuid(),
        &ids,
        &channels,
        &external as &[&str],
        &alternative as &[Option<&str>],
        &names as &[Option<&str>],
        &usernames as &[Option<&str>],
        &phones as &[Option<&str>],
        &locales as &[Option<&str>],
        &inbound,
        &outbound,
        &windows as &[Option<DateTime<Utc>>],
        &blocked as &[Option<bool>],
        now,
    )
    .execute(&mut *tx.inner)
    .await?;
    let freed = seen.iter().filter(|contact| contact.blocked == Some(false));
    let (channels, external): (Vec<Uuid>, Vec<&str>) =
        freed.map(|contact| (contact.channel.uuid(), contact.external_id.as_str())).unzip();
    if !external.is_empty() {
        sqlx::query!(
            r#"
            UPDATE channel_contacts c SET blocked_at = NULL, blocked_by = NULL
            FROM unnest($2::uuid[], $3::text[]) AS k(channel, external)
            WHERE c.organization_id = $1 AND c.channel_id = k.channel AND c.external_id = k.external
              AND c.blocked_by = 'them'
            "#,
            scope.org().uuid(),
            &channels,
            &external as &[&str],
        )
        .execute(&mut *tx.inner)
        .await?;
    }
    Ok(())
}

/// What a visitor, or the site a visitor is on, tells about the visitor.
#[derive(Debug, Clone)]
pub struct Details {
    /// The id, used when the contact is new.
    pub id: ContactId,
    /// The channel.
    pub channel: ChannelId,
    /// The address on the channel.
    pub external_id: String,
    /// The name as it is shown.
    pub display_name: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// Attributes by name, added to those that are there: a JSON object. Null takes one away.
    pub attributes: serde_json::Value,
}

/// Writes what is told about a contact, new or known. What is not told stays.
#[tracing::instrument(level = "debug", name = "store.channel_contacts.tell", skip_all)]
pub async fn tell(tx: &mut Tx, scope: &OrgScope, details: &Details, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO channel_contacts AS c
            (organization_id, id, channel_id, external_id, display_name, email, attributes, first_seen_at, last_seen_at)
        VALUES ($1, $2, $3, $4, left($5, 200), $6::text::citext, jsonb_strip_nulls($7::jsonb), $8, $8)
        ON CONFLICT (channel_id, external_id) DO UPDATE SET
            display_name = coalesce(excluded.display_name, c.display_name),
            email = coalesce(excluded.email, c.email),
            attributes = jsonb_strip_nulls(c.attributes || $7::jsonb),
            last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at)
        "#,
        scope.org().uuid(),
        details.id.uuid(),
        details.channel.uuid(),
        details.external_id,
        details.display_name,
        details.email,
        details.attributes,
        now
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}
