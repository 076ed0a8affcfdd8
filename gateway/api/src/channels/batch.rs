//! `/v1/messages/batch`: the same or different messages to many contacts of one channel, in their turns.

use std::collections::HashSet;

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_domain::{
    BotId, ChannelId, ChannelKind, ContactId, Content, ConversationId, EnvelopeId, MessageId, TraceContext,
    phone,
};
use botbuilder_store::{
    OrgScope, Tx,
    audit::audit_logs::Act,
    channels::{
        batches::{self, Recipient, To},
        channel_messages, channels,
        conversations::Whereabouts,
    },
    system::{bulk_messages, outbox_events},
    table::rows,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    media,
    outgoing::{self, LIFETIME, Timing},
    window,
};
use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, read, write},
    resource::act::{at, fields},
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/messages/batch";
/// Most messages of one call.
const MOST: usize = 1000;
/// The longest body, in bytes.
const BODY: usize = 8 * 1024 * 1024;
/// The time between two turns of an account whose network names no rate.
const APART: TimeDelta = TimeDelta::milliseconds(2);
/// All messages of a batch are written within this time after its id was made.
const WITHIN: TimeDelta = TimeDelta::minutes(5);

/// The routes of batches.
pub fn routes() -> Routes {
    let object = json!({ "type": "object" });
    let content =
        json!({ "text": { "type": "string", "minLength": 1, "maxLength": 40000 }, "content": object });
    let mut one = content.clone();
    one["contact_id"] = json!({ "type": "string", "format": "uuid" });
    one["to"] = json!({ "type": "string", "minLength": 1, "maxLength": 128 });
    let mut all = content;
    all["channel_id"] = json!({ "type": "string", "format": "uuid" });
    all["messages"] = json!({
        "type": "array", "minItems": 1, "maxItems": MOST,
        "items": { "type": "object", "properties": one, "additionalProperties": false },
    });
    Routes::new()
        .add(
            Operation::post(
                PATH,
                write(Area::Conversation),
                "messages to up to 1000 contacts, sent at the rate of the channel and after its replies",
            )
            .answers(202)
            .up_to(BODY)
            .takes(json!({
                "type": "object", "properties": all, "required": ["channel_id", "messages"],
                "additionalProperties": false,
            }))
            .gives(object.clone()),
            send,
        )
        .add(
            Operation::get(format!("{PATH}/{{id}}"), read(Area::Conversation), "how far a batch is")
                .gives(object),
            progress,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    channel_id: ChannelId,
    text: Option<String>,
    content: Option<Value>,
    messages: Vec<One>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    contact_id: Option<Uuid>,
    to: Option<String>,
    text: Option<String>,
    content: Option<Value>,
}

/// The channel that a batch goes to.
struct Over {
    id: ChannelId,
    kind: ChannelKind,
    bot: Option<BotId>,
    /// The time between two turns.
    every: TimeDelta,
    /// Whether anything but a template needs the contact to have written lately, and is refused without.
    refuses_outside: bool,
}

/// A message that is to be queued: its place in the call, whom it is for, and what it says.
struct Wanted {
    index: usize,
    to: To,
    content: Content,
}

async fn send(
    State(api): State<Api>,
    caller: Caller,
    Body(batch): Body<Batch>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if batch.messages.is_empty() || batch.messages.len() > MOST {
        return Err(ApiError::invalid("messages", format!("must have 1 to {MOST} messages")));
    }
    let usual = content("", batch.text, batch.content)?;
    if let Some(content) = &usual {
        media::are_kept(&api, &caller, content).await?;
    }
    let mut wanted = Vec::with_capacity(batch.messages.len());
    for (index, one) in batch.messages.into_iter().enumerate() {
        let field = format!("messages.{index}");
        let own = content(&format!("{field}."), one.text, one.content)?;
        if let Some(content) = &own {
            media::are_kept(&api, &caller, content).await?;
        }
        let content = own.or_else(|| usual.clone()).ok_or_else(|| {
            ApiError::invalid(format!("{field}.text"), "text or content must be here, or beside messages")
        })?;
        let to = match (one.contact_id, one.to) {
            (Some(contact), None) => To::Contact(contact),
            (None, Some(address)) if (1..=128).contains(&address.chars().count()) => {
                To::Address { address, alternatives: Vec::new() }
            }
            _ => return Err(ApiError::invalid(field, "either contact_id or to (an address) must be there")),
        };
        wanted.push(Wanted { index, to, content });
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let over = channel(&api, &mut tx, &caller, batch.channel_id).await?;
    for Wanted { to, .. } in &mut wanted {
        if let To::Address { address, alternatives } = to {
            (*address, *alternatives) = spelled(over.kind, address);
        }
    }
    limits::messages(&api, &mut tx, &caller.scope, wanted.len()).await?;
    let found = resolve(&api, &mut tx, caller.scope, &over, &wanted).await?;
    let answer = queue(&api, &mut tx, caller.scope, &over, wanted, found).await?;
    let act = Act::new("channel_messages.batch_sent", channels::TABLE.name, Some(over.id.uuid()));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "data": answer }))))
}

