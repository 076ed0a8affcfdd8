//! Writes turns: all of an organization's in one transaction.

use std::sync::Arc;

use botbuilder_domain::{MessageId, Stage, TrailEvent};
use botbuilder_flow::circumstances::Kept;
use botbuilder_store::{
    Error, OrgScope, Tx,
    agents::workflow_executions,
    channels::{
        addresses, channel_contacts,
        channel_messages::{self, New as NewMessage, Reported},
        channel_templates, channel_webhooks, channels, conversations,
        hand_offs::{self, Assigned},
        inbox,
        refusals::{self, Refusal},
        turn_effects,
    },
    experiments,
    flows::{conversation_turns, turn_circumstances},
    nlu::nlu_logs,
    system::{
        dedupe_keys, events,
        held_messages::{self, Heard},
        message_events, outbox_events,
    },
};
use botbuilder_stream::Record;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, json};

use crate::{
    Runtime,
    batch::Job,
    events::{self as told_events, of_turns},
    late,
    recording::Recorded,
    trail::read_entry,
    turn::{HandedOver, Turn},
};

/// How long after its end a window may still be seen as open, where nothing else is known.
const WINDOW_EDGE: TimeDelta = TimeDelta::minutes(1);

/// A record that was committed to the outbox and is to be published.
#[derive(Debug)]
pub struct Unpublished {
    /// Its position in the outbox.
    pub position: i64,
    /// The topic.
    pub topic: &'static str,
    /// The record.
    pub record: Record,
}

/// What a commit leaves to be done.
#[derive(Debug, Default)]
pub struct Committed {
    /// Records to publish at once, in order.
    pub unpublished: Vec<Unpublished>,
    /// Events that had come before and changed nothing.
    pub duplicates: usize,
}

impl Committed {
    /// Whether anything is to be published.
    pub const fn any(&self) -> bool {
        !self.unpublished.is_empty()
    }
}

