//! `conversations`: the thread between a contact and an organization on one channel, with the runtime's state.

mod table;

use botbuilder_domain::{BotId, ChannelId, ContactId, ConversationId, OrgId, VersionId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

pub use self::table::TABLE;
use crate::{Error, OrgScope, Tx};

/// Which conversation a turn is about: looked up by address, because that is what the record knows.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The channel.
    pub channel: ChannelId,
    /// The addresses that the contact may stand under; the first that is known decides.
    pub addresses: Vec<String>,
    /// The thread within the address.
    pub thread: String,
}

/// What is known of a contact and its open conversation.
#[derive(Debug, Clone)]
pub struct Known {
    /// The contact.
    pub contact: ContactId,
    /// The address under which the contact's row stands; it may be the other of two.
    pub external_id: String,
    /// The other address.
    pub alt_external_id: Option<String>,
    /// Further addresses.
    pub more: Vec<String>,
    /// The addresses of the question under which somebody else stands: the same person, kept as another contact.
    pub elsewhere: Vec<String>,
    /// The name as it is shown.
    pub display_name: Option<String>,
    /// The language.
    pub locale: Option<String>,
    /// What is kept with the contact, an object.
    pub attributes: Value,
    /// Whether an operator blocked the contact: no bot answers it.
    pub blocked_by_us: bool,
    /// The open conversation, if there is one.
    pub conversation: Option<Open>,
}

impl Known {
    /// Whether the contact is found by this address.
    pub fn is_at(&self, address: &str) -> bool {
        self.addresses().any(|known| known == address)
    }

    /// Every address of the contact, the one of its row first.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        [&self.external_id].into_iter().chain(&self.alt_external_id).chain(&self.more).map(String::as_str)
    }
}

/// An open conversation.
#[derive(Debug, Clone)]
pub struct Open {
    /// Its id.
    pub id: ConversationId,
    /// Whether the bot answers, or a person.
    pub mode: String,
    /// The flow version it is pinned to.
    pub version: Option<VersionId>,
    /// The runtime's state; an empty object at first.
    pub state: Value,
    /// Compared and set with each turn.
    pub state_version: i32,
    /// The stream whose record was last applied.
    pub stream: Option<String>,
    /// That record's offset.
    pub offset: Option<i64>,
    /// When its earliest timer is due.
    pub next_timer_at: Option<DateTime<Utc>>,
    /// The state that the last recorded turn left.
    pub recorded_version: Option<i32>,
    /// Since when its recorded turns can be followed.
    pub recorded_since: Option<DateTime<Utc>>,
}