/// What a message says; none if nothing is said.
fn content(at: &str, text: Option<String>, content: Option<Value>) -> Result<Option<Content>, ApiError> {
    match (text, content) {
        (None, None) => Ok(None),
        (Some(text), None) if (1..=40_000).contains(&text.chars().count()) => Ok(Some(Content::text(text))),
        (Some(_), None) => Err(ApiError::invalid(format!("{at}text"), "must have 1 to 40000 characters")),
        (None, Some(content)) => serde_json::from_value(content)
            .map(Some)
            .map_err(|error| ApiError::invalid(format!("{at}content"), format!("is no message: {error}"))),
        (Some(_), Some(_)) => Err(ApiError::invalid(format!("{at}text"), "either text or content, not both")),
    }
}

async fn channel(api: &Api, tx: &mut Tx, caller: &Caller, id: ChannelId) -> Result<Over, ApiError> {
    let row = rows::get(tx, &caller.scope, &channels::TABLE, at(id.uuid()), None).await?;
    let row = fields(&row.ok_or_else(|| ApiError::invalid("channel_id", "there is no such channel"))?)?;
    let word = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = ChannelKind::parse(word("type")).ok_or(ApiError::NotAvailable("this kind of channel"))?;
    if word("status") != "active" {
        return Err(ApiError::conflict("wrong_state", "the channel is not active; connect it first"));
    }
    let nothing = Map::new();
    let settings = row.get("settings").and_then(Value::as_object).unwrap_or(&nothing);
    let (_, capabilities) = api
        .capabilities
        .iter()
        .find(|(of, _)| *of == kind)
        .ok_or(ApiError::NotAvailable("this kind of channel"))?;
    let rates = api.rates.iter().find(|(of, _)| *of == kind).map(|(_, rates)| *rates).unwrap_or_default();
    let every = rates.with_settings(settings).account.and_then(|rate| TimeDelta::from_std(rate.every).ok());
    Ok(Over {
        id,
        kind,
        bot: word("bot_id").parse::<Uuid>().ok().map(BotId::from),
        every: every.unwrap_or(APART),
        refuses_outside: capabilities.reply_window_hours.is_some() && window::refuses(settings),
    })
}

/// An address as contacts are kept, and the other spellings under which one may be known from before. WhatsApp's numbers
/// are typed with a plus and spaces, and in some countries with or without digits that the network adds.
pub(super) fn spelled(kind: ChannelKind, address: &str) -> (String, Vec<String>) {
    let digits = (kind == ChannelKind::Whatsapp).then(|| phone::digits(address)).flatten();
    let Some(digits) = digits else { return (address.to_owned(), Vec::new()) };
    let canonical = phone::canonical(&digits);
    let others = phone::other_spellings(&canonical);
    (canonical, others)
}

/// The recipients of the messages, in order. Addresses that were not known become contacts, and who has no open
/// conversation gets one.
async fn resolve(
    api: &Api,
    tx: &mut Tx,
    scope: OrgScope,
    over: &Over,
    wanted: &[Wanted],
) -> Result<Vec<Option<Recipient>>, ApiError> {
    let to: Vec<To> = wanted.iter().map(|wanted| wanted.to.clone()).collect();
    let mut found = batches::recipients(tx, &scope, over.id, &to).await?;
    // Two spellings of a number in one call are one new contact.
    let mut seen = HashSet::new();
    let new: Vec<(Uuid, &str)> = to
        .iter()
        .zip(&found)
        .filter_map(|(to, found)| match (to, found) {
            (To::Address { address, .. }, None) if seen.insert(address.as_str()) => {
                Some((api.ids.next(), address.as_str()))
            }
            _ => None,
        })
        .collect();
    if !new.is_empty() {
        batches::add_contacts(tx, &scope, over.id, &new).await?;
        found = batches::recipients(tx, &scope, over.id, &to).await?;
    }
    let without: Vec<(Uuid, ContactId)> = found
        .iter()
        .flatten()
        .filter(|recipient| recipient.conversation.is_none())
        .map(|recipient| (api.ids.next(), recipient.contact))
        .collect();
    if !without.is_empty() {
        batches::open_conversations(tx, &scope, over.id, over.bot, &without).await?;
        found = batches::recipients(tx, &scope, over.id, &to).await?;
    }
    Ok(found)
}

