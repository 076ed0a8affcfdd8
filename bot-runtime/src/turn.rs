//! Decides what one event changes: pure, from what was loaded to what is to be written.

use std::collections::BTreeMap;

use botbuilder_domain::{
    ChannelId, ContactId, Content, ConversationId, Ids, Inbound, InboundEvent, Media, MessageId, Outbound,
    Sender, TemplateChange, TrailEvent,
};
use botbuilder_flow::{
    Context, Effect, Email, Event, Input, Next, Priority, Session, Sprint, experiment::Experiment, step,
};
use botbuilder_store::{
    channels::{
        channel_contacts::Seen,
        channel_messages::{Amended, Direction, New as NewMessage, Reported},
        channel_webhooks,
        conversations::Saved,
        turn_effects::{Attribute, Mail, Tags},
    },
    experiments::{Conversion, Exposure},
    nlu::nlu_logs,
    system::{dedupe_keys, held_messages::Heard, outbox_events},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    INBOUND, Options,
    batch::Job,
    contact::{contact, heard, reply_window},
    files,
    load::{Loaded, note_joining, reference_key},
    opt_out,
    recording::{self, Recorded},
    records::{Until, asked, outgoing, put_off, reply, wait_for_parts},
    trail::{arrival, over_whole, status_entry},
};

/// Everything one event changes. Written in one transaction, or not at all.
#[derive(Debug, Default)]
pub struct Turn {
    /// What makes the event the same when it comes again; the first key decides. Empty for an event put off.
    pub keys: Vec<dedupe_keys::New>,
    /// The contact.
    pub contact: Option<Seen>,
    /// The conversation's next state.
    pub conversation: Option<Saved>,
    /// Messages, in and out, in order.
    pub messages: Vec<NewMessage>,
    /// A state that the provider reported.
    pub report: Option<Reported>,
    /// A message that the contact changed or took back.
    pub amendment: Option<Amended>,
    /// A file that belongs to a message that is there already.
    pub part: Option<(MessageId, Media)>,
    /// Records to publish, in order.
    pub outbox: Vec<outbox_events::New>,
    /// Entries of the trail.
    pub trail: Vec<TrailEvent>,
    /// The provider's request as it came.
    pub webhook: Option<channel_webhooks::New>,
    /// Tags of the contact that change.
    pub tags: Vec<Tags>,
    /// What is kept with the contact from now on.
    pub attributes: Vec<Attribute>,
    /// Variants of experiments that the contact was shown.
    pub exposures: Vec<Exposure>,
    /// Goals of experiments that the contact reached.
    pub conversions: Vec<Conversion>,
    /// The contact that refuses messages nobody asked for, from now on.
    pub opted_out: Option<ContactId>,
    /// The conversation in which an orchestration came to its end, and why where it failed.
    pub ended: Option<(ConversationId, Option<&'static str>)>,
    /// What the contact said they had meant.
    pub meant: Vec<nlu_logs::Meant>,
    /// Mails to be sent.
    pub mails: Vec<Mail>,
    /// What the provider says of a template of the channel.
    pub template: Option<(ChannelId, TemplateChange)>,
    /// Messages that waited for the contact to write go out before the replies.
    pub heard: Vec<Heard>,
    /// The conversation that a person takes over, and how urgent that is.
    pub handoff: Option<(ConversationId, Priority)>,
    /// What is kept of the step, to make it again.
    pub recorded: Option<Recorded>,
}

/// Why a turn could not be decided. The record goes to the dead letter with it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The conversation's stored state cannot be read.
    #[error("stored session cannot be read: {0}")]
    Session(serde_json::Error),
    /// Something that is always representable as JSON was not.
    #[error("record cannot be written: {0}")]
    Encode(serde_json::Error),
}

