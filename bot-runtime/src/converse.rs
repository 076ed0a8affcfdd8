//! The bot's turn over an event of a conversation.

use std::collections::BTreeMap;

use botbuilder_domain::{ChannelKind, ContactId, ConversationId, Ids, Inbound, MessageId, Outbound, Sender};
use botbuilder_flow::{
    Context, Effect, Email, Event, Input, Next, Session, Sprint,
    experiment::{Experiment, Unit},
    step,
};
use botbuilder_store::{
    channels::{
        channel_messages::{Direction, New as NewMessage},
        conversations::Saved,
        turn_effects::{Attribute, Mail, Tags},
    },
    experiments::{Conversion, Exposure},
    nlu::nlu_logs,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    INBOUND, Options,
    batch::Job,
    contact::{contact, heard, reply_window},
    files,
    load::{Loaded, note_joining},
    opt_out, recording,
    records::{Until, asked, outgoing, put_off, reply},
    trail::{arrival, over_whole},
    turn::{Error, HandedOver, Received, Turn, event_key, known_as},
};

/// The bot's turn over an event of a conversation.
pub(crate) fn converse(
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
    let message = MessageId::new(ids.next());
    let open = loaded.known.as_ref().and_then(|known| known.conversation.as_ref());
    let conversation = open.map_or_else(|| ConversationId::new(ids.next()), |open| open.id);
    let context = Context {
        contact: Some(contact.id.to_string()),
        conversation: tells_conversations_apart(loaded).then(|| conversation.to_string()),
        contact_name: contact.display_name.clone(),
        locale: contact.locale.clone(),
        channel: envelope.kind,
        attributes: attributes(loaded),
        // An event of its own may bring it.
        given: botbuilder_flow::Value::Null,
    };
    contact.inbound = i32::from(received.is_some());
    if received.is_some() {
        // From when it was written, not from when it got here. A provider's clock that is ahead opens no longer window.
        let written = envelope.body.occurred_at.map_or(now, |at| at.min(now));
        contact.window_until = reply_window(envelope.kind).map(|window| written + window);
        if contact.window_until.is_some() {
            turn.heard = heard(job, loaded);
        }
    }

    // Somebody whom an operator blocked: what they write is kept, and nobody answers.
    let blocked = loaded.known.as_ref().is_some_and(|known| known.blocked_by_us);
    let mut record = None;
    let sprint = match &loaded.bot {
        Some(bot) if !blocked && open.is_none_or(|open| open.mode == "bot") => {
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
    // The message that may be shown as seen: a tap was, before the replies to it.
    let mut to_show = None;
    if let Some(received) = received {
        about = Some(message);
        if !["system", "reaction", "unsupported"].contains(&received.kind) {
            let was_tapped = received.kind == "interactive";
            to_show = Some((received.provider_id.to_owned(), was_tapped));
        }
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
            reply_to: loaded.answered,
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
        let experiments = &bot.settings.experiments;
        turn.conversions = reached(experiments, &envelope.body.what, sprint, contact.id, conversation);
        if bot.orchestration.is_some() && sprint.session.has_ended() {
            turn.ended = Some((conversation, failure(&sprint.events)));
        }
    }
    if let Some(Sprint { session, effects, next, .. }) = sprint {
        // Pinned while a flow runs; once it has ended the next message starts the version that is current then.
        saved.version = session.version();
        saved.state = serde_json::to_value(&session).map_err(Error::Encode)?;
        let takes_time = matches!(&next, Next::Ask { question, .. } if question.takes_time());
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
                    let subject = match unit_of(loaded, &experiment) {
                        Unit::Contact => contact.id.uuid(),
                        Unit::Conversation => conversation.uuid(),
                    };
                    turn.exposures.extend(experiment.parse().ok().map(|experiment| Exposure {
                        id,
                        experiment,
                        subject,
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
                Effect::Handoff { note, priority } => {
                    turn.handoff = Some(HandedOver {
                        conversation,
                        contact: contact.id,
                        channel: envelope.channel,
                        bot: envelope.bot,
                        note,
                        priority,
                    });
                }
            }
        }
        // Behind the replies, which do not wait for it and would end the typing.
        let shown = match to_show {
            Some((provider_id, was_shown)) if takes_time || (!was_shown && shows_seen(envelope.kind)) => {
                Some(Outbound::MarkRead { provider_id, typing: takes_time })
            }
            None if takes_time => Some(Outbound::Typing),
            _ => None,
        };
        if let Some(shown) = shown {
            turn.outbox.push(outgoing(envelope, shown, None, ids, now)?);
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

/// Whether the network shows people that a message of theirs was seen.
const fn shows_seen(kind: ChannelKind) -> bool {
    match kind {
        ChannelKind::Whatsapp | ChannelKind::Instagram => true,
        ChannelKind::Telegram | ChannelKind::Slack | ChannelKind::Web => false,
    }
}

/// Whether an experiment counts each conversation of a contact by itself.
fn tells_conversations_apart(loaded: &Loaded) -> bool {
    let mut experiments = loaded.bot.iter().flat_map(|bot| bot.settings.experiments.values());
    experiments.any(|experiment| experiment.unit == Unit::Conversation)
}

/// Who counts once in an experiment.
fn unit_of(loaded: &Loaded, experiment: &str) -> Unit {
    let found = loaded.bot.as_ref().and_then(|bot| bot.settings.experiments.get(experiment));
    found.map(|experiment| experiment.unit).unwrap_or_default()
}

/// The goals of experiments that the contact reached in this turn: an event of that name, a node by `node:` and its id.
fn reached(
    experiments: &BTreeMap<String, Experiment>,
    what: &Inbound,
    sprint: &Sprint,
    contact: ContactId,
    conversation: ConversationId,
) -> Vec<Conversion> {
    let mut goals: Vec<&str> = experiments.values().flat_map(Experiment::goals).collect();
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
    let counted =
        reached.map(|(goal, value)| Conversion { contact, conversation, goal: goal.to_owned(), value });
    counted.collect()
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