/// Finds contacts and their open conversations; the answers are in the order of the questions.
#[tracing::instrument(level = "debug", name = "store.conversations.find_many", skip_all)]
pub async fn find_many(
    tx: &mut Tx,
    scope: &OrgScope,
    lookups: &[Lookup],
) -> Result<Vec<Option<Known>>, Error> {
    // A row for each address that is asked for.
    let mut places = Vec::with_capacity(lookups.len());
    let mut channels: Vec<Uuid> = Vec::with_capacity(lookups.len());
    let mut addresses: Vec<&str> = Vec::with_capacity(lookups.len());
    let mut threads: Vec<&str> = Vec::with_capacity(lookups.len());
    for (place, lookup) in lookups.iter().enumerate() {
        for address in &lookup.addresses {
            places.push(place);
            channels.push(lookup.channel.uuid());
            addresses.push(address);
            threads.push(&lookup.thread);
        }
    }
    let rows = sqlx::query!(
        r#"
        SELECT k.ord AS "ord!", c.id AS "contact!", c.external_id AS "external_id!", c.alt_external_id,
               ARRAY(SELECT a.external_id FROM channel_contact_addresses a
                     WHERE a.organization_id = $1 AND a.contact_id = c.id) AS "more!",
               c.display_name, c.locale,
               c.attributes AS "attributes!", c.blocked_by IS NOT DISTINCT FROM 'us' AS "blocked_by_us!",
               v.id AS "conversation?", v.mode AS "mode?", v.active_version_id,
               v.runtime_state AS "state?", v.state_version AS "state_version?", v.state_stream, v.state_offset,
               v.next_timer_at, v.recorded_version, v.recorded_since
        FROM unnest($2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY AS k(channel, address, thread, ord)
        CROSS JOIN LATERAL (
            SELECT c.id, c.external_id, c.alt_external_id, c.display_name, c.locale, c.attributes, c.blocked_by
            FROM channel_contacts c
            WHERE c.organization_id = $1 AND c.channel_id = k.channel AND c.external_id = k.address
            UNION ALL
            SELECT c.id, c.external_id, c.alt_external_id, c.display_name, c.locale, c.attributes, c.blocked_by
            FROM channel_contacts c
            WHERE c.organization_id = $1 AND c.channel_id = k.channel AND c.alt_external_id = k.address
            UNION ALL
            SELECT c.id, c.external_id, c.alt_external_id, c.display_name, c.locale, c.attributes, c.blocked_by
            FROM channel_contact_addresses a
            JOIN channel_contacts c ON c.organization_id = $1 AND c.id = a.contact_id
            WHERE a.organization_id = $1 AND a.channel_id = k.channel AND a.external_id = k.address
            LIMIT 1
        ) c
        LEFT JOIN conversations v ON v.organization_id = $1 AND v.channel_id = k.channel
             AND v.contact_id = c.id AND v.thread_ref = k.thread AND v.status <> 'closed'
        ORDER BY k.ord
        "#,
        scope.org().uuid(),
        &channels,
        &addresses as &[&str],
        &threads as &[&str],
    )
    .fetch_all(&mut *tx.inner)
    .await?;

    let mut found: Vec<Option<Known>> = vec![None; lookups.len()];
    for row in rows {
        let asked = usize::try_from(row.ord - 1).ok();
        let asked = asked.and_then(|index| Some((*places.get(index)?, *addresses.get(index)?)));
        let Some((Some(place), address)) = asked.map(|(place, address)| (found.get_mut(place), address))
        else {
            continue;
        };
        // The first address has decided.
        if let Some(known) = place {
            if known.contact != row.contact.into() {
                known.elsewhere.push(address.to_owned());
            }
            continue;
        }
        let conversation = match (row.conversation, row.mode, row.state, row.state_version) {
            (Some(id), Some(mode), Some(state), Some(state_version)) => Some(Open {
                id: id.into(),
                mode,
                version: row.active_version_id.map(VersionId::from),
                state,
                state_version,
                stream: row.state_stream,
                offset: row.state_offset,
                next_timer_at: row.next_timer_at,
                recorded_version: row.recorded_version,
                recorded_since: row.recorded_since,
            }),
            _ => None,
        };
        *place = Some(Known {
            contact: row.contact.into(),
            external_id: row.external_id,
            alt_external_id: row.alt_external_id,
            more: row.more,
            elsewhere: Vec::new(),
            display_name: row.display_name,
            locale: row.locale,
            attributes: row.attributes,
            blocked_by_us: row.blocked_by_us,
            conversation,
        });
    }
    Ok(found)
}

/// A conversation as a turn leaves it: a new row, or the next state of the row that is there.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Its id.
    pub id: ConversationId,
    /// The state version the turn began with; none for a new conversation.
    pub expected: Option<i32>,
    /// The channel.
    pub channel: ChannelId,
    /// The contact.
    pub contact: ContactId,
    /// The thread within the address.
    pub thread: String,
    /// The bot that answers.
    pub bot: Option<BotId>,
    /// The flow version it is pinned to.
    pub version: Option<VersionId>,
    /// The runtime's state.
    pub state: Value,
    /// The stream and partition whose record was applied.
    pub stream: String,
    /// That record's offset.
    pub offset: i64,
    /// When its earliest timer is due.
    pub next_timer_at: Option<DateTime<Utc>>,
    /// Messages that came in with this turn.
    pub inbound: i32,
    /// Messages that go out with this turn.
    pub outbound: i32,
    /// Where the turn is recorded: since when the conversation's records can be followed.
    pub recorded_since: Option<DateTime<Utc>>,
}

