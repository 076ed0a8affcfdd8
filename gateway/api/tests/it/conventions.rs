//! What every resource does alike, on a plain one.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Server, id};

#[tokio::test]
async fn a_plain_resource_is_made_read_changed_deleted_and_restored() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let made = server.post(&path, json!({ "name": "greet", "description": "says hello" })).await.expect(201);
    let item = format!("{path}/{}", made.id());
    assert_eq!(made.headers["location"], item.as_str());
    assert_eq!(made.data()["bot_id"], server.bot().to_string());
    assert_eq!(made.data()["is_active"], true);
    assert!(made.data()["created_at"].as_str().is_some_and(|text| text.ends_with('Z') && text.len() == 27));
    assert!(made.data().get("organization_id").is_none());

    assert_eq!(server.get(&item).await.expect(200).data(), made.data());
    let changed =
        server.call(Method::PATCH, &item, &[], Some(json!({ "description": null }))).await.expect(200);
    assert_eq!(changed.data()["description"], Value::Null);
    assert_eq!(changed.data()["name"], "greet");

    server.delete(&item).await.expect(204);
    server.get(&item).await.expect(404);
    server.delete(&item).await.expect(404);
    assert_eq!(server.get(&path).await.expect(200).data(), &json!([]));
    let restored = server.post(&format!("{item}/restore"), json!({})).await.expect(200);
    assert_eq!(restored.id(), made.id());
    server.get(&item).await.expect(200);
    server.post(&format!("{item}/restore"), json!({})).await.expect(404);
}

#[tokio::test]
async fn faults_of_a_body_are_told_by_field() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let answer = server
        .post(&path, json!({ "name": "Not An Ident", "nmae": 1, "is_active": "yes", "example_count": 5 }))
        .await
        .expect(400);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.code(), "invalid");
    let fields: Vec<&str> = answer.body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["field"].as_str())
        .collect();
    assert_eq!(fields, ["example_count", "is_active", "name", "nmae"]);
    assert!(
        answer.body["errors"][3]["detail"].as_str().is_some_and(|text| text.contains("did you mean `name`"))
    );
    for body in ["[1]", "{", "\"a\"", "{\"name\":\"\\u0000\"}"] {
        let request = axum::http::Request::post(&path)
            .header("authorization", format!("Bearer {}", server.acme.token.expose()))
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body))
            .expect("a request");
        assert_eq!(server.send(request).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn rules_of_the_data_are_told_by_field() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    server.post(&path, json!({ "name": "greet" })).await.expect(201);
    let taken = server.post(&path, json!({ "name": "greet" })).await.expect(409);
    assert_eq!((taken.code(), &taken.body["field"]), ("taken", &json!("name")));
    let dangling = server.post(&path, json!({ "name": "part", "target_flow_id": id() })).await.expect(400);
    assert_eq!(dangling.body["field"], "target_flow_id");
    let entity = format!("/v1/bots/{}/entities", server.bot());
    let rule = server.post(&entity, json!({ "name": "size", "kind": "pattern" })).await.expect(400);
    assert_eq!(rule.body["field"], "pattern");
}

#[tokio::test]
async fn a_body_is_json_and_not_too_long() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let request = |kind: &str, body: String| {
        axum::http::Request::post(&path)
            .header("authorization", format!("Bearer {}", server.acme.token.expose()))
            .header("content-type", kind)
            .body(axum::body::Body::from(body))
            .expect("a request")
    };
    let answer = server.send(request("text/plain", "{}".to_owned())).await.expect(415);
    assert_eq!(answer.code(), "unsupported_media_type");
    let long = json!({ "name": "a", "description": "x".repeat(300_000) }).to_string();
    assert_eq!(server.send(request("application/json", long)).await.expect(413).code(), "too_large");
}

#[tokio::test]
async fn a_list_is_paged_by_key_in_every_sort() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let mut names: Vec<String> = (0..7).map(|number| format!("i{}", (number * 3) % 7)).collect();
    for name in &names {
        server.post(&path, json!({ "name": name })).await.expect(201);
    }
    for sort in ["id", "-id", "name", "-name", "created_at", "-created_at"] {
        let mut seen = Vec::new();
        let mut next = format!("{path}?limit=3&sort={sort}");
        loop {
            let page = server.get(&next).await.expect(200);
            seen.extend(
                page.data()
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|row| row["name"].as_str().expect("a name").to_owned()),
            );
            match page.body["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}?limit=3&sort={sort}&cursor={cursor}"),
                None => break,
            }
        }
        let mut expected = names.clone();
        match sort {
            "name" => expected.sort(),
            "-name" => expected.sort_by(|one, other| other.cmp(one)),
            "-id" | "-created_at" => expected.reverse(),
            _ => {}
        }
        assert_eq!(seen, expected, "{sort}");
    }
    names.truncate(0);
    let page = server.get(&format!("{path}?limit=2")).await.expect(200);
    let cursor = page.body["next_cursor"].as_str().expect("more");
    server.get(&format!("{path}?sort=name&cursor={cursor}")).await.expect(400);
}

