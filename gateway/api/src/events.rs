//! What happens over the API, told to whoever asked: every audited act of a caller is an event, written with it
//! ([`of_act`] is called where the audit entry is made), so no handler can forget one.

use botbuilder_store::{
    audit::audit_logs::{Act, Outcome},
    system::events::{Activity, Batch, Event},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// The types of events that webhooks can ask for, each with what it tells.
pub const TYPES: &[(&str, &str)] = &[
    ("bot.created", "a bot was made, imported or duplicated"),
    ("bot.updated", "a bot was changed"),
    ("bot.published", "a bot was published"),
    ("bot.deleted", "a bot was deleted"),
    ("flow.published", "a flow was published"),
    ("message.received", "a contact wrote"),
    ("message.sent", "the provider took a message"),
    ("message.delivered", "a message arrived"),
    ("message.read", "a message was seen"),
    ("message.failed", "a message could not be sent"),
    ("channel.stopped", "a provider stopped an account; nothing goes out by it until it is activated again"),
    ("conversation.opened", "a conversation began"),
    ("conversation.handed_over", "a bot handed a conversation to people"),
    ("conversation.assigned", "a conversation was assigned to a member, or to nobody"),
    ("conversation.closed", "a conversation was closed"),
    ("conversation.reopened", "a conversation that was put aside or closed goes on"),
    ("contact.created", "a contact was made by hand"),
    ("contact.updated", "a contact was changed by hand"),
    ("contact.opted_out", "a contact wants no campaigns"),
    ("member.joined", "somebody joined the organization"),
    ("member.removed", "somebody left the organization"),
    ("webhook.disabled", "a webhook was switched off after too many failures"),
    ("webhook.test", "a test, asked for by hand"),
];

/// The acts that are events of a type of their own. Every other act is told under its own name, to live views only.
const ACTS: &[(&str, &str)] = &[
    ("bots.created", "bot.created"),
    ("bots.imported", "bot.created"),
    ("bots.duplicated", "bot.created"),
    ("bots.updated", "bot.updated"),
    ("bots.publish", "bot.published"),
    ("bots.deleted", "bot.deleted"),
    ("bot_flows.publish", "flow.published"),
    ("bot_flows.published", "flow.published"),
    ("conversations.assigned", "conversation.assigned"),
    ("conversations.closed", "conversation.closed"),
    ("conversations.reopened", "conversation.reopened"),
    ("channel_contacts.created", "contact.created"),
    ("channel_contacts.updated", "contact.updated"),
    ("channel_contacts.opted_out", "contact.opted_out"),
    ("member.join", "member.joined"),
    ("member.remove", "member.removed"),
];

/// Whether webhooks can ask for this: a type, or all that begin with a word (`message.*`).
pub fn is_known(filter: &str) -> bool {
    match filter.strip_suffix(".*") {
        Some(area) => TYPES.iter().any(|(kind, _)| kind.split('.').next() == Some(area)),
        None => TYPES.iter().any(|(kind, _)| *kind == filter),
    }
}

/// Who did it, as far as the feed of activities tells.
pub(crate) struct By {
    pub user: Option<Uuid>,
    pub source: &'static str,
    pub request: Option<Uuid>,
}

/// What an act tells. Values stay out of it: whoever may read the thing reads it.
pub(crate) fn of_act(act: &Act, by: &By, id: Uuid, now: DateTime<Utc>) -> Batch {
    if act.outcome != Outcome::Success {
        return Batch::default();
    }
    let action = act.action.as_ref();
    let kind = ACTS.iter().find(|(known, _)| *known == action).map_or(action, |(_, kind)| kind);
    let fields: Vec<String> =
        act.new.as_ref().and_then(Value::as_object).into_iter().flat_map(|new| new.keys().cloned()).collect();
    let value = |name: &str| {
        let of = |values: &Option<Value>| values.as_ref()?.get(name)?.as_str()?.parse::<Uuid>().ok();
        of(&act.new).or_else(|| of(&act.old))
    };
    let bot_id = if act.resource_type == "bots" { act.resource } else { value("bot_id") };
    let event = Event {
        id,
        kind: kind.to_owned(),
        at: now,
        bot_id,
        data: json!({
            "action": action,
            "resource_type": act.resource_type,
            "resource_id": act.resource,
            "fields": fields,
            "user_id": by.user,
        }),
    };
    let activity = act.resource.map(|entity_id| Activity {
        user_id: by.user,
        source: by.source.to_owned(),
        verb: action.to_owned(),
        entity_type: act.resource_type.to_string(),
        entity_id,
        fields,
        request_id: by.request,
    });
    Batch { events: vec![event], usage: Vec::new(), activity: activity.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_become_events_that_are_known() {
        for (_, kind) in ACTS {
            assert!(is_known(kind), "{kind}");
        }
        for (filter, known) in
            [("message.*", true), ("message.sent", true), ("*", false), ("moon.*", false), ("message", false)]
        {
            assert_eq!(is_known(filter), known, "{filter}");
        }
    }

    #[test]
    fn an_event_names_the_fields_and_holds_no_values() {
        let by = By { user: None, source: "api", request: None };
        let bot = Uuid::from_u128(7);
        let act = Act::new("bots.updated", "bots", Some(bot)).new_values(json!({ "name": "secret plan" }));
        let batch = of_act(&act, &by, Uuid::from_u128(1), DateTime::UNIX_EPOCH);
        let event = batch.events.first().unwrap();
        assert_eq!((event.kind.as_str(), event.bot_id), ("bot.updated", Some(bot)));
        assert_eq!(event.data["fields"], json!(["name"]));
        assert!(!serde_json::to_string(&batch).unwrap().contains("secret plan"));
        let denied = act.outcome(Outcome::Denied);
        assert!(of_act(&denied, &by, Uuid::nil(), DateTime::UNIX_EPOCH).is_empty());
    }
}