/// Writes what the jobs change, each with its turn. Either all of it is durable when this resolves, or nothing is
/// written. An event that has come before changes nothing.
pub async fn commit(
    runtime: &Runtime,
    scope: &OrgScope,
    turns: Vec<(&Job, Turn)>,
    now: DateTime<Utc>,
) -> Result<Committed, Error> {
    let mut tx = runtime.store.begin_turn(scope).await?;

    let keys: Vec<dedupe_keys::New> = turns.iter().flat_map(|(_, turn)| turn.keys.clone()).collect();
    let mut free = dedupe_keys::take_many(&mut tx, scope, &keys, now).await?.into_iter();
    let mut fresh = Vec::with_capacity(turns.len());
    let mut duplicates = Vec::new();
    for (job, turn) in turns {
        // The first key decides; the others only lead to the message.
        let is_free: Vec<bool> = free.by_ref().take(turn.keys.len()).collect();
        if is_free.first().copied().unwrap_or(true) { fresh.push(turn) } else { duplicates.push(job) }
    }

    let contacts: Vec<_> = fresh.iter().filter_map(|turn| turn.contact.clone()).collect();
    channel_contacts::upsert_many(&mut tx, scope, &contacts, now).await?;
    let (known, new): (Vec<_>, Vec<_>) = fresh
        .iter()
        .filter_map(|turn| turn.conversation.as_ref())
        .partition(|conversation| conversation.expected.is_some());
    conversations::insert_many(&mut tx, scope, &new, now).await?;
    conversations::update_many(&mut tx, scope, &known, now).await?;
    let mut told = of_turns(&fresh, &*runtime.ids, now);
    let messages: Vec<NewMessage> =
        fresh.iter_mut().flat_map(|turn| std::mem::take(&mut turn.messages)).collect();
    channel_messages::insert_many(&mut tx, scope, &messages).await?;
    // Behind everything of contacts and conversations: where two contacts become one, it moves with them.
    for (contact, change) in fresh.iter().flat_map(|turn| &turn.addresses) {
        addresses::change(&mut tx, scope, *contact, change).await?;
    }
    for conversation in fresh.iter().flat_map(|turn| &turn.answered) {
        inbox::answered(&mut tx, scope, *conversation).await?;
    }
    let reports: Vec<Reported> = fresh.iter_mut().filter_map(|turn| turn.report.take()).collect();
    let read: Vec<(MessageId, DateTime<Utc>)> =
        reports.iter().filter(|report| report.and_before).map(|report| (report.id, report.at)).collect();
    let refused: Vec<(MessageId, Refusal)> = reports
        .iter()
        .filter_map(|report| Some((report.id, Refusal::of(&report.failure.as_ref()?.code)?)))
        .collect();
    for reports in once_each(reports) {
        channel_messages::apply_statuses(&mut tx, scope, &reports).await?;
    }
    for (message, refusal) in &refused {
        // A window that has just ended is believed to be open for a moment longer; of this one it is known better.
        let at = if *refusal == Refusal::Window { now - WINDOW_EDGE } else { now };
        refusals::note(&mut tx, scope, *message, *refusal, at).await?;
    }
    let closed: Vec<MessageId> = refused
        .iter()
        .filter(|(_, refusal)| *refusal == Refusal::Window)
        .map(|(message, _)| *message)
        .collect();
    let late = late::take_up(&mut tx, scope, &closed, &*runtime.ids, now).await?;
    told.events.retain(|event| !told_events::is_failure_of(event, &late.messages));
    let mut trail = late.trail;
    for (named, at) in read {
        for message in channel_messages::read_before(&mut tx, scope, named, at).await? {
            told.events.push(told_events::read(message, at, &*runtime.ids, now));
            trail.push(read_entry(scope.org(), message, named, at, now));
        }
    }
    for (message, file) in fresh.iter().filter_map(|turn| turn.part.as_ref()) {
        channel_messages::append_file(&mut tx, scope, *message, file).await?;
    }
    for amended in fresh.iter().filter_map(|turn| turn.amendment.as_ref()) {
        channel_messages::amend(&mut tx, scope, amended).await?;
    }
    let (released, released_trail) = release(&mut tx, scope, &mut fresh, now).await?;
    let replies = fresh.iter_mut().flat_map(|turn| std::mem::take(&mut turn.outbox));
    let outbox: Vec<outbox_events::New> = late.outbox.into_iter().chain(replies).collect();
    let positions = outbox_events::insert_many(&mut tx, scope, &outbox).await?;
    for handoff in fresh.iter().filter_map(|turn| turn.handoff.as_ref()) {
        let member = hand_off(&mut tx, scope, handoff, now).await?;
        told.events.extend(told_events::handed_off(handoff, member, &*runtime.ids, now));
    }
    for (channel, name, standing) in fresh.iter().filter_map(|turn| turn.standing.as_ref()) {
        if channels::set_standing(&mut tx, scope, *channel, name, standing, now).await? {
            told.events.push(told_events::stopped(*channel, name, standing, &*runtime.ids, now));
        }
    }
    events::note(&mut tx, scope, runtime.ids.next(), &told).await?;
    trail.extend(fresh.iter_mut().flat_map(|turn| std::mem::take(&mut turn.trail)));
    trail.extend(released_trail);
    trail.extend(duplicate_entries(&mut tx, scope, &duplicates, now).await?);
    message_events::insert_many(&mut tx, scope, &trail, &*runtime.ids).await?;
    effects(&mut tx, scope, &fresh, now).await?;
    let webhooks: Vec<channel_webhooks::New> =
        fresh.iter_mut().filter_map(|turn| turn.webhook.take()).collect();
    channel_webhooks::insert_many(&mut tx, scope, &webhooks, now).await?;
    let recorded: Vec<Recorded> = fresh.iter_mut().filter_map(|turn| turn.recorded.take()).collect();
    let new = record(&mut tx, scope, recorded, now).await?;

    tx.commit().await?;
    for circumstances in new {
        circumstances.note_stored(now);
    }

    let replies = outbox.into_iter().zip(positions).filter(|(row, _)| row.available_at <= now).map(
        |(row, position)| Unpublished {
            position,
            topic: row.topic,
            record: Record::new(row.partition_key, row.payload.to_string()),
        },
    );
    let unpublished = released.into_iter().chain(replies).collect();
    Ok(Committed { unpublished, duplicates: duplicates.len() })
}

/// Takes up what waited for contacts that wrote. Their rows were written before, so nobody holds a message for them any
/// more that this does not see. The answer is the records, which go out before the replies, and the entries of trails.
async fn release(
    tx: &mut Tx,
    scope: &OrgScope,
    turns: &mut [Turn],
    now: DateTime<Utc>,
) -> Result<(Vec<Unpublished>, Vec<TrailEvent>), Error> {
    let heard: Vec<Heard> = turns.iter_mut().flat_map(|turn| std::mem::take(&mut turn.heard)).collect();
    if heard.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let released = held_messages::release(tx, scope, &heard, now).await?;
    let trail = released
        .iter()
        .map(|released| TrailEvent {
            org: scope.org(),
            message: released.message,
            conversation: None,
            channel: None,
            at: now,
            stage: Stage::Released,
            attempt: 0,
            provider_code: None,
            duration_us: None,
            detail: Map::from_iter([("reason".to_owned(), json!("the contact wrote"))]),
            trace_id: None,
        })
        .collect();
    let records = released.into_iter().map(|released| Unpublished {
        position: released.record.position,
        topic: crate::OUTBOUND,
        record: Record::new(released.record.partition_key, released.record.payload.to_string()),
    });
    Ok((records.collect(), trail))
}