/// Opens new conversations. One that is open already under another writer is a conflict.
#[tracing::instrument(level = "debug", name = "store.conversations.insert_many", skip_all)]
pub async fn insert_many(
    tx: &mut Tx,
    scope: &OrgScope,
    new: &[&Saved],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(new);
    sqlx::query!(
        r#"
        INSERT INTO conversations
            (organization_id, id, channel_id, contact_id, thread_ref, bot_id, active_version_id, runtime_state,
             state_version, state_stream, state_offset, next_timer_at, message_count, unread_count,
             recorded_since, recorded_version, last_message_at, last_inbound_at, last_outbound_at)
        SELECT $1, k.id, k.channel, k.contact, k.thread, k.bot, k.version, k.state, 1, k.stream, k.off,
               k.timer, k.inbound + k.outbound, k.inbound,
               k.recorded, CASE WHEN k.recorded IS NOT NULL THEN 1 END,
               CASE WHEN k.inbound + k.outbound > 0 THEN $14::timestamptz END,
               CASE WHEN k.inbound > 0 THEN $14::timestamptz END, CASE WHEN k.outbound > 0 THEN $14::timestamptz END
        FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::jsonb[],
                    $9::text[], $10::bigint[], $11::timestamptz[], $12::int[], $13::int[], $15::timestamptz[])
             AS k(id, channel, contact, thread, bot, version, state, stream, off, timer, inbound, outbound, recorded)
        "#,
        scope.org().uuid(),
        &columns.ids,
        &columns.channels,
        &columns.contacts,
        &columns.threads as &[&str],
        &columns.bots as &[Option<Uuid>],
        &columns.versions as &[Option<Uuid>],
        &columns.states as &[&Value],
        &columns.streams as &[&str],
        &columns.offsets,
        &columns.timers as &[Option<DateTime<Utc>>],
        &columns.inbound,
        &columns.outbound,
        now,
        &columns.recorded as &[Option<DateTime<Utc>>],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// Writes the next state of known conversations. Refused as [`Error::Stale`] if any of them has moved on since it
/// was loaded: a former owner of the partition writes nothing.
#[tracing::instrument(level = "debug", name = "store.conversations.update_many", skip_all)]
pub async fn update_many(
    tx: &mut Tx,
    scope: &OrgScope,
    known: &[&Saved],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if known.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(known);
    let expected: Vec<i32> = known.iter().map(|saved| saved.expected.unwrap_or(0)).collect();
    let done = sqlx::query!(
        r#"
        UPDATE conversations v SET
            active_version_id = k.version, runtime_state = k.state, state_version = v.state_version + 1,
            state_stream = k.stream, state_offset = k.off, next_timer_at = k.timer,
            recorded_since = coalesce(k.recorded, v.recorded_since),
            recorded_version =
                CASE WHEN k.recorded IS NOT NULL THEN v.state_version + 1 ELSE v.recorded_version END,
            message_count = v.message_count + k.inbound + k.outbound,
            unread_count = v.unread_count + k.inbound,
            -- Who writes is not to be waited for any longer.
            status = CASE WHEN k.inbound > 0 AND v.status IN ('pending', 'snoozed') THEN 'open' ELSE v.status END,
            snoozed_until = CASE WHEN k.inbound > 0 THEN NULL ELSE v.snoozed_until END,
            last_message_at = CASE WHEN k.inbound + k.outbound > 0 THEN $11::timestamptz ELSE v.last_message_at END,
            last_inbound_at = CASE WHEN k.inbound > 0 THEN $11::timestamptz ELSE v.last_inbound_at END,
            last_outbound_at = CASE WHEN k.outbound > 0 THEN $11::timestamptz ELSE v.last_outbound_at END
        FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::jsonb[], $6::text[], $7::bigint[], $8::timestamptz[],
                    $9::int[], $10::int[], $12::timestamptz[])
             AS k(id, expected, version, state, stream, off, timer, inbound, outbound, recorded)
        WHERE v.organization_id = $1 AND v.id = k.id AND v.state_version = k.expected
        "#,
        scope.org().uuid(),
        &columns.ids,
        &expected,
        &columns.versions as &[Option<Uuid>],
        &columns.states as &[&Value],
        &columns.streams as &[&str],
        &columns.offsets,
        &columns.timers as &[Option<DateTime<Utc>>],
        &columns.inbound,
        &columns.outbound,
        now,
        &columns.recorded as &[Option<DateTime<Utc>>],
    )
    .execute(&mut *tx.inner)
    .await?;
    if done.rows_affected() == known.len() as u64 { Ok(()) } else { Err(Error::Stale) }
}

