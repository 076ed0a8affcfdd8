//! `channel_messages`: every message in or out, and its delivery.

mod table;

mod attempts;
mod echoes;
mod late;
mod seen;
mod uncertain;

pub use attempts::{Bar, Claim, Outcome, Settled, Wanted, claim_many, settle_many};
pub use echoes::unanswered;
pub use late::{TakenUp, is_on_its_way, take_up_refused};
pub use seen::read_before;
pub use uncertain::{GivenUp, UNHEARD, give_up_uncertain};

use botbuilder_domain::{
    BotId, ChannelId, ContactId, Content, ConversationId, DeliveryStatus, Failure, Media, MessageId,
    VersionId,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::table::TABLE;
use crate::{
    Error, OrgScope, Tx,
    flows::conversation_turns,
    system::message_events::{self, Entry},
};

/// A message to be written with a turn.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id; the row's `created_at` is the instant inside.
    pub id: MessageId,
    /// The channel.
    pub channel: ChannelId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The contact.
    pub contact: ContactId,
    /// The bot that answers on the channel.
    pub bot: Option<BotId>,
    /// Which way it goes, and what belongs to that.
    pub direction: Direction,
    /// The word for what it holds: a content's kind, `reaction`, `system` or `unsupported`.
    pub kind: &'static str,
    /// The text a person reads in it.
    pub text: Option<String>,
    /// Everything it holds.
    pub payload: Value,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

/// Which way a message goes.
#[derive(Debug, Clone)]
pub enum Direction {
    /// From the contact.
    Inbound {
        /// The provider's id of it.
        provider_id: Option<String>,
        /// When the provider says it was written.
        provider_ts: Option<DateTime<Utc>>,
    },
    /// To the contact; queued for sending.
    Outbound {
        /// The flow version that wrote it.
        version: Option<VersionId>,
        /// After this instant it is not sent.
        expires_at: DateTime<Utc>,
    },
    /// To the contact, and there already: a person wrote it outside of this platform.
    Elsewhere {
        /// The provider's id of it.
        provider_id: String,
        /// When it was sent.
        at: DateTime<Utc>,
    },
}

/// The files of ours that a message carries, as they stand in `media`: there already, as none has to be fetched.
fn own_files(payload: &Value) -> Value {
    let items = match payload.get("items").and_then(Value::as_array) {
        Some(items) => items.as_slice(),
        None => std::slice::from_ref(payload),
    };
    let files = items.iter().filter_map(|item| {
        let digest = item.get("url").and_then(Value::as_str)?.strip_prefix("object:")?;
        Some(json!({
            "status": "stored", "sha256": digest, "type": item.get("mime_type"), "size": item.get("size"),
            "name": item.get("file_name"),
        }))
    });
    files.collect()
}

/// Writes messages: those that came in as received, those that go out as queued and due at once.
#[tracing::instrument(level = "debug", name = "store.channel_messages.insert_many", skip_all)]
pub async fn insert_many(tx: &mut Tx, scope: &OrgScope, new: &[New]) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(new.len());
    let mut created: Vec<DateTime<Utc>> = Vec::with_capacity(new.len());
    let mut channels: Vec<Uuid> = Vec::with_capacity(new.len());
    let mut conversations: Vec<Uuid> = Vec::with_capacity(new.len());
    let mut contacts: Vec<Uuid> = Vec::with_capacity(new.len());
    let mut bots: Vec<Option<Uuid>> = Vec::with_capacity(new.len());
    let mut ways: Vec<&str> = Vec::with_capacity(new.len());
    let mut kinds: Vec<&str> = Vec::with_capacity(new.len());
    let mut texts: Vec<Option<&str>> = Vec::with_capacity(new.len());
    let mut payloads: Vec<&Value> = Vec::with_capacity(new.len());
    let mut traces: Vec<Option<&str>> = Vec::with_capacity(new.len());
    let mut provider_ids: Vec<Option<&str>> = Vec::with_capacity(new.len());
    let mut provider_times: Vec<Option<DateTime<Utc>>> = Vec::with_capacity(new.len());
    let mut versions: Vec<Option<Uuid>> = Vec::with_capacity(new.len());
    let mut expiries: Vec<Option<DateTime<Utc>>> = Vec::with_capacity(new.len());
    let mut files: Vec<Value> = Vec::with_capacity(new.len());
    let mut answered: Vec<Option<Uuid>> = Vec::with_capacity(new.len());
    for message in new {
        answered.push(message.reply_to.map(MessageId::uuid));
        ids.push(message.id.uuid());
        created.push(message.id.created_at());
        channels.push(message.channel.uuid());
        conversations.push(message.conversation.uuid());
        contacts.push(message.contact.uuid());
        bots.push(message.bot.map(BotId::uuid));
        kinds.push(message.kind);
        texts.push(message.text.as_deref());
        payloads.push(&message.payload);
        traces.push(message.trace_id.as_deref());
        match &message.direction {
            Direction::Inbound { provider_id, provider_ts } => {
                ways.push("inbound");
                files.push(json!([]));
                provider_ids.push(provider_id.as_deref());
                provider_times.push(*provider_ts);
                versions.push(None);
                expiries.push(None);
            }
            Direction::Outbound { version, expires_at } => {
                ways.push("outbound");
                files.push(own_files(&message.payload));
                provider_ids.push(None);
                provider_times.push(None);
                versions.push(version.map(VersionId::uuid));
                expiries.push(Some(*expires_at));
            }
            Direction::Elsewhere { provider_id, at } => {
                ways.push("elsewhere");
                files.push(json!([]));
                provider_ids.push(Some(provider_id));
                provider_times.push(Some(*at));
                versions.push(None);
                expiries.push(None);
            }
        }
    }
    sqlx::query!(
        r#"
        INSERT INTO channel_messages
            (organization_id, id, created_at, channel_id, conversation_id, contact_id, bot_id, direction,
             sender_type, kind, text, payload, status, trace_id, provider_message_id, provider_ts,
             flow_version_id, expires_at, media, next_attempt_at, client_ref, sent_at,
             reply_to_id, reply_to_created_at)
        SELECT $1, k.id, k.created, k.channel, k.conversation, k.contact, k.bot,
               CASE WHEN k.way = 'inbound' THEN 'inbound' ELSE 'outbound' END,
               CASE k.way WHEN 'inbound' THEN 'contact' WHEN 'outbound' THEN 'bot' ELSE 'agent' END,
               k.kind, left(k.text, 40000), k.payload,
               CASE k.way WHEN 'inbound' THEN 'received' WHEN 'outbound' THEN 'queued' ELSE 'sent' END,
               k.trace, left(k.provider_id, 255), k.provider_ts, k.version, k.expires, k.files,
               CASE WHEN k.way = 'outbound' THEN k.created END,
               CASE WHEN k.way = 'outbound' THEN k.id::text END,
               CASE WHEN k.way = 'elsewhere' THEN k.provider_ts END, k.answered, app.uuid_v7_ts(k.answered)
        FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[],
                    $9::text[], $10::text[], $11::jsonb[], $12::text[], $13::text[], $14::timestamptz[],
                    $15::uuid[], $16::timestamptz[], $17::jsonb[], $18::uuid[])
             AS k(id, created, channel, conversation, contact, bot, way, kind, text, payload, trace,
                  provider_id, provider_ts, version, expires, files, answered)
        "#,
        scope.org().uuid(),
        &ids,
        &created,
        &channels,
        &conversations,
        &contacts,
        &bots as &[Option<Uuid>],
        &ways as &[&str],
        &kinds as &[&str],
        &texts as &[Option<&str>],
        &payloads as &[&Value],
        &traces as &[Option<&str>],
        &provider_ids as &[Option<&str>],
        &provider_times as &[Option<DateTime<Utc>>],
        &versions as &[Option<Uuid>],
        &expiries as &[Option<DateTime<Utc>>],
        &files,
        &answered as &[Option<Uuid>],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A state that a provider reported.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The message.
    pub id: MessageId,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// When, as the provider tells it.
    pub at: DateTime<Utc>,
    /// The provider's id of the message, for those whose own response was never processed.
    pub provider_id: String,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Whether it holds for everything that the contact was sent before, too ([`read_before`]).
    pub and_before: bool,
}

