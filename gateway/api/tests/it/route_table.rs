//! Every route there is, from the table that the router is made of.

use axum::{
    body::Body,
    http::{Method, Request},
};
use botbuilder_api::routes::{Access, Operation};
use serde_json::json;

use crate::harness::{Server, id};

/// An address with its parameters filled: what belongs to the other organization where there is such a thing, else an
/// id that nothing has.
fn foreign(server: &Server, operation: &Operation) -> String {
    fill(operation, |name, before| match (name, before) {
        ("bot_id", _) | ("id", "bots") => server.other.bot.to_string(),
        ("channel_id", _) | ("id", "channels") => server.other.telegram.to_string(),
        _ => id().to_string(),
    })
}

fn fill(operation: &Operation, value: impl Fn(&str, &str) -> String) -> String {
    let mut before = "";
    let mut filled = Vec::new();
    for segment in operation.path.split('/') {
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => filled.push(value(name, before)),
            None => filled.push(segment.to_owned()),
        }
        before = segment;
    }
    filled.join("/")
}

fn guarded() -> Vec<Operation> {
    let routes = botbuilder_api::routes();
    routes.operations().iter().filter(|operation| operation.access != Access::Public).cloned().collect()
}

#[tokio::test]
async fn without_or_with_broken_credentials_every_route_answers_401() {
    let server = Server::start().await;
    let broken = [
        None,
        Some(
            "Bearer bb_000000000000_0000000000000000000000000000000000000000000000000000000000000000"
                .to_owned(),
        ),
        Some(format!("Bearer {}x", server.acme.token.expose())),
        Some(format!("Basic {}", server.acme.token.expose())),
        Some("Bearer".to_owned()),
    ];
    let mut asked = 0;
    for operation in guarded() {
        let path = fill(&operation, |_, _| id().to_string());
        for credentials in &broken {
            let mut request = Request::builder().method(operation.method.clone()).uri(&path);
            if let Some(credentials) = credentials {
                request = request.header("authorization", credentials);
            }
            let answer = server.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, 401, "{} {path} {credentials:?}", operation.method);
            assert_eq!(answer.code(), "unauthenticated");
            asked += 1;
        }
    }
    assert!(asked > 500, "{asked}");
}

#[tokio::test]
async fn what_is_another_organizations_is_nowhere() {
    let server = Server::start().await;
    for operation in guarded().into_iter().filter(|operation| operation.path.contains('{')) {
        if operation.access == Access::Account {
            // A token is no person; what a person meets there is in the tests of identity and tenancy.
            let path = foreign(&server, &operation);
            assert_eq!(server.call(operation.method, &path, &[], None).await.code(), "session_required");
            continue;
        }
        let path = foreign(&server, &operation);
        let is_json = operation.consumes == ["application/json"];
        let has_body = !operation.method.is_safe() && operation.method != Method::DELETE;
        let body = (has_body && is_json).then(|| json!({}));
        let mut headers = vec![("if-match", "*")];
        headers.extend((has_body && !is_json).then_some(("content-type", operation.consumes[0])));
        let answer = server.call(operation.method.clone(), &path, &headers, body).await;
        let status = answer.status.as_u16();
        // An engine that is not there has nothing to look for; a body is looked at before the row it is for.
        let is_create = operation.method == Method::POST && operation.request.is_some();
        if operation.access == Access::Account {
            assert_eq!((status, answer.code()), (403, "session_required"), "{path}");
            continue;
        }
        let fine = status == 404 || status == 501 || (is_create && status == 400);
        assert!(fine, "{} {path}: {answer:#?}", operation.method);
        if status == 404 {
            assert_eq!(answer.code(), "not_found");
        }
    }
}

#[tokio::test]
async fn a_token_without_the_right_answers_403() {
    let server = Server::start().await;
    sqlx::query("UPDATE api_tokens SET scopes = '{usage:read}' WHERE organization_id = $1")
        .bind(server.acme.org.uuid())
        .execute(&server.pool)
        .await
        .expect("a change");
    for operation in guarded() {
        let Access::Permission(permission) = operation.access else { continue };
        if permission.to_string() == "usage:read" {
            continue;
        }
        let path = fill(&operation, |_, _| id().to_string());
        let answer = server.call(operation.method.clone(), &path, &[], None).await;
        assert_eq!(answer.status, 403, "{} {path}", operation.method);
        assert_eq!(answer.body["permission"], permission.to_string());
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_nowhere() {
    let server = Server::start().await;
    for operation in guarded().into_iter().filter(|operation| operation.path.contains('{')) {
        let is_asked = operation.method == Method::GET && operation.access != Access::Account;
        if !is_asked || operation.status == 501 {
            continue;
        }
        let path = fill(&operation, |_, _| "no-id".to_owned());
        assert_eq!(server.get(&path).await.status, 404, "{path}");
    }
}

/// The widget's change looks first whether there is one; the tests of the widget see to it.
const LOOKS_FIRST: &str = "/v1/bots/{id}/widget";

#[tokio::test]
async fn a_header_that_is_no_tag_is_400_and_a_change_must_name_a_state() {
    let server = Server::start().await;
    let (mut asked, mut changes) = (0, 0);
    // A token is no person: what only persons may do refuses it before.
    let versioned =
        guarded().into_iter().filter(|known| known.takes_match && known.access != Access::Account);
    for operation in versioned {
        let path = fill(&operation, |_, _| id().to_string());
        for tag in ["7", "\"7", "\"7\", \"8\"", ""] {
            let answer = server.call(operation.method.clone(), &path, &[("if-match", tag)], None).await;
            assert_eq!(answer.status, 400, "{} {path} {tag}: {:?}", operation.method, answer.body);
            assert_eq!(answer.body["field"], "If-Match");
            asked += 1;
        }
        if operation.method == Method::PATCH && operation.path != LOOKS_FIRST {
            let answer = server.call(Method::PATCH, &path, &[], Some(json!({}))).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (428, "match_required"), "{path}");
            changes += 1;
        }
    }
    assert!(asked > 200 && changes > 15, "{asked} {changes}");
    let bot = server.bot();
    for (method, path) in [(Method::PATCH, ""), (Method::DELETE, ""), (Method::POST, "/pause")] {
        let path = format!("/v1/bots/{bot}{path}");
        for old in ["\"99\"", "W/\"1\"", "\"none\""] {
            let answer = server.call(method.clone(), &path, &[("if-match", old)], None).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (412, "stale"), "{method} {path} {old}");
        }
    }
}

#[test]
fn no_route_stands_twice_and_each_has_a_summary() {
    let routes = botbuilder_api::routes();
    let mut seen = std::collections::BTreeSet::new();
    for operation in routes.operations() {
        assert!(seen.insert((operation.method.to_string(), operation.path.clone())), "{}", operation.path);
        assert!(!operation.summary.is_empty(), "{}", operation.path);
        assert!(operation.path.starts_with("/v1/"), "{}", operation.path);
    }
}