/// Writes the messages with their records, each for its turn, and says what became of each.
async fn queue(
    api: &Api,
    tx: &mut Tx,
    scope: OrgScope,
    over: &Over,
    wanted: Vec<Wanted>,
    found: Vec<Option<Recipient>>,
) -> Result<Value, ApiError> {
    let now = api.clock.now();
    let batch = MessageId::new(api.ids.next());
    let trace = TraceContext::starting(EnvelopeId::new(batch.uuid()));
    let mut turn = match bulk_messages::last_turn(tx, &scope, over.id).await? {
        Some(last) => now.max(last + over.every),
        None => now,
    };
    let first = turn;
    let (mut messages, mut events, mut conversations) = (Vec::new(), Vec::new(), Vec::new());
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for (wanted, recipient) in wanted.into_iter().zip(found) {
        let (recipient, conversation) = match admit(recipient, over, &wanted.content, turn) {
            Ok(admitted) => admitted,
            Err((code, detail)) => {
                refused.push(json!({ "index": wanted.index, "code": code, "detail": detail }));
                continue;
            }
        };
        let message = MessageId::new(api.ids.next());
        let to = Whereabouts {
            id: conversation,
            channel: over.id,
            kind: over.kind.as_str().to_owned(),
            bot: over.bot,
            address: recipient.address,
            thread: String::new(),
        };
        messages.push(outgoing::row(
            message,
            &to,
            recipient.contact,
            &wanted.content,
            &trace,
            turn + LIFETIME,
        ));
        let record = EnvelopeId::new(api.ids.next());
        let timing = Timing { at: turn, bulk: true, window: recipient.window_until, by_person: false };
        let record = (record, trace.clone());
        events.push(outgoing::event(scope, &to, over.kind, message, wanted.content, record, now, timing)?);
        conversations.push(conversation);
        accepted.push(json!({
            "index": wanted.index, "message_id": message, "contact_id": recipient.contact,
            "conversation_id": conversation, "due_at": turn,
        }));
        turn += over.every;
    }
    channel_messages::insert_many(tx, &scope, &messages).await?;
    outbox_events::insert_many(tx, &scope, &events).await?;
    batches::count(tx, &scope, &conversations, now).await?;
    Ok(json!({
        "id": batch,
        "operation": format!("{PATH}/{batch}"),
        "first_due_at": first,
        "last_due_at": turn - over.every,
        "accepted": accepted,
        "refused": refused,
    }))
}

/// The recipient with its conversation, or why it gets nothing: a code, and a sentence.
fn admit(
    recipient: Option<Recipient>,
    over: &Over,
    content: &Content,
    turn: DateTime<Utc>,
) -> Result<(Recipient, ConversationId), (&'static str, &'static str)> {
    let recipient = recipient.ok_or(("unknown_contact", "the channel has no such contact"))?;
    if recipient.opted_out {
        return Err(("opted_out", "the contact wants no such messages"));
    }
    if recipient.blocked {
        return Err(("blocked", "the contact is blocked, or has blocked the account"));
    }
    let open = recipient.window_until.is_some_and(|until| turn < until);
    if over.refuses_outside && !open && !matches!(content, Content::Template(_)) {
        return Err((
            "window_closed",
            "the contact has not written lately; the network takes only an approved template",
        ));
    }
    let conversation =
        recipient.conversation.ok_or(("unknown_contact", "the contact has just been removed"))?;
    Ok((recipient, conversation))
}

async fn progress(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let shares = batches::shares(&mut tx, &caller.scope, id, WITHIN).await?;
    tx.commit().await?;
    if shares.is_empty() {
        return Err(ApiError::NotFound);
    }
    let total: i64 = shares.iter().map(|share| share.messages).sum();
    let queued = shares.iter().find(|share| share.status == "queued").map_or(0, |share| share.messages);
    let by_status: Map<String, Value> =
        shares.into_iter().map(|share| (share.status, json!(share.messages))).collect();
    Ok(Json(json!({
        "data": {
            "id": id,
            "status": if queued == 0 { "done" } else { "running" },
            "total": total,
            "by_status": by_status,
        }
    })))
}