/// Moves messages forward to the state that was reported; backward moves are kept out by the table's guard. A
/// report also settles an uncertain attempt. That a part which was known to be taken arrived says nothing of a message
/// whose other parts are still to be sent, or failed; nor does what is said of an id under which the provider refused it
/// before. Each message occurs once.
#[tracing::instrument(level = "debug", name = "store.channel_messages.apply_statuses", skip_all)]
pub async fn apply_statuses(tx: &mut Tx, scope: &OrgScope, reported: &[Reported]) -> Result<(), Error> {
    if reported.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(reported.len());
    let mut created: Vec<DateTime<Utc>> = Vec::with_capacity(reported.len());
    let mut statuses: Vec<&str> = Vec::with_capacity(reported.len());
    let mut times: Vec<DateTime<Utc>> = Vec::with_capacity(reported.len());
    let mut provider_ids: Vec<&str> = Vec::with_capacity(reported.len());
    let mut codes: Vec<Option<&str>> = Vec::with_capacity(reported.len());
    let mut reasons: Vec<Option<&str>> = Vec::with_capacity(reported.len());
    for report in reported {
        ids.push(report.id.uuid());
        created.push(report.id.created_at());
        statuses.push(report.status.as_str());
        times.push(report.at);
        provider_ids.push(&report.provider_id);
        codes.push(report.failure.as_ref().map(|failure| failure.code.as_str()));
        reasons.push(report.failure.as_ref().map(|failure| failure.message.as_str()));
    }
    sqlx::query!(
        r#"
        UPDATE channel_messages m SET
            status = k.status,
            -- A later state that came first has filled in the instants of the earlier ones.
            sent_at = CASE WHEN k.status <> 'failed' AND m.sent_at IN (m.delivered_at, m.read_at)
                           THEN least(m.sent_at, k.at)
                           WHEN k.status = 'sent' THEN coalesce(m.sent_at, k.at)
                           ELSE m.sent_at END,
            delivered_at = CASE WHEN k.status = 'delivered' THEN least(m.delivered_at, k.at)
                                ELSE m.delivered_at END,
            read_at = CASE WHEN k.status = 'read' THEN coalesce(m.read_at, k.at) ELSE m.read_at END,
            provider_message_id = coalesce(m.provider_message_id, left(k.provider_id, 255)),
            uncertain_at = NULL,
            error_code = CASE WHEN k.status = 'failed' THEN left(k.code, 64) ELSE m.error_code END,
            error_message = CASE WHEN k.status = 'failed' THEN left(k.reason, 1000) ELSE m.error_message END
        FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                    $8::text[])
             AS k(id, created, status, at, provider_id, code, reason)
        WHERE m.id = k.id AND m.created_at = k.created AND m.organization_id = $1 AND m.direction = 'outbound'
          AND NOT (k.status <> 'failed' AND m.status IN ('queued', 'failed')
                   AND coalesce(m.payload -> 'parts' ? k.provider_id, FALSE))
          AND NOT coalesce(m.payload -> 'refused' ? k.provider_id, FALSE)
        "#,
        scope.org().uuid(),
        &ids,
        &created,
        &statuses as &[&str],
        &times,
        &provider_ids as &[&str],
        &codes as &[Option<&str>],
        &reasons as &[Option<&str>],
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A contact's change of a message.
#[derive(Debug, Clone)]
pub struct Amended {
    /// The message.
    pub id: MessageId,
    /// What it holds now; none if it was removed.
    pub content: Option<Content>,
    /// When, as the provider tells it.
    pub at: DateTime<Utc>,
}

/// Writes a contact's change of a message. The latest change stands, in whatever order they come, and what was removed
/// stays removed, together with what was recorded of the conversation's steps.
#[tracing::instrument(level = "debug", name = "store.channel_messages.amend", skip_all)]
pub async fn amend(tx: &mut Tx, scope: &OrgScope, amended: &Amended) -> Result<(), Error> {
    let Amended { id, content, at } = amended;
    let payload = content.as_ref().map_or_else(|| json!({}), |content| json!(content));
    sqlx::query!(
        r#"
        UPDATE channel_messages SET
            text = left($4, 40000),
            -- What was written below an album changes; its files stay.
            payload = CASE WHEN payload ->> 'kind' = 'album' AND $5::jsonb ->> 'kind' = 'media' THEN payload
                           ELSE $5 END,
            media = CASE WHEN $6 THEN '[]'::jsonb ELSE media END,
            edited_at = CASE WHEN $6 THEN NULL ELSE $7 END,
            redacted_at = CASE WHEN $6 THEN $7 END
        WHERE id = $2 AND created_at = $3 AND organization_id = $1 AND redacted_at IS NULL
          AND ($6 OR edited_at IS NULL OR edited_at <= $7)
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        content.as_ref().and_then(Content::plain_text),
        payload,
        content.is_none(),
        at,
    )
    .execute(&mut *tx.inner)
    .await?;
    if content.is_none() {
        // What the message said may stand in any later step of its conversation.
        conversation_turns::forget_message(tx, scope, *id).await?;
    }
    Ok(())
}

/// What a message holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// Everything it holds.
    pub payload: Value,
    /// The provider's id of it.
    pub provider_message_id: Option<String>,
}

