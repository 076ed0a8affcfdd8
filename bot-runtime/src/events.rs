//! What turns tell to webhooks, live views and the meter of use: one batch for all turns of a commit.

use botbuilder_domain::{BotId, ChannelId, DeliveryStatus, Ids, MessageId, Standing};
use botbuilder_flow::Priority;
use botbuilder_store::{
    channels::{channel_messages::Direction, hand_offs::Assigned},
    system::events::{Batch, Event, Used},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::turn::{HandedOver, Turn};

/// What is told of a message that was seen because a later one was.
pub(crate) fn read(message: MessageId, at: DateTime<Utc>, ids: &dyn Ids, now: DateTime<Utc>) -> Event {
    let data = json!({ "message_id": message, "at": at, "error_code": null });
    Event { id: ids.next(), kind: "message.read".to_owned(), at: now, bot_id: None, data }
}

/// Whether something tells that one of these messages failed.
pub(crate) fn is_failure_of(event: &Event, messages: &[MessageId]) -> bool {
    event.kind == "message.failed"
        && messages.iter().any(|message| event.data.get("message_id") == Some(&json!(message)))
}

/// What is told of an account by which nothing goes out any more: the same as where a refusal shows it.
pub(crate) fn stopped(
    channel: ChannelId,
    name: &str,
    standing: &Standing,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Event {
    let data = json!({ "channel_id": channel, "error_code": name, "error_message": standing.why() });
    Event { id: ids.next(), kind: "channel.stopped".to_owned(), at: now, bot_id: None, data }
}

/// The word for how urgent something is.
pub(crate) const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

/// What is told of a conversation that a bot hands over: to whom it goes, or that nobody has it yet.
pub(crate) fn handed_off(
    handoff: &HandedOver,
    assigned: Option<Assigned>,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Vec<Event> {
    let event = |kind: &str, data: Value| Event {
        id: ids.next(),
        kind: kind.to_owned(),
        at: now,
        bot_id: handoff.bot.map(BotId::uuid),
        data,
    };
    let mut events = vec![event(
        "conversation.handed_over",
        json!({
            "conversation_id": handoff.conversation,
            "contact_id": handoff.contact,
            "channel_id": handoff.channel,
            "priority": priority(handoff.priority),
            "note": handoff.note,
            "member_id": assigned.map(|assigned| assigned.member),
        }),
    )];
    // The same as where a person assigns it.
    let anew = assigned.filter(|assigned| assigned.anew).map(|_| {
        let data = json!({
            "action": "conversations.assigned",
            "resource_type": "conversations",
            "resource_id": handoff.conversation,
            "fields": ["assigned_member_id"],
            "user_id": null,
        });
        event("conversation.assigned", data)
    });
    events.extend(anew);
    events
}

/// The longest text of a message that an event carries, in characters.
const TEXT: usize = 4096;

/// What these turns tell.
pub(crate) fn of_turns(turns: &[Turn], ids: &dyn Ids, now: DateTime<Utc>) -> Batch {
    let mut batch = Batch::default();
    let mut received: Vec<(Option<BotId>, i64)> = Vec::new();
    let mut tell = |kind: &str, bot: Option<BotId>, data: Value| {
        let bot_id = bot.map(BotId::uuid);
        batch.events.push(Event { id: ids.next(), kind: kind.to_owned(), at: now, bot_id, data });
    };
    for turn in turns {
        if let Some(opened) = turn.conversation.as_ref().filter(|saved| saved.expected.is_none()) {
            let data = json!({
                "conversation_id": opened.id,
                "contact_id": opened.contact,
                "channel_id": opened.channel,
            });
            tell("conversation.opened", opened.bot, data);
        }
        for message in &turn.messages {
            match message.direction {
                Direction::Inbound { .. } => {}
                Direction::Outbound { .. } => continue,
                Direction::Elsewhere { at, .. } => {
                    let data = json!({ "message_id": message.id, "at": at, "error_code": null });
                    tell("message.sent", message.bot, data);
                    continue;
                }
            }
            let text: Option<String> = message.text.as_ref().map(|text| text.chars().take(TEXT).collect());
            let data = json!({
                "message_id": message.id,
                "conversation_id": message.conversation,
                "contact_id": message.contact,
                "channel_id": message.channel,
                "kind": message.kind,
                "text": text,
            });
            tell("message.received", message.bot, data);
            match received.iter_mut().find(|(bot, _)| *bot == message.bot) {
                Some((_, count)) => *count += 1,
                None => received.push((message.bot, 1)),
            }
        }
        // As an act of a person on the channel would be: to live views.
        if let Some((channel, name, _)) = &turn.standing {
            let data = json!({
                "action": "channels.standing",
                "resource_type": "channels",
                "resource_id": channel,
                "fields": ["health", "error_code", "error_message", "status"],
                "user_id": null,
                "reason": name,
            });
            tell("channels.standing", None, data);
        }
        if let Some(report) = &turn.report {
            let kind = match report.status {
                DeliveryStatus::Queued | DeliveryStatus::Sent => continue,
                DeliveryStatus::Delivered => "message.delivered",
                DeliveryStatus::Read => "message.read",
                DeliveryStatus::Failed => "message.failed",
            };
            let code = report.failure.as_ref().map(|failure| failure.code.as_str());
            tell(kind, None, json!({ "message_id": report.id, "at": report.at, "error_code": code }));
        }
    }
    batch.usage = received
        .into_iter()
        .map(|(bot, quantity)| Used {
            metric: "message_in".to_owned(),
            bot_id: bot.map(BotId::uuid),
            api_token_id: None,
            quantity,
        })
        .collect();
    batch
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::{ContactId, ConversationId, SystemIds};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_takes_over_is_told_what_the_flow_has_to_say() {
        let conversation = ConversationId::new(Uuid::from_u128(1));
        let handed = HandedOver {
            conversation,
            contact: ContactId::new(Uuid::from_u128(2)),
            channel: ChannelId::new(Uuid::from_u128(3)),
            bot: None,
            note: Some("order 7".to_owned()),
            priority: Priority::High,
        };
        let told = |assigned| handed_off(&handed, assigned, &SystemIds, DateTime::<Utc>::UNIX_EPOCH);
        let kinds = |events: &[Event]| events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>();
        let events = told(None);
        assert_eq!(kinds(&events), ["conversation.handed_over"]);
        let data = &events[0].data;
        assert_eq!((&data["note"], &data["priority"]), (&json!("order 7"), &json!("high")));
        assert_eq!((&data["conversation_id"], &data["member_id"]), (&json!(conversation), &Value::Null));

        let member = Uuid::from_u128(4);
        let events = told(Some(Assigned { member, anew: true }));
        assert_eq!(kinds(&events), ["conversation.handed_over", "conversation.assigned"]);
        assert_eq!(events[0].data["member_id"], json!(member));
        // Whoever had it before is not told of it again.
        assert_eq!(kinds(&told(Some(Assigned { member, anew: false }))), ["conversation.handed_over"]);
    }
}
