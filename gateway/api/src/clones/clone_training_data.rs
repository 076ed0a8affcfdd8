//! `/v1/clones/{clone_id}/samples`.

use botbuilder_store::clones::clone_training_data::TABLE;
use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    permission::Area,
    resource::{Mode, Resource, Transition, digest},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let read: &[&str] = &["pending", "processed", "rejected"];
    Resource::new(&TABLE, "sample", Area::Clone, "/v1/clones/{clone_id}/samples")
        .full()
        .prepared(digested)
        .moving(Transition::new("approve", read, "approved"))
        .moving(Transition::new("reject", &["pending", "processed", "approved"], "rejected"))
        .routes()
}

/// A sample is kept with the digest of its text, so that it is there once.
#[expect(clippy::unnecessary_wraps, reason = "the form that resources ask for")]
fn digested(values: &mut Map<String, Value>, _: Mode) -> Result<(), ApiError> {
    if let Some(content) = values.get("content").and_then(Value::as_str) {
        values.insert("content_hash".to_owned(), json!(digest(content)));
    }
    Ok(())
}
