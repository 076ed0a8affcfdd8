//! Orchestrations as the engine has them.

use botbuilder_domain::BotId;
use botbuilder_flow::{
    Orchestration, Value,
    orchestration::{OnError, Shared, Transition, Trigger},
    variable::Validation,
};
use botbuilder_store::bots::flow_orchestrations::Active;
use tracing::warn;

/// The orchestration as the engine has it. What cannot be read is left out; the log says what.
pub fn orchestration_of(bot: BotId, active: Active) -> Orchestration {
    let transitions = active.transitions.into_iter().filter_map(|row| {
        let trigger = Trigger::read(&row.trigger_type, &row.trigger_value)
            .inspect_err(
                |error| warn!(bot.id = %bot, transition.id = %row.id, error, "transition cannot be read"),
            )
            .ok()?;
        Some(Transition {
            id: row.id.to_string(),
            from: row.from.to_string(),
            to: row.to.to_string(),
            trigger,
            keeps_variables: row.preserve_variables,
        })
    });
    let variables = active.variables.into_iter().filter_map(|row| {
        let word = |text: String| serde_json::Value::String(text);
        let default = row.default_value.as_ref().and_then(Value::from_json).unwrap_or_default();
        let scope = serde_json::from_value(word(row.scope)).ok()?;
        let kind = serde_json::from_value(word(row.value_type)).ok()?;
        let validation = Validation::read(&row.validation, kind)
            .inspect_err(|error| warn!(bot.id = %bot, variable = row.name, error, "rules of a variable cannot be read"))
            .unwrap_or_default();
        let shared = Shared { validation, is_secret: row.is_secret, ..Shared::new(scope, kind, default) };
        Some((row.name.into(), shared))
    });
    Orchestration {
        entry: active.entry.to_string(),
        transitions: transitions.collect(),
        on_error: match (active.on_error.as_str(), active.fallback) {
            ("fallback_flow", Some(flow)) => OnError::Flow(flow.to_string()),
            ("handoff", _) => OnError::Handoff,
            _ => OnError::Stop,
        },
        max_hops: u32::try_from(active.max_hops).unwrap_or_default(),
        expire_seconds: u32::try_from(active.session_ttl_seconds).ok(),
        variables: variables.collect(),
    }
}
