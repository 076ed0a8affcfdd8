//! The OpenAPI document.

use std::{collections::BTreeSet, path::PathBuf};

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