#[tokio::test]
async fn a_list_is_filtered_and_cut_to_fields() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    for (name, active) in [("a", true), ("b", false), ("c", true)] {
        server.post(&path, json!({ "name": name, "is_active": active })).await.expect(201);
    }
    let names = |answer: crate::harness::Answer| -> Vec<String> {
        let rows = answer.expect(200);
        rows.data()
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| row["name"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    assert_eq!(names(server.get(&format!("{path}?filter[is_active]=true")).await), ["a", "c"]);
    assert_eq!(names(server.get(&format!("{path}?filter[name]=b,c")).await), ["b", "c"]);
    assert_eq!(
        names(server.get(&format!("{path}?filter[target_flow_id][null]=true&limit=2")).await),
        ["a", "b"]
    );
    assert_eq!(
        names(server.get(&format!("{path}?filter[created_at][lt]=2020-01-01T00:00:00Z")).await).len(),
        0
    );
    let cut = server.get(&format!("{path}?fields=name&limit=1")).await.expect(200);
    let keys: Vec<&String> = cut.data()[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["id", "name"]);
    for wrong in [
        "filter[nope]=1",
        "filter[is_active]=maybe",
        "sort=description",
        "fields=nope",
        "limit=0",
        "offset=5",
    ] {
        server.get(&format!("{path}?{wrong}")).await.expect(400);
    }
}

#[tokio::test]
async fn a_versioned_row_is_changed_only_in_the_state_that_was_read() {
    let server = Server::start().await;
    let made = server
        .post("/v1/tools", json!({ "name": "clock", "kind": "calculator", "description": "tells the time" }))
        .await
        .expect(201);
    let item = format!("/v1/tools/{}", made.id());
    let answer = server.call(Method::PATCH, &item, &[], Some(json!({ "name": "watch" }))).await.expect(428);
    assert_eq!(answer.code(), "match_required");
    let changed = server.patch(&item, &made.etag(), json!({ "name": "watch" })).await.expect(200);
    assert_ne!(changed.etag(), made.etag());
    assert_eq!(
        server.patch(&item, &made.etag(), json!({ "name": "sundial" })).await.expect(412).code(),
        "stale"
    );
    server.patch(&item, "\"nonsense\"", json!({})).await.expect(412);
    server.patch(&item, "*", json!({ "name": "sundial" })).await.expect(200);
    server.call(Method::DELETE, &item, &[("if-match", &made.etag())], None).await.expect(412);
    server.delete(&item).await.expect(204);
}

#[tokio::test]
async fn an_action_moves_a_row_from_a_state_it_may_be_taken_from() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/workflows", server.bot());
    let made = server.post(&path, json!({ "name": "triage" })).await.expect(201);
    let item = format!("{path}/{}", made.id());
    let refused = server.post(&format!("{item}/disable"), json!({})).await.expect(409);
    assert_eq!((refused.code(), &refused.body["state"]), ("wrong_state", &json!("draft")));
    assert_eq!(
        server.post(&format!("{item}/activate"), json!({})).await.expect(200).data()["status"],
        "active"
    );
    assert_eq!(
        server.post(&format!("{item}/activate"), json!({})).await.expect(200).data()["status"],
        "active"
    );
    assert_eq!(server.post(&format!("{item}/execute"), json!({})).await.expect(501).code(), "not_available");
}

#[tokio::test]
async fn children_of_what_was_deleted_are_hidden() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/entities", server.bot());
    let entity = server.post(&path, json!({ "name": "size" })).await.expect(201).id();
    let values = format!("/v1/entities/{entity}/values");
    let value = server.post(&values, json!({ "value": "large", "synonyms": ["big"] })).await.expect(201).id();
    server.delete(&format!("{path}/{entity}")).await.expect(204);
    server.get(&values).await.expect(404);
    server.get(&format!("{values}/{value}")).await.expect(404);
    server.post(&values, json!({ "value": "small" })).await.expect(404);
    server.post(&format!("{path}/{entity}/restore"), json!({})).await.expect(200);
    server.get(&format!("{values}/{value}")).await.expect(200);
}

#[tokio::test]
async fn every_answer_tells_browsers_what_it_is_not() {
    let server = Server::start().await;
    for path in ["/v1/bots", "/v1/nothing", "/v1/openapi.json"] {
        let answer = server.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        let policy = answer.headers["content-security-policy"].to_str().expect("a text");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn every_change_stands_in_the_audit_log() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let made = server.post(&path, json!({ "name": "greet" })).await.expect(201);
    let item = format!("{path}/{}", made.id());
    server.call(Method::PATCH, &item, &[], Some(json!({ "name": "hail" }))).await.expect(200);
    server.delete(&item).await.expect(204);
    let entries: Vec<(String, Option<Value>, Option<Value>)> = sqlx::query_as(
        "SELECT action, old_values, new_values FROM audit_logs WHERE resource_type = 'intents' ORDER BY seq",
    )
    .fetch_all(&server.pool)
    .await
    .expect("entries");
    let actions: Vec<&str> = entries.iter().map(|(action, ..)| action.as_str()).collect();
    assert_eq!(actions, ["intents.created", "intents.updated", "intents.deleted"]);
    assert_eq!(
        (&entries[1].1, &entries[1].2),
        (&Some(json!({ "name": "greet" })), &Some(json!({ "name": "hail" })))
    );
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let server = Server::start().await;
    let one = server.get("/v1/tools").await.expect(200);
    let other = server.get("/v1/nothing").await.expect(404);
    assert_eq!(other.code(), "not_found");
    assert_ne!(one.headers["x-request-id"], other.headers["x-request-id"]);
    server.call(Method::PUT, "/v1/tools", &[], None).await.expect(405);
}
