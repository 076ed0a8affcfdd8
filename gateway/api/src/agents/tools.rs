//! `/v1/tools`.

use axum::Json;
use botbuilder_store::agents::tools::TABLE;
use serde_json::{Value, json};

use crate::{
    permission::{Area, Verb, read},
    resource::Resource,
    routes::{Operation, Routes},
    shape,
};

/// The kinds of tool, each with what it does.
const KINDS: [(&str, &str); 10] = [
    ("http", "calls an address of one of its allowed hosts"),
    ("sql_read", "asks a database one question, which changes nothing"),
    ("email", "sends a mail"),
    ("knowledge", "searches knowledge bases"),
    ("web_fetch", "reads a page of one of its allowed hosts"),
    ("calculator", "computes"),
    ("flow", "runs a flow of the bot"),
    ("handoff", "hands the conversation to a person"),
    ("plugin", "calls an installed plugin"),
    ("wasm", "runs a module in a sandbox"),
];

/// The routes of this resource.
pub fn routes() -> Routes {
    let kind = shape::object(&[("kind", "string"), ("description", "string")]);
    Resource::new(&TABLE, "tool", Area::Tool, "/v1/tools")
        .full()
        .unavailable("test", Verb::Execute, "tools are not run yet")
        .routes()
        .add(
            Operation::get("/v1/tools/types", read(Area::Tool), "the kinds of tool")
                .gives(json!({ "type": "array", "items": kind })),
            types,
        )
}

async fn types() -> Json<Value> {
    let kinds: Vec<Value> =
        KINDS.iter().map(|(kind, text)| json!({ "kind": kind, "description": text })).collect();
    Json(json!({ "data": kinds }))
}

#[cfg(test)]
mod tests {
    use botbuilder_store::table::Kind;

    use super::*;

    #[test]
    fn every_kind_that_is_taken_is_listed() {
        let listed: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(TABLE.column("kind").map(|column| column.kind), Some(Kind::Choice(&listed.leak()[..])));
    }
}
