//! The OpenAPI document.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

use botbuilder_api::routes::{Access, Operation};
use serde_json::Value;

use crate::harness::Server;

/// Set, it makes the test write the document instead of comparing it.
const UPDATE: &str = "BOTBUILDER_UPDATE_OPENAPI";

#[test]
fn committed_document_is_that_of_the_code() {
    let routes = botbuilder_api::routes();
    let made = botbuilder_api::openapi::document(routes.operations());
    let made = format!("{}\n", serde_json::to_string_pretty(&made).expect("JSON"));
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&file, &made).expect("docs/openapi.json");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let hint = format!("docs/openapi.json differs; run this test with {UPDATE}=1 and commit what it writes");
    assert!(committed == made, "{hint}");
}

/// The table of `docs/API-DESIGN.md` with what has no engine yet, as the route table has it.
#[test]
fn what_is_not_available_is_listed_with_what_is_missing() {
    let routes = botbuilder_api::routes();
    let mut missing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for operation in routes.operations().iter().filter(|operation| operation.status == 501) {
        let what = operation.summary.strip_prefix("not available yet: ").expect("what is missing");
        missing.entry(what).or_default().push(format!("`{} {}`", operation.method, operation.path));
    }
    let lines = missing.into_iter().map(|(what, mut routes)| {
        routes.sort();
        format!("| {what} | {} |\n", routes.join(", "))
    });
    let table = format!("| Missing | Routes |\n| --- | --- |\n{}", lines.collect::<String>());
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/API-DESIGN.md");
    let page = std::fs::read_to_string(&file).expect("docs/API-DESIGN.md");
    let (before, rest) = page.split_once("| Missing | Routes |").expect("the table");
    let (_, after) = rest.split_once("\n\n").expect("its end");
    let written = format!("{before}{table}\n{after}");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&file, &written).expect("docs/API-DESIGN.md");
        return;
    }
    assert!(page == written, "the table of docs/API-DESIGN.md differs; run this test with {UPDATE}=1");
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let routes = botbuilder_api::routes();
    let document = botbuilder_api::openapi::document(routes.operations());
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 200, "{}", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut names = BTreeSet::new();
    for methods in document["paths"].as_object().expect("paths").values() {
        for operation in methods.as_object().expect("methods").values() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{name}");
        }
    }
    assert_eq!(names.len(), routes.operations().len());
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                references.push(reference.clone());
            }
            fields.values().for_each(|field| collect(field, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

/// Where what an address asks for by this name is made.
const MADE_AT: [(&str, &str); 7] = [
    ("entity_id", "/v1/bots/{bot_id}/entities"),
    ("flow_id", "/v1/bots/{bot_id}/flows"),
    ("intent_id", "/v1/bots/{bot_id}/intents"),
    ("knowledge_base_id", "/v1/knowledge-bases"),
    ("model_id", "/v1/models"),
    ("agent_id", "/v1/bots/{bot_id}/agents"),
    ("plugin_id", "/v1/publisher/plugins"),
];

/// Examples are what a program begins with: each makes what it is an example of.
#[tokio::test]
async fn every_example_is_taken() {
    let server = Server::start().await;
    sqlx::query("UPDATE user_subscriptions SET limits_override = '{\"bots\": 100, \"channels\": 100, \"seats\": 100}'")
        .execute(&server.pool)
        .await
        .expect("a change");
    let routes = botbuilder_api::routes();
    let mut made: HashMap<&str, String> = HashMap::new();
    made.insert("bot_id", server.bot().to_string());
    made.insert("channel_id", server.acme.telegram.to_string());
    let mut taken = Vec::new();
    // What is below something else comes after it.
    let mut operations: Vec<&Operation> =
        routes.operations().iter().filter(|operation| operation.path.starts_with("/v1/")).collect();
    operations.sort_by_key(|operation| operation.path.matches('/').count());
    for operation in operations {
        let Some(example) = botbuilder_api::openapi::example(operation) else { continue };
        if operation.access == Access::Account || operation.path.starts_with("/v1/auth/") {
            continue;
        }
        let segments: Option<Vec<&str>> = operation
            .path
            .split('/')
            .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => made.get(name).map(String::as_str),
                None => Some(segment),
            })
            .collect();
        let Some(path) = segments.map(|segments| segments.join("/")) else { continue };
        let answer = server.post(&path, example.clone()).await;
        // A token is no person.
        if answer.code() == "session_required" {
            continue;
        }
        assert_eq!(answer.status, 201, "{path} {example}: {answer:#?}");
        if let Some((name, _)) = MADE_AT.iter().find(|(_, at)| *at == operation.path) {
            made.insert(*name, answer.id());
        }
        taken.push(operation.path.clone());
    }
    assert!(taken.len() > 10, "{} {taken:#?}", taken.len());
}

#[tokio::test]
async fn document_and_page_are_served_to_everybody() {
    let server = Server::start().await;
    let request =
        |path: &str| axum::http::Request::get(path).body(axum::body::Body::empty()).expect("a request");
    let document = server.send(request("/v1/openapi.json")).await.expect(200);
    assert_eq!(document.body["openapi"], "3.1.0");
    let page = server.send(request("/v1/docs")).await.expect(200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
}