/// What a message holds; none if there is no such message, or it was emptied.
#[tracing::instrument(level = "debug", name = "store.channel_messages.held", skip_all)]
pub async fn held(tx: &mut Tx, scope: &OrgScope, id: MessageId) -> Result<Option<Held>, Error> {
    Ok(sqlx::query_as!(
        Held,
        r#"
        SELECT payload, provider_message_id FROM channel_messages
        WHERE id = $2 AND created_at = $3 AND organization_id = $1 AND redacted_at IS NULL
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// Adds a file to a message of several. What was fetched of it so far is fetched anew, so that all stand in their order.
#[tracing::instrument(level = "debug", name = "store.channel_messages.append_file", skip_all)]
pub async fn append_file(tx: &mut Tx, scope: &OrgScope, id: MessageId, file: &Media) -> Result<(), Error> {
    sqlx::query!(
        r#"
        UPDATE channel_messages SET
            payload = jsonb_set(payload, '{items}', coalesce(payload -> 'items', '[]'::jsonb) || $4::jsonb),
            text = coalesce(text, left($5, 40000)), media = '[]', next_attempt_at = NULL, attempts = 0
        WHERE id = $2 AND created_at = $3 AND organization_id = $1 AND redacted_at IS NULL
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
        json!([file]),
        file.caption,
    )
    .execute(&mut *tx.inner)
    .await?;
    Ok(())
}

/// A message as its trail begins: what it is and how far it has come.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Summary {
    /// Its id.
    pub id: Uuid,
    /// Its conversation.
    pub conversation_id: Uuid,
    /// Its channel.
    pub channel_id: Uuid,
    /// `inbound` or `outbound`.
    pub direction: String,
    /// What it holds.
    pub kind: String,
    /// The text a person reads in it.
    pub text: Option<String>,
    /// Everything it holds.
    pub payload: Value,
    /// Its files: `status` (`stored` or `failed`), `sha256`, `type`, `size` in bytes, `name`.
    pub media: Value,
    /// How far it has come.
    pub status: String,
    /// The provider's id of it.
    pub provider_message_id: Option<String>,
    /// Sending attempts begun.
    pub attempts: i32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When the provider took it.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it arrived.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was seen.
    pub read_at: Option<DateTime<Utc>>,
    /// When it failed.
    pub failed_at: Option<DateTime<Utc>>,
    /// Since when an attempt is uncertain.
    pub uncertain_at: Option<DateTime<Utc>>,
    /// Our code of its failure.
    pub error_code: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

impl Summary {
    /// The trail of this message from what was stored of it: a message that goes out begins as queued.
    pub fn trail(&self, mut stored: Vec<Entry>) -> Vec<Entry> {
        if self.direction == "outbound" {
            stored.insert(0, message_events::queued(self.created_at));
        }
        stored
    }
}

/// One message.
#[tracing::instrument(level = "debug", name = "store.channel_messages.get", skip_all)]
pub async fn get(tx: &mut Tx, scope: &OrgScope, id: MessageId) -> Result<Option<Summary>, Error> {
    Ok(sqlx::query_as!(
        Summary,
        r#"
        SELECT id, conversation_id, channel_id, direction, kind, text, payload, media, status,
               provider_message_id, attempts, created_at, sent_at, delivered_at, read_at, failed_at, uncertain_at, error_code, error_message, trace_id
        FROM channel_messages WHERE id = $2 AND created_at = $3 AND organization_id = $1
        "#,
        scope.org().uuid(),
        id.uuid(),
        id.created_at(),
    )
    .fetch_optional(&mut *tx.inner)
    .await?)
}

/// The messages of a conversation that belong to the same trace: what came in, and what was answered.
#[tracing::instrument(level = "debug", name = "store.channel_messages.of_trace", skip_all)]
pub async fn of_trace(
    tx: &mut Tx,
    scope: &OrgScope,
    conversation: ConversationId,
    trace_id: &str,
) -> Result<Vec<Summary>, Error> {
    Ok(sqlx::query_as!(
        Summary,
        r#"
        SELECT id, conversation_id, channel_id, direction, kind, text, payload, media, status,
               provider_message_id, attempts, created_at, sent_at, delivered_at, read_at, failed_at, uncertain_at, error_code, error_message, trace_id
        FROM channel_messages WHERE conversation_id = $2 AND trace_id = $3 AND organization_id = $1
        ORDER BY created_at, id LIMIT 200
        "#,
        scope.org().uuid(),
        conversation.uuid(),
        trace_id,
    )
    .fetch_all(&mut *tx.inner)
    .await?)
}

/// The tenant of a message, known by its id alone. Needs [`crate::Store::begin_worker`].
#[tracing::instrument(level = "debug", name = "store.channel_messages.organization_of", skip_all)]
pub async fn organization_of(tx: &mut Tx, id: MessageId) -> Result<Option<botbuilder_domain::OrgId>, Error> {
    let org = sqlx::query_scalar!(
        "SELECT organization_id FROM channel_messages WHERE id = $1 AND created_at = $2",
        id.uuid(),
        id.created_at()
    )
    .fetch_optional(&mut *tx.inner)
    .await?;
    Ok(org.map(botbuilder_domain::OrgId::from))
}
