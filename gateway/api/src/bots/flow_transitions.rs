//! `/v1/orchestrations/{orchestration_id}/transitions`.

use std::pin::Pin;

use botbuilder_flow::orchestration::Trigger;
use botbuilder_store::bots::flow_transitions::TABLE;
use serde_json::json;

use crate::{
    error::ApiError,
    permission::{Area, write},
    resource::{
        Resource, Writing,
        act::fields,
        order::{First, reorderable},
    },
    routes::Routes,
};

const PATH: &str = "/v1/orchestrations/{orchestration_id}/transitions";

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "transition", Area::Flow, PATH).full().completed(readable).routes();
    // Transitions are tried by priority, the highest first.
    reorderable(plain, &TABLE, PATH, write(Area::Flow), First::Highest)
}

/// Refuses a trigger that could not be read when it is needed: an expression or a pattern with a mistake.
fn readable(writing: Writing<'_>) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + '_>> {
    Box::pin(async move {
        let Writing { before, values, .. } = writing;
        if !values.contains_key("trigger_type") && !values.contains_key("trigger_value") {
            return Ok(());
        }
        let before = before.map(fields).transpose()?.unwrap_or_default();
        let of = |name: &str| values.get(name).or_else(|| before.get(name)).cloned();
        let kind = of("trigger_type").unwrap_or_default();
        let value = of("trigger_value").filter(|value| !value.is_null()).unwrap_or_else(|| json!({}));
        let kind = kind.as_str().unwrap_or_default();
        Trigger::read(kind, &value).map_err(|error| ApiError::invalid("trigger_value", error))?;
        Ok(())
    })
}