/// Decides what a job changes.
pub fn decide(
    job: &Job,
    loaded: &Loaded,
    options: &Options,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<Turn, Error> {
    let mut turn = Turn { keys: vec![event_key(job, None)], ..Turn::default() };
    if options.keep_webhooks {
        turn.webhook = job.webhook.as_deref().map(|body| webhook(job, body, ids));
    }
    let event = &job.envelope.body;
    match loaded.meant.as_ref().unwrap_or(&event.what) {
        // The message is there; this is the bot's turn over it.
        Inbound::Message { .. } if matches!(event.what, Inbound::Joined { .. }) => {
            turn.keys = vec![event_key(job, loaded.subject)];
            converse(&mut turn, job, loaded, None, options, ids, now)?;
        }
        Inbound::Message { provider_id, content, .. } => {
            converse(&mut turn, job, loaded, Some(said(content, provider_id)), options, ids, now)?;
        }
        Inbound::Part { provider_id, content, album, join_ms } => match (loaded.subject, content) {
            (Some(message), Content::Media(file)) => {
                turn.keys = vec![event_key(job, Some(message)), known_as(job, provider_id, message)];
                turn.part = Some((message, file.clone()));
            }
            (None, Content::Media(file)) if *join_ms > 0 => {
                let content = Content::Album { items: vec![file.clone()] };
                let received = said(&content, provider_id);
                converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
                wait_for_parts(&mut turn, job, album, TimeDelta::milliseconds((*join_ms).into()), ids, now)?;
                if let (Some(saved), Some(message)) = (&mut turn.conversation, turn.messages.first()) {
                    note_joining(&mut saved.state, message.id);
                }
            }
            _ => converse(&mut turn, job, loaded, Some(said(content, provider_id)), options, ids, now)?,
        },
        Inbound::Postback { provider_id, payload, title, .. } => {
            // The person sees at once that the choice arrived, before the replies to it.
            let seen = Outbound::MarkRead { provider_id: provider_id.clone() };
            turn.outbox.push(outgoing(&job.envelope, seen, None, ids, now)?);
            let received = Received {
                kind: "interactive",
                text: title.clone().or_else(|| Some(payload.clone())),
                payload: json!({ "postback": payload, "title": title }),
                provider_id,
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        Inbound::Opened { payload } => {
            let received = Received {
                kind: "system",
                text: None,
                payload: json!({ "opened": payload }),
                provider_id: &event.dedupe,
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        Inbound::Reaction { provider_id, emoji } => {
            let received = Received {
                kind: "reaction",
                text: emoji.clone(),
                payload: json!({ "emoji": emoji, "message": provider_id }),
                provider_id: &event.dedupe,
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        Inbound::Unsupported { provider_id, name, raw } if !event.sender.address.is_empty() => {
            let received = Received {
                kind: "unsupported",
                text: None,
                payload: json!({ "name": name, "raw": raw }),
                provider_id: provider_id.as_deref().unwrap_or(&event.dedupe),
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        Inbound::Timeout { .. } | Inbound::Answer { .. } | Inbound::Happened { .. } => {
            converse(&mut turn, job, loaded, None, options, ids, now)?;
        }
        Inbound::Status { provider_id, status, failure, and_before, .. } => match loaded.subject {
            Some(message) => {
                let at = event.occurred_at.unwrap_or(now);
                turn.trail.push(status_entry(job, message, *status, failure.as_ref(), at));
                turn.report = Some(Reported {
                    id: message,
                    status: *status,
                    at,
                    provider_id: provider_id.clone(),
                    failure: failure.clone(),
                    and_before: *and_before,
                });
            }
            None => put_off(&mut turn, job, options, ids, now)?,
        },
        Inbound::Edit { content, .. } => match loaded.subject {
            Some(message) => turn.amendment = Some(amended(event, message, Some(content.clone()), now)),
            None => put_off(&mut turn, job, options, ids, now)?,
        },
        Inbound::Delete { .. } => match loaded.subject {
            Some(message) => turn.amendment = Some(amended(event, message, None, now)),
            None => put_off(&mut turn, job, options, ids, now)?,
        },
        Inbound::ContactChanged { blocked, .. } => {
            turn.contact = Some(Seen { blocked: *blocked, ..contact(job, loaded, ids) });
        }
        Inbound::Template(change) => turn.template = Some((job.envelope.channel, change.clone())),
        // A message whose parts were waited for and that was emptied meanwhile is nothing either.
        Inbound::Joined { .. }
        | Inbound::Typing
        | Inbound::Account { .. }
        | Inbound::Service { .. }
        | Inbound::Unsupported { .. } => {}
    }
    Ok(turn)
}

/// A change of a message. A provider whose clock is ahead of ours does not keep later changes out.
fn amended(event: &InboundEvent, id: MessageId, content: Option<Content>, now: DateTime<Utc>) -> Amended {
    Amended { id, content, at: event.occurred_at.map_or(now, |at| at.min(now)) }
}

/// A message that came in, as it is stored.
pub(crate) struct Received<'a> {
    pub(crate) kind: &'static str,
    text: Option<String>,
    pub(crate) payload: Value,
    provider_id: &'a str,
}

/// A content as it is stored.
fn said<'a>(content: &Content, provider_id: &'a str) -> Received<'a> {
    let text = content.plain_text().map(str::to_owned);
    Received { kind: content.kind(), text, payload: json!(content), provider_id }
}

/// The bot's turn over an event of a conversation.
fn converse(
    turn: &mut Turn,
    job: &Job,
    loaded: &Loaded,
    received: Option<Received<'_>>,
    options: &Options,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let envelope = &job.envelope;
    let mut contact = contact(job, loaded, ids);
    let context = Context {
        contact: Some(contact.id.to_string()),
        contact_name: contact.display_name.clone(),
        locale: contact.locale.clone(),
        channel: envelope.kind,
        attributes: attributes(loaded),
    };
    let message = MessageId::new(ids.next());
    let open = loaded.known.as_ref().and_then(|known| known.conversation.as_ref());
    let conversation = open.map_or_else(|| ConversationId::new(ids.next()), |open| open.id);
    contact.inbound = i32::from(received.is_some());
    if received.is_some() {
        contact.window_until = reply_window(envelope.kind).map(|window| now + window);
        if contact.window_until.is_some() {
            turn.heard = heard(job, &contact);
        }
    }

    let mut record = None;
    let sprint = match &loaded.bot {
        Some(bot) if open.is_none_or(|open| open.mode == "bot") => {
            let session = match open {
                Some(open) => recording::session(&open.state).map_err(Error::Session)?,
                None => Session::default(),
            };
            let what = loaded.meant.as_ref().unwrap_or(&envelope.body.what);
            let what = match (&options.files, what) {
                (Some(files), Inbound::Message { .. }) => {
                    let message = loaded.subject.unwrap_or(message);
                    &files::with_links(files, envelope.org, message, what.clone(), now)
                }
                _ => what,
            };
            let input = Input::from_event(what, context);
            // A message that comes while an answer is awaited waits in the session, as long as there is room.
            if (received.is_some() || matches!(what, Inbound::Message { .. }))
                && session.waits_for_answer().is_some()
                && input.as_ref().is_some_and(|input| !session.can_keep(input))
            {
                turn.outbox.clear();
                return put_off(turn, job, options, ids, now);
            }
            match input {
                Some(input) if options.record_turns => {
                    let made = recording::make(bot, open, session, input, ids, now);
                    record = Some(made.1);
                    Some(made.0)
                }
                input => input.map(|input| step(bot, session, input, now)),
            }
        }
        _ => None,
    };

    // What the turn is about: the message that came, or the one before whose turn goes on.
    let mut about = match &envelope.body.what {
        Inbound::Answer { message, .. } => *message,
        Inbound::Joined { message } => Some(*message),
        _ => None,
    };
    if let Some(received) = received {
        about = Some(message);
        if received.text.as_deref().is_some_and(opt_out::is_meant) {
            turn.opted_out = Some(contact.id);
        }
        turn.keys = vec![event_key(job, Some(message))];
        if received.provider_id != envelope.body.dedupe {
            turn.keys.push(known_as(job, received.provider_id, message));
        }
        turn.trail.extend(arrival(job, message, conversation, &received, sprint.as_ref(), now));
        turn.messages.push(NewMessage {
            id: message,
            channel: envelope.channel,
            conversation,
            contact: contact.id,
            bot: envelope.bot,
            direction: Direction::Inbound {
                provider_id: Some(received.provider_id.to_owned()),
                provider_ts: envelope.body.occurred_at,
            },
            kind: received.kind,
            text: received.text,
            payload: with_speaker(received.payload, &envelope.body.sender),
            trace_id: envelope.trace.trace_id().map(str::to_owned),
        });
    }

    let mut saved = Saved {
        id: conversation,
        expected: open.map(|open| open.state_version),
        channel: envelope.channel,
        contact: contact.id,
        thread: envelope.body.thread.clone(),
        bot: envelope.bot,
        version: open.and_then(|open| open.version),
        state: open.map_or_else(|| json!({}), |open| open.state.clone()),
        stream: format!("{INBOUND}/{}", job.position.partition),
        offset: i64::try_from(job.position.offset).unwrap_or(i64::MAX),
        // A timer that finds no bot has fired all the same; the session keeps it for when the bot is back.
        next_timer_at: open
            .and_then(|open| open.next_timer_at)
            .filter(|_| !matches!(envelope.body.what, Inbound::Timeout { .. })),
        inbound: contact.inbound,
        outbound: 0,
        recorded_since: record.as_ref().map(|record| record.since),
    };
    turn.recorded = record.map(|record| record.of(conversation));
    if let (Inbound::Joined { message }, Some(sprint)) = (&envelope.body.what, &sprint) {
        turn.trail.push(over_whole(job, *message, conversation, sprint, now));
    }
    if let (Some(sprint), Some(bot)) = (&sprint, &loaded.bot) {
        turn.conversions = reached(&bot.settings.experiments, &envelope.body.what, sprint, contact.id);
        if bot.orchestration.is_some() && sprint.session.has_ended() {
            turn.ended = Some((conversation, failure(&sprint.events)));
        }
    }
    if let Some(Sprint { session, effects, next, .. }) = sprint {
        // Pinned while a flow runs; once it has ended the next message starts the version that is current then.
        saved.version = session.version();
        saved.state = serde_json::to_value(&session).map_err(Error::Encode)?;
        saved.next_timer_at = match next {
            Next::Wait { until } => until,
            Next::Done => None,
            Next::Ask { question, until } => {
                turn.outbox.push(asked(envelope, conversation, about, question, ids, now)?);
                Some(until)
            }
        };
        let until = Until { not_after: now + options.reply_lifetime, window: contact.window_until };
        for (index, effect) in effects.into_iter().enumerate() {
            match effect {
                Effect::Reply(content) => {
                    reply(turn, envelope, &saved, content, until, ids, now)?;
                    saved.outbound += 1;
                }
                Effect::Email(Email { to, subject, text }) => {
                    let dedupe = format!("flow:{conversation}:{}:{index}", session.sprints());
                    turn.mails.push(Mail { id: ids.next(), to, subject, text, dedupe });
                }
                Effect::Tag { add, remove } => turn.tags.push(Tags { contact: contact.id, add, remove }),
                Effect::Exposed { experiment, variant } => {
                    let id = ids.next();
                    turn.exposures.extend(experiment.parse().ok().map(|experiment| Exposure {
                        id,
                        experiment,
                        contact: contact.id,
                        variant,
                    }));
                }
                Effect::Remember { name, value } => {
                    let value = value.to_json();
                    turn.attributes.push(Attribute { contact: contact.id, name, value });
                }
                Effect::Meant { note, intent } => {
                    turn.meant.extend(note.parse().ok().map(|id| nlu_logs::Meant { id, intent }));
                }
                Effect::Handoff { note: _, priority } => turn.handoff = Some((conversation, priority)),
            }
        }
    }
    // A timer or an answer in between changes nothing of what is waited for.
    let goes_on = matches!(
        envelope.body.what,
        Inbound::Timeout { .. } | Inbound::Answer { .. } | Inbound::Happened { .. }
    );
    if let Some(message) = loaded.joining.filter(|_| goes_on) {
        note_joining(&mut saved.state, message);
    }
    contact.outbound = saved.outbound;
    turn.contact = Some(contact);
    turn.conversation = Some(saved);
    Ok(())
}

/// The goals of experiments that the contact reached in this turn: an event of that name, a node by `node:` and its id.
fn reached(
    experiments: &BTreeMap<String, Experiment>,
    what: &Inbound,
    sprint: &Sprint,
    contact: ContactId,
) -> Vec<Conversion> {
    let mut goals: Vec<&str> = experiments.values().map(|experiment| experiment.goal.as_str()).collect();
    goals.sort_unstable();
    goals.dedup();
    let entered = |goal: &str| {
        goal.strip_prefix("node:").is_some_and(|id| {
            sprint
                .events
                .iter()
                .any(|event| matches!(event, Event::NodeEntered { node } if node.as_str() == id))
        })
    };
    let reached = goals.into_iter().filter_map(|goal| match what {
        Inbound::Happened { name, data } if name == goal => Some((goal, data["value"].as_f64())),
        _ => entered(goal).then_some((goal, None)),
    });
    reached.map(|(goal, value)| Conversion { contact, goal: goal.to_owned(), value }).collect()
}

/// Why the flow ended, where that is because it failed.
fn failure(events: &[Event]) -> Option<&'static str> {
    let before = events.iter().rev().find(|event| !matches!(event, Event::Ended));
    before.and_then(|event| match event {
        Event::Error { .. } => Some("flow_failed"),
        Event::LimitReached { .. } => Some("limit_reached"),
        _ => None,
    })
}

/// What is kept with the contact, where the bot's flows share something of it.
fn attributes(loaded: &Loaded) -> botbuilder_flow::Value {
    let shares = loaded.bot.as_ref().and_then(|bot| bot.orchestration.as_ref());
    let known = shares.and_then(|shares| shares.contact_variables().next()).and(loaded.known.as_ref());
    known.and_then(|known| botbuilder_flow::Value::from_json(&known.attributes)).unwrap_or_default()
}

/// What a message holds, and who of a group said it.
fn with_speaker(mut payload: Value, sender: &Sender) -> Value {
    if let (Some(speaker), Value::Object(held)) = (&sender.speaker, &mut payload) {
        held.insert("speaker".to_owned(), json!(speaker));
    }
    payload
}

fn event_key(job: &Job, message: Option<MessageId>) -> dedupe_keys::New {
    dedupe_keys::New {
        scope: dedupe_keys::inbound_scope(job.envelope.channel),
        key: job.envelope.body.dedupe.clone(),
        message,
    }
}

/// The key under which a message is found by the provider's id of it.
fn known_as(job: &Job, provider_id: &str, message: MessageId) -> dedupe_keys::New {
    dedupe_keys::New {
        scope: dedupe_keys::inbound_scope(job.envelope.channel),
        key: reference_key(provider_id),
        message: Some(message),
    }
}

fn webhook(job: &Job, body: &str, ids: &dyn Ids) -> channel_webhooks::New {
    channel_webhooks::New {
        id: ids.next(),
        channel: job.envelope.channel,
        event_type: job.envelope.body.what.name(),
        dedupe_key: job.envelope.body.dedupe.clone(),
        payload: serde_json::from_str(body)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| json!({ "body": body })),
        payload_hash: Sha256::digest(body.as_bytes()).into(),
        stream_ref: format!("{INBOUND}/{}/{}", job.position.partition, job.position.offset),
    }
}
