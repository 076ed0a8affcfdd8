//! `Idempotency-Key`.

use axum::http::Method;
use botbuilder_api::routes::Access;
use serde_json::json;

use crate::harness::{Server, id};

#[tokio::test]
async fn a_repeated_call_gets_the_answer_of_the_first_and_changes_nothing() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let body = json!({ "name": "greet" });
    let key = [("idempotency-key", "k-1")];
    let first = server.call(Method::POST, &path, &key, Some(body.clone())).await.expect(201);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let second = server.call(Method::POST, &path, &key, Some(body)).await.expect(201);
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(first.body, second.body);
    assert_eq!(first.headers["location"], second.headers["location"]);
    assert_eq!(server.count("SELECT count(*) FROM intents").await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_call() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let key = [("idempotency-key", "k-1")];
    server.call(Method::POST, &path, &key, Some(json!({ "name": "greet" }))).await.expect(201);
    let answer = server.call(Method::POST, &path, &key, Some(json!({ "name": "part" }))).await.expect(409);
    assert_eq!(answer.code(), "idempotency_key_reused");
    // Another caller's keys are apart.
    let path = format!("/v1/bots/{}/intents", server.other.bot);
    let token = server.other.token.expose().clone();
    server.call_as(&token, Method::POST, &path, &key, Some(json!({ "name": "greet" }))).await.expect(201);
}

#[tokio::test]
async fn the_same_call_at_the_same_time_is_told_to_wait() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let key = [("idempotency-key", "k-1")];
    let body = json!({ "name": "greet" });
    server.call(Method::POST, &path, &key, Some(body.clone())).await.expect(201);
    // As if the first were still being made.
    sqlx::query(
        "UPDATE idempotency_keys SET status = 'in_progress', response_body = NULL, response_status = NULL",
    )
    .execute(&server.pool)
    .await
    .expect("a change");
    let answer = server.call(Method::POST, &path, &key, Some(body)).await.expect(409);
    assert_eq!(answer.code(), "idempotency_in_progress");
    assert_eq!(answer.headers["retry-after"], "1");
}

/// The program died after the change and before it kept the answer: the note stands in the change's own transaction.
#[tokio::test]
async fn a_call_whose_answer_is_lost_is_not_made_again() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let key = [("idempotency-key", "k-1")];
    let body = json!({ "name": "greet" });
    server.call(Method::POST, &path, &key, Some(body.clone())).await.expect(201);
    let forget = |locked: &str| {
        format!(
            "UPDATE idempotency_keys SET response_body = NULL, response_status = NULL, locked_until = {locked}"
        )
    };
    sqlx::query(sqlx::AssertSqlSafe(forget("now() + interval '1 minute'")))
        .execute(&server.pool)
        .await
        .expect("a change");
    let answer = server.call(Method::POST, &path, &key, Some(body.clone())).await.expect(409);
    assert_eq!(answer.code(), "idempotency_in_progress");
    sqlx::query(sqlx::AssertSqlSafe(forget("now() - interval '1 second'")))
        .execute(&server.pool)
        .await
        .expect("a change");
    let answer = server.call(Method::POST, &path, &key, Some(body)).await.expect(409);
    assert_eq!(answer.code(), "idempotency_answer_lost");
    assert_eq!(server.count("SELECT count(*) FROM intents").await, 1);
}

#[tokio::test]
async fn a_call_that_changed_nothing_may_be_made_again() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let key = [("idempotency-key", "k-1")];
    let body = json!({ "name": "greet" });
    server.call(Method::POST, &path, &key, Some(body.clone())).await.expect(201);
    // As if it had died before the change.
    let before =
        "UPDATE idempotency_keys SET status = 'in_progress', response_body = NULL, response_status = NULL,
                         locked_until = now() - interval '1 second'";
    sqlx::query(before).execute(&server.pool).await.expect("a change");
    sqlx::query("DELETE FROM intents").execute(&server.pool).await.expect("a deletion");
    server.call(Method::POST, &path, &key, Some(body)).await.expect(201);
}

#[tokio::test]
async fn a_refusal_is_kept_too_and_a_key_has_a_form() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let key = [("idempotency-key", "k-1")];
    server.call(Method::POST, &path, &key, Some(json!({}))).await.expect(400);
    let again = server.call(Method::POST, &path, &key, Some(json!({}))).await.expect(400);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["content-type"], "application/problem+json");
    let long = "k".repeat(129);
    let answer = server.call(Method::POST, &path, &[("idempotency-key", &long)], Some(json!({}))).await;
    assert_eq!(answer.expect(400).body["field"], "Idempotency-Key");
}

/// Every mutating route of the table but `/v1/auth`: the second call is answered as the first, whatever that was.
#[tokio::test]
async fn every_mutating_route_honours_the_key() {
    let server = Server::start().await;
    let routes = botbuilder_api::routes();
    let mut asked = 0;
    for (number, operation) in routes.operations().iter().enumerate() {
        if operation.method.is_safe() {
            continue;
        }
        if operation.path.starts_with("/v1/auth/") || operation.access == Access::Public {
            assert!(!operation.honours_key(), "{}", operation.path);
            continue;
        }
        assert!(operation.honours_key(), "{}", operation.path);
        let path: Vec<String> = operation
            .path
            .split('/')
            .map(|segment| if segment.starts_with('{') { id().to_string() } else { segment.to_owned() })
            .collect();
        let path = path.join("/");
        let key = format!("key-{number}");
        let headers = [("idempotency-key", key.as_str())];
        let first = server.call(operation.method.clone(), &path, &headers, None).await;
        if operation.access == Access::Account {
            // A token is no person; people's keys are honoured where they are in an organization.
            assert_eq!((first.status.as_u16(), first.code()), (403, "session_required"), "{path}");
            continue;
        }
        let fine = !first.status.is_server_error() || first.status == 501;
        assert!(fine, "{} {path}: {first:#?}", operation.method);
        let second = server.call(operation.method.clone(), &path, &headers, None).await;
        assert_eq!(second.status, first.status, "{} {path}", operation.method);
        assert!(
            second.headers.contains_key("idempotency-replayed"),
            "{} {path}: {second:?}",
            operation.method
        );
        asked += 1;
    }
    assert!(asked > 80, "{asked}");
}
