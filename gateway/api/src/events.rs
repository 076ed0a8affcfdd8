//! What happens over the API, told to whoever asked: every audited act of a caller is an event, written with it
//! (`tell` is called where the audit entry is made), so no handler can forget one.

pub use botbuilder_store::system::events::TYPES;
use botbuilder_store::{
    OrgScope, Tx,
    audit::audit_logs::{Act, Outcome},
    system::events::{self, Activity, Batch, Event},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Api, error::ApiError};

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
    ("conversations.transferred", "conversation.assigned"),
    ("conversations.closed", "conversation.closed"),
    ("conversations.reopened", "conversation.reopened"),
    ("channel_contacts.created", "contact.created"),
    ("channel_contacts.updated", "contact.updated"),
    ("channel_contacts.opted_out", "contact.opted_out"),
    ("ab_tests.decided", "experiment.decided"),
    ("recovery_events.created", "recovery.event.detected"),
    ("recovery_events.mark_recovered", "recovery.event.recovered"),
    ("plugin_installations.installed", "plugin.installed"),
    ("platform.subscription.assign", "subscription.changed"),
    ("member.join", "member.joined"),
    ("member.remove", "member.removed"),
];

/// Acts that are events of a type of their own where a field of this name changes.
const CHANGES: &[(&str, &str, &str)] =
    &[("customer_health_scores.recalculated", "risk", "health.risk.changed")];

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

/// Whether an act is of those that only whoever looks after the organization sees in the feed: how people and programs
/// come in and what they may do, and what platform staff did.
fn is_for_admins(action: &str, resource_type: &str) -> bool {
    const THINGS: [&str; 6] = ["api_token", "team_role", "grant", "audit", "session", "flow_secrets"];
    THINGS.contains(&resource_type) || resource_type.starts_with("sso_") || action.starts_with("platform.")
}

/// Tells of an act in its own transaction.
pub(crate) async fn tell(
    api: &Api,
    tx: &mut Tx,
    scope: &OrgScope,
    by: &By,
    act: &Act,
) -> Result<(), ApiError> {
    let told = of_act(act, by, api.ids.next(), api.clock.now());
    Ok(events::note(tx, scope, api.ids.next(), &told).await?)
}

/// What an act tells. Values stay out of it: whoever may read the thing reads it.
pub(crate) fn of_act(act: &Act, by: &By, id: Uuid, now: DateTime<Utc>) -> Batch {
    if act.outcome != Outcome::Success {
        return Batch::default();
    }
    let action = act.action.as_ref();
    let fields: Vec<String> =
        act.new.as_ref().and_then(Value::as_object).into_iter().flat_map(|new| new.keys().cloned()).collect();
    let changed =
        CHANGES.iter().find(|(known, field, _)| *known == action && fields.iter().any(|name| name == field));
    let kind = changed.map(|(_, _, kind)| *kind);
    let kind = kind.or_else(|| ACTS.iter().find(|(known, _)| *known == action).map(|(_, kind)| *kind));
    let kind = kind.unwrap_or(action);
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
        bot_id,
        for_admins: is_for_admins(action, &act.resource_type),
    });
    Batch { events: vec![event], usage: Vec::new(), activity: activity.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_become_events_that_are_known() {
        let kinds = ACTS.iter().map(|(_, kind)| kind).chain(CHANGES.iter().map(|(_, _, kind)| kind));
        for kind in kinds {
            assert!(is_known(kind), "{kind}");
        }
        for (filter, known) in
            [("message.*", true), ("message.sent", true), ("*", false), ("moon.*", false), ("message", false)]
        {
            assert_eq!(is_known(filter), known, "{filter}");
        }
    }

    #[test]
    fn a_score_that_moves_is_told_where_the_risk_changes_with_it() {
        let by = By { user: None, source: "api", request: None };
        let kind = |new: Value| {
            let act = Act::new("customer_health_scores.recalculated", "customer_health_scores", None);
            of_act(&act.new_values(new), &by, Uuid::nil(), DateTime::UNIX_EPOCH).events[0].kind.clone()
        };
        assert_eq!(kind(json!({ "score": 7, "risk": "high" })), "health.risk.changed");
        assert_eq!(kind(json!({ "score": 7 })), "customer_health_scores.recalculated");
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