/// The columns of several conversations, for `unnest`.
struct Columns<'a> {
    ids: Vec<Uuid>,
    channels: Vec<Uuid>,
    contacts: Vec<Uuid>,
    threads: Vec<&'a str>,
    bots: Vec<Option<Uuid>>,
    versions: Vec<Option<Uuid>>,
    states: Vec<&'a Value>,
    streams: Vec<&'a str>,
    offsets: Vec<i64>,
    timers: Vec<Option<DateTime<Utc>>>,
    inbound: Vec<i32>,
    outbound: Vec<i32>,
    recorded: Vec<Option<DateTime<Utc>>>,
}

impl<'a> Columns<'a> {
    fn of(saved: &[&'a Saved]) -> Self {
        Self {
            ids: saved.iter().map(|row| row.id.uuid()).collect(),
            channels: saved.iter().map(|row| row.channel.uuid()).collect(),
            contacts: saved.iter().map(|row| row.contact.uuid()).collect(),
            threads: saved.iter().map(|row| row.thread.as_str()).collect(),
            bots: saved.iter().map(|row| row.bot.map(BotId::uuid)).collect(),
            versions: saved.iter().map(|row| row.version.map(VersionId::uuid)).collect(),
            states: saved.iter().map(|row| &row.state).collect(),
            streams: saved.iter().map(|row| row.stream.as_str()).collect(),
            offsets: saved.iter().map(|row| row.offset).collect(),
            timers: saved.iter().map(|row| row.next_timer_at).collect(),
            inbound: saved.iter().map(|row| row.inbound).collect(),
            outbound: saved.iter().map(|row| row.outbound).collect(),
            recorded: saved.iter().map(|row| row.recorded_since).collect(),
        }
    }
}

/// A conversation whose timer is due.
#[derive(Debug, Clone)]
pub struct Due {
    /// The tenant.
    pub org: OrgId,
    /// The conversation.
    pub id: ConversationId,
    /// When it was due.
    pub due: DateTime<Utc>,
}

/// The conversations whose timer is due, earliest first, across organizations; those behind `after`, where one is named.
/// A conversation that is closed keeps its timer for when it is opened again, and does not wake meanwhile.
/// Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.conversations.due", skip_all)]
pub async fn due(
    tx: &mut Tx,
    now: DateTime<Utc>,
    after: Option<&Due>,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    let rows = sqlx::query!(
        r#"
        SELECT organization_id, id, next_timer_at AS "due!" FROM conversations
        WHERE status <> 'closed' AND next_timer_at <= $1 AND next_timer_at >= $3 AND (next_timer_at, id) > ($3, $4)
        ORDER BY next_timer_at, id LIMIT $2
        "#,
        now,
        limit,
        after.map_or(DateTime::<Utc>::UNIX_EPOCH, |after| after.due),
        after.map_or(Uuid::nil(), |after| after.id.uuid()),
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Due { org: row.organization_id.into(), id: row.id.into(), due: row.due })
        .collect())
}

/// Where a conversation is held: what a record about it has to say.
#[derive(Debug, Clone)]
pub struct Whereabouts {
    /// The conversation.
    pub id: ConversationId,
    /// The channel.
    pub channel: ChannelId,
    /// The channel's kind, as stored.
    pub kind: String,
    /// The bot that answers.
    pub bot: Option<BotId>,
    /// The contact's address.
    pub address: String,
    /// The thread within the address.
    pub thread: String,
}

/// Where these conversations are held.
#[tracing::instrument(level = "debug", name = "store.conversations.whereabouts", skip_all)]
pub async fn whereabouts(
    tx: &mut Tx,
    scope: &OrgScope,
    ids: &[ConversationId],
) -> Result<Vec<Whereabouts>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT v.id, v.channel_id, ch.type AS kind, v.bot_id, c.external_id, v.thread_ref
        FROM conversations v
        JOIN channel_contacts c ON c.organization_id = v.organization_id AND c.id = v.contact_id
        JOIN channels ch ON ch.organization_id = v.organization_id AND ch.id = v.channel_id
        WHERE v.organization_id = $1 AND v.id = ANY($2)
        "#,
        scope.org().uuid(),
        &ids,
    )
    .fetch_all(&mut *tx.inner)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Whereabouts {
            id: row.id.into(),
            channel: row.channel_id.into(),
            kind: row.kind,
            bot: row.bot_id.map(BotId::from),
            address: row.external_id,
            thread: row.thread_ref,
        })
        .collect())
}
