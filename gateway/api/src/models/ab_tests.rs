//! `/v1/experiments`.

use botbuilder_store::{models::ab_tests::TABLE, secret::new_secret};
use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    permission::{Area, Verb},
    resource::{Mode, Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let running: &[&str] = &["running", "paused"];
    Resource::new(&TABLE, "experiment", Area::Experiment, "/v1/experiments")
        .full()
        .prepared(salted)
        .moving(
            Transition::new("start", &["draft"], "running").needing(Verb::Publish).noting(&["started_at"]),
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
        .unavailable("apply", Verb::Publish, "the variant that won is not put in its place by itself yet")
        .unanswered("timeline", "experiments are not followed over time yet")
        .routes()
}

/// A new experiment gets the salt by which its subjects are spread over the variants; it never changes.
fn salted(values: &mut Map<String, Value>, mode: Mode) -> Result<(), ApiError> {
    if mode == Mode::Create {
        let salt = new_secret().map_err(botbuilder_store::Error::from)?;
        values.insert("salt".to_owned(), json!(salt.expose().get(..32)));
    }
    Ok(())
}
