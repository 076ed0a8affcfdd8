//! The OpenAPI document, made of the route table: what the router serves and what the document says cannot differ.
//! It is committed as `docs/openapi.json`; a test compares. Served at `/v1/openapi.json`, with a page to try it.

mod examples;
mod links;

use std::collections::BTreeMap;

use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::routes::{Access, Operation, Routes};

/// Where the document is served.
pub const PATH: &str = "/v1/openapi.json";

/// The document and the page to try it.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get(PATH, Access::Public, "this document").gives(json!({ "type": "object" })),
            async || serve(),
        )
        .add(
            Operation::get("/v1/docs", Access::Public, "a page to try the API").produces("text/html"),
            async || Html(include_str!("openapi.html")),
        )
}

fn serve() -> Response {
    static DOCUMENT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let document = DOCUMENT.get_or_init(|| document(crate::routes().operations()).to_string());
    ([(header::CONTENT_TYPE, "application/json")], document.as_str()).into_response()
}

/// The document of the management API.
pub fn document(operations: &[Operation]) -> Value {
    document_of("BotBuilder management API", operations)
}

/// The example of what an operation takes, where it makes something new.
pub fn example(operation: &Operation) -> Option<Value> {
    examples::of(operation)
}

/// A document of these operations.
pub fn document_of(title: &str, operations: &[Operation]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let method = operation.method.as_str().to_ascii_lowercase();
        let described = described(operation, operations, &mut schemas);
        paths.entry(operation.path.clone()).or_default().insert(method, described);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": "1",
            "description": "Conventions are in docs/API-DESIGN.md.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas.finished(),
            "responses": { "Problem": {
                "description": "a problem",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
        },
    })
}

/// Schemas with a title, each said once.
#[derive(Default)]
struct Schemas(Map<String, Value>);

impl Schemas {
    /// A reference to a schema with a title; a schema without one as it is.
    fn refer(&mut self, schema: &Value) -> Value {
        let Some(title) = schema.get("title").and_then(Value::as_str) else { return schema.clone() };
        let name = title.replace(' ', "_");
        self.0.entry(name.clone()).or_insert_with(|| schema.clone());
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    fn finished(mut self) -> Value {
        let problem = json!({
            "type": "object",
            "properties": {
                "type": { "type": "string" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "code": { "type": "string", "description": "a stable word for programs" },
                "detail": { "type": "string", "description": "a sentence for people" },
                "field": { "type": "string", "description": "the part of the request that is meant" },
                "errors": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "field": { "type": "string" }, "detail": { "type": "string" } },
                } },
            },
            "required": ["status", "code", "detail"],
        });
        self.0.insert("Problem".to_owned(), problem);
        Value::Object(self.0)
    }
}

fn described(operation: &Operation, all: &[Operation], schemas: &mut Schemas) -> Value {
    let mut described = Map::new();
    described.insert("operationId".to_owned(), json!(operation_id(operation)));
    described.insert("summary".to_owned(), json!(operation.summary));
    let mut tags = vec![tag(&operation.path)];
    if operation.status == 501 {
        tags.push("not available yet");
    }
    described.insert("tags".to_owned(), json!(tags));
    match operation.access {
        Access::Public => {
            described.insert("security".to_owned(), json!([]));
        }
        Access::Permission(permission) => {
            described.insert("x-permission".to_owned(), json!(permission.to_string()));
        }
        Access::Staff(need) => {
            described.insert("x-staff".to_owned(), json!(need.as_str()));
        }
        Access::Account | Access::Caller => {}
    }
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if let Some(schema) = &operation.request {
        let schema = if schema.is_null() { json!({ "type": "object" }) } else { schemas.refer(schema) };
        let mut content = json!({ "schema": schema });
        if let Some(example) = examples::of(operation) {
            content["example"] = example;
        }
        described.insert("requestBody".to_owned(), body(operation, &content));
    } else if operation.consumes.contains(&"application/octet-stream") {
        // Bytes have no schema.
        described.insert("requestBody".to_owned(), body(operation, &json!({})));
    }
    described.insert("responses".to_owned(), responses(operation, all, schemas));
    Value::Object(described)
}

/// A body that is wanted, in each of the types that are taken.
fn body(operation: &Operation, content: &Value) -> Value {
    let types = operation.consumes.iter().map(|media_type| ((*media_type).to_owned(), content.clone()));
    json!({ "required": true, "content": types.collect::<Map<String, Value>>() })
}

/// `get_v1_bots_bot_id_intents`: made of what the operation is, so that it never moves by itself.
fn operation_id(operation: &Operation) -> String {
    let path = operation.path.replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    format!("{}{path}", operation.method.as_str().to_ascii_lowercase())
}

/// The first word of the address after the version.
fn tag(path: &str) -> &str {
    path.strip_prefix("/admin").unwrap_or(path).split('/').nth(2).unwrap_or_default()
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let mut parameters = Vec::new();
    for segment in operation.path.split('/') {
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let schema = match name {
                "version" => json!({ "type": "integer", "minimum": 1 }),
                "type" | "topic" => json!({ "type": "string" }),
                "sha256" => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
                _ => json!({ "type": "string", "format": "uuid" }),
            };
            parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
    }
    if operation.is_list {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 });
        parameters.push(json!({ "name": "limit", "in": "query", "schema": limit }));
        let text = "`next_cursor` of the piece before";
        parameters.push(
            json!({ "name": "cursor", "in": "query", "schema": { "type": "string" }, "description": text }),
        );
    }
    for (name, schema, description) in &operation.query {
        let mut parameter =
            json!({ "name": name, "in": "query", "schema": schema, "description": description });
        if schema.get("type").and_then(Value::as_str) == Some("object") {
            parameter["style"] = json!("deepObject");
            parameter["explode"] = json!(true);
        }
        parameters.push(parameter);
    }
    if operation.takes_match {
        let text = "the ETag of the state that is changed";
        parameters.push(json!({ "name": "If-Match", "in": "header", "schema": { "type": "string" }, "description": text }));
    }
    if operation.honours_key() {
        let schema = json!({ "type": "string", "maxLength": 128 });
        let text = "a repeated call under the same key changes nothing";
        parameters.push(
            json!({ "name": "Idempotency-Key", "in": "header", "schema": schema, "description": text }),
        );
    }
    parameters
}

fn responses(operation: &Operation, all: &[Operation], schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    let problem = json!({ "$ref": "#/components/responses/Problem" });
    let mut success = match (&operation.answer, operation.status) {
        (_, 501) => problem.clone(),
        (_, 204) => json!({ "description": "done" }),
        (answer, _) => {
            let data = answer.as_ref().filter(|answer| !answer.is_null());
            let data = data.map_or_else(|| json!({}), |data| schemas.refer(data));
            let schema = if operation.produces != "application/json" {
                json!({ "type": "string" })
            } else if operation.path.ends_with("/openapi.json") {
                data
            } else if operation.is_list {
                json!({
                    "type": "object",
                    "properties": {
                        "data": { "type": "array", "items": data },
                        "next_cursor": { "type": ["string", "null"] },
                    },
                    "required": ["data"],
                })
            } else {
                json!({ "type": "object", "properties": { "data": data } })
            };
            json!({ "description": "success", "content": { operation.produces: { "schema": schema } } })
        }
    };
    let links = links::of(operation, all);
    if !links.is_empty() {
        success["links"] = Value::Object(links);
    }
    responses.insert(operation.status.to_string(), success);
    responses.insert("default".to_owned(), problem);
    Value::Object(responses)
}
