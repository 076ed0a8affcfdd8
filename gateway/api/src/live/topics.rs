//! What live views are about: topics, each with the right it needs and the events that belong to it.

use botbuilder_domain::BotId;
use botbuilder_store::{
    system::events::Event,
    tenancy::rights::{Bots, Rights},
};

use crate::{
    error::ApiError,
    input::unknown,
    permission::{Area, read},
};

/// A topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// What it is called.
    pub name: &'static str,
    area: Area,
    /// The beginnings of the types that belong to it, without the dot.
    kinds: &'static [&'static str],
}

/// Every topic.
pub static TOPICS: &[Topic] = &[
    Topic { name: "conversations", area: Area::Conversation, kinds: &["conversation", "conversations"] },
    Topic { name: "messages", area: Area::Conversation, kinds: &["message", "channel_messages"] },
    Topic { name: "contacts", area: Area::Contact, kinds: &["contact", "channel_contacts"] },
    Topic { name: "bots", area: Area::Bot, kinds: &["bot", "bots", "bot_messages"] },
    Topic { name: "flows", area: Area::Flow, kinds: &["flow", "bot_flows", "flow_orchestrations"] },
    Topic { name: "channels", area: Area::Channel, kinds: &["channel", "channels", "channel_templates"] },
    Topic { name: "executions", area: Area::Agent, kinds: &["workflow_executions", "agent_tasks"] },
    Topic { name: "jobs", area: Area::Model, kinds: &["fine_tune_jobs", "model_versions"] },
    Topic { name: "nlu", area: Area::Nlu, kinds: &["intents", "intent_examples", "entities", "nlu"] },
    Topic { name: "knowledge", area: Area::Knowledge, kinds: &["knowledge_bases", "documents", "document"] },
    Topic { name: "members", area: Area::Member, kinds: &["member"] },
    Topic { name: "webhooks", area: Area::Webhook, kinds: &["webhook", "webhook_logs"] },
];

/// The topics of a list with commas.
pub fn parse(text: &str) -> Result<Vec<Topic>, ApiError> {
    let mut topics: Vec<Topic> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let Some(topic) = TOPICS.iter().find(|topic| topic.name == name) else {
            return Err(ApiError::invalid("topics", unknown(name, TOPICS.iter().map(|topic| topic.name))));
        };
        if !topics.contains(topic) {
            topics.push(*topic);
        }
    }
    if topics.is_empty() {
        return Err(ApiError::invalid("topics", "must name topics, with commas"));
    }
    Ok(topics)
}

/// Refuses topics about which the caller may read nothing, in no bot.
pub fn require(topics: &[Topic], rights: &Rights) -> Result<(), ApiError> {
    for topic in topics {
        let permission = read(topic.area);
        let somewhere = match rights.bots_with(permission) {
            Bots::All => true,
            Bots::Only(bots) => !bots.is_empty(),
        };
        if !somewhere {
            return Err(ApiError::Forbidden(permission));
        }
    }
    Ok(())
}

/// Whether an event belongs to one of the topics, and may be read: everywhere, or in its bot.
pub fn shows(topics: &[Topic], rights: &Rights, event: &Event) -> bool {
    let kind = event.kind.split('.').next().unwrap_or_default();
    topics.iter().filter(|topic| topic.kinds.contains(&kind)).any(|topic| {
        let permission = read(topic.area);
        let bot = event.bot_id.map(BotId::from);
        rights.everywhere().has(permission) || bot.is_some_and(|bot| rights.in_bot(bot).has(permission))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_once_and_unknown_ones_refused() {
        let topics = parse("messages, conversations,messages").unwrap();
        assert_eq!(topics.iter().map(|topic| topic.name).collect::<Vec<_>>(), ["messages", "conversations"]);
        assert!(parse("").is_err());
        assert!(parse("mesages").is_err());
    }

    #[test]
    fn no_type_belongs_to_two_topics() {
        let mut kinds: Vec<&str> = TOPICS.iter().flat_map(|topic| topic.kinds).copied().collect();
        kinds.sort_unstable();
        let all = kinds.len();
        kinds.dedup();
        assert_eq!(kinds.len(), all);
    }
}
