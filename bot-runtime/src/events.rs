//! What turns tell to webhooks, live views and the meter of use: one batch for all turns of a commit.

use botbuilder_domain::{BotId, DeliveryStatus, Ids, MessageId};
use botbuilder_store::{
    channels::channel_messages::Direction,
    system::events::{Batch, Event, Used},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{commit::priority, turn::Turn};

/// What is told of a message that was seen because a later one was.
pub(crate) fn read(message: MessageId, at: DateTime<Utc>, ids: &dyn Ids, now: DateTime<Utc>) -> Event {
    let data = json!({ "message_id": message, "at": at, "error_code": null });
    Event { id: ids.next(), kind: "message.read".to_owned(), at: now, bot_id: None, data }
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
            if !matches!(message.direction, Direction::Inbound { .. }) {
                continue;
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
        if let Some(handed) = &turn.handoff {
            let saved = turn.conversation.as_ref();
            let data = json!({
                "conversation_id": handed.conversation,
                "contact_id": saved.map(|saved| saved.contact),
                "channel_id": saved.map(|saved| saved.channel),
                "priority": priority(handed.priority),
                "note": handed.note,
            });
            tell("conversation.handed_over", saved.and_then(|saved| saved.bot), data);
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
    use botbuilder_domain::{ConversationId, SystemIds};
    use botbuilder_flow::Priority;
    use uuid::Uuid;

    use super::*;
    use crate::turn::HandedOver;

    #[test]
    fn who_takes_over_is_told_what_the_flow_has_to_say() {
        let conversation = ConversationId::new(Uuid::from_u128(1));
        let handed = HandedOver { conversation, priority: Priority::High, note: Some("order 7".to_owned()) };
        let turn = Turn { handoff: Some(handed), ..Turn::default() };
        let told = of_turns(&[turn], &SystemIds, DateTime::<Utc>::UNIX_EPOCH);
        assert_eq!(told.events.len(), 1);
        assert_eq!(told.events[0].kind, "conversation.handed_over");
        let data = &told.events[0].data;
        assert_eq!((&data["note"], &data["priority"]), (&json!("order 7"), &json!("high")));
        assert_eq!(data["conversation_id"], json!(conversation));
    }
}