/// Writes what is kept of turns, so that they can be made again. What is stored anew of what they depended on.
async fn record(
    tx: &mut Tx,
    scope: &OrgScope,
    recorded: Vec<Recorded>,
    now: DateTime<Utc>,
) -> Result<Vec<Arc<Kept>>, Error> {
    let mut new: Vec<Arc<Kept>> = Vec::new();
    let mut rows = Vec::with_capacity(recorded.len());
    for Recorded { row, circumstances } in recorded {
        let is_known =
            circumstances.is_stored(now) || new.iter().any(|one| one.digest == circumstances.digest);
        if !is_known {
            turn_circumstances::keep(tx, scope, &circumstances.digest, &circumstances.json, now).await?;
            new.push(circumstances);
        }
        rows.push(row);
    }
    conversation_turns::insert_many(tx, scope, &rows).await?;
    Ok(new)
}

/// Writes what turns change besides conversations and messages. Few turns change anything of it.
async fn effects(tx: &mut Tx, scope: &OrgScope, turns: &[Turn], now: DateTime<Utc>) -> Result<(), Error> {
    for turn in turns {
        for tags in &turn.tags {
            turn_effects::tag(tx, scope, tags).await?;
        }
        for exposure in &turn.exposures {
            experiments::expose(tx, scope, exposure, now).await?;
        }
        for conversion in &turn.conversions {
            experiments::convert(tx, scope, conversion, now).await?;
        }
        for attribute in &turn.attributes {
            turn_effects::remember(tx, scope, attribute).await?;
        }
        if let Some((conversation, failure)) = turn.ended {
            workflow_executions::end(tx, scope, conversation, failure, now).await?;
        }
        for meant in &turn.meant {
            nlu_logs::queue(tx, scope, meant).await?;
        }
        if let Some(contact) = turn.opted_out {
            turn_effects::opt_out(tx, scope, contact, now).await?;
        }
        if let Some((channel, change)) = &turn.template {
            channel_templates::change(tx, scope, *channel, change, now).await?;
        }
        for mail in &turn.mails {
            turn_effects::mail(tx, scope, mail, now).await?;
        }
    }
    Ok(())
}

/// Hands a conversation over. The answer is who has it now.
async fn hand_off(
    tx: &mut Tx,
    scope: &OrgScope,
    handoff: &HandedOver,
    now: DateTime<Utc>,
) -> Result<Option<Assigned>, Error> {
    let priority = told_events::priority(handoff.priority);
    hand_offs::hand_off(tx, scope, handoff.conversation, priority, handoff.note.as_deref(), now).await
}

/// Splits reports so that no statement speaks twice of one message: an update would apply only one of the two.
fn once_each(reports: Vec<Reported>) -> Vec<Vec<Reported>> {
    let mut statements: Vec<Vec<Reported>> = Vec::new();
    for report in reports {
        let place = statements.iter().position(|known| known.iter().all(|other| other.id != report.id));
        match place.and_then(|index| statements.get_mut(index)) {
            Some(statement) => statement.push(report),
            None => statements.push(vec![report]),
        }
    }
    statements
}

/// The entries that say of a message that it came again.
async fn duplicate_entries(
    tx: &mut Tx,
    scope: &OrgScope,
    duplicates: &[&Job],
    now: DateTime<Utc>,
) -> Result<Vec<TrailEvent>, Error> {
    let keys: Vec<(String, String)> = duplicates
        .iter()
        .map(|job| (dedupe_keys::inbound_scope(job.envelope.channel), job.envelope.body.dedupe.clone()))
        .collect();
    let messages = dedupe_keys::resolve_many(tx, scope, &keys).await?;
    Ok(duplicates
        .iter()
        .zip(messages)
        .filter_map(|(job, message)| {
            Some(TrailEvent {
                org: scope.org(),
                message: message?,
                conversation: None,
                channel: Some(job.envelope.channel),
                at: now,
                stage: Stage::Deduplicated,
                attempt: 0,
                provider_code: None,
                duration_us: None,
                detail: Map::new(),
                trace_id: job.envelope.trace.trace_id().map(str::to_owned),
            })
        })
        .collect())
}
