//! `/v1/experiments`.

use std::pin::Pin;

use botbuilder_store::{models::ab_tests::TABLE, secret::new_secret};
use serde_json::{Map, Value, json};

use super::{experiment_apply::check, experiment_start::begun};
use crate::{
    error::ApiError,
    permission::{Area, Verb, write},
    resource::{Mode, Resource, Transition, Writing, act::fields, duplicate::duplicable},
    routes::{DEFINITION_LIMIT, Routes},
};

/// What holds from the start to the end of an experiment: with other weights or another goal the numbers before and after
/// could not be told together.
const FROZEN: [&str; 4] = ["variants", "goal_kind", "goal_event", "secondary_goals"];

const PATH: &str = "/v1/experiments";

/// The routes of this resource.
pub fn routes() -> Routes {
    let running: &[&str] = &["running", "paused"];
    let plain = Resource::new(&TABLE, "experiment", Area::Experiment, PATH)
        .full()
        .prepared(prepare)
        .completed(frozen)
        .up_to(DEFINITION_LIMIT)
        .moving(
            Transition::new("start", &["draft"], "running")
                .needing(Verb::Publish)
                .noting(&["started_at"])
                .checked(begun),
        )
        .moving(
            Transition::new("pause", &["running"], "paused").needing(Verb::Publish).noting(&["paused_at"]),
        )
        .moving(
            Transition::new("resume", &["paused"], "running").needing(Verb::Publish).clearing(&["paused_at"]),
        )
        .moving(
            Transition::new("complete", running, "completed").needing(Verb::Publish).noting(&["ended_at"]),
        )
        .moving(
            Transition::new("cancel", &["draft", "running", "paused"], "canceled")
                .needing(Verb::Publish)
                .noting(&["ended_at"]),
        )
        .routes();
    duplicable(plain, &TABLE, PATH, write(Area::Experiment), |values| prepare(values, Mode::Create))
}

/// A new experiment gets the salt by which its subjects are spread over the variants; it never changes. What variants of
/// a message say must be readable.
fn prepare(values: &mut Map<String, Value>, mode: Mode) -> Result<(), ApiError> {
    if let Some(variants) = values.get("variants") {
        // A change does not name the target; only variants of messages have contents.
        let target = values.get("target_type").and_then(Value::as_str).unwrap_or("message");
        check(target, variants)?;
    }
    if mode == Mode::Create {
        let salt = new_secret().map_err(botbuilder_store::Error::from)?;
        values.insert("salt".to_owned(), json!(salt.expose().get(..32)));
    }
    Ok(())
}

/// Refuses other variants, weights or goals once the experiment has begun.
fn frozen(writing: Writing<'_>) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + '_>> {
    Box::pin(async move {
        let Writing { before: Some(before), values, .. } = writing else { return Ok(()) };
        let before = fields(before)?;
        let state = before.get("status").and_then(Value::as_str).unwrap_or_default();
        let changed = FROZEN.into_iter().find(|name| {
            values.get(*name).is_some_and(|value| before.get(*name).unwrap_or(&Value::Null) != value)
        });
        match changed {
            Some(name) if state != "draft" => {
                let detail = format!("{name}: cannot be changed once the experiment has begun");
                Err(ApiError::conflict("wrong_state", detail).about(name).with(json!({ "state": state })))
            }
            _ => Ok(()),
        }
    })
}
