//! Orchestrations: what their transitions may say, and in which order they are tried.

use serde_json::{Value, json};

use crate::harness::{Server, flow, made};

/// An orchestration that begins with a published flow, and that flow.
async fn orchestration(server: &Server) -> (String, String) {
    let flows = format!("/v1/bots/{}/flows", server.bot());
    let flow = made(server, &flows, json!({ "name": "Entry", "draft_definition": flow() })).await;
    server.post(&format!("{flows}/{flow}/publish"), json!({})).await.expect(200);
    let new = json!({ "bot_id": server.bot(), "name": "All", "entry_flow_id": flow });
    let id = made(server, "/v1/orchestrations", new).await;
    (format!("/v1/orchestrations/{id}"), flow)
}

fn way(flow: &str, kind: &str, value: &Value) -> Value {
    json!({ "from_flow_id": flow, "to_flow_id": flow, "trigger_type": kind, "trigger_value": value })
}

#[tokio::test]
async fn transitions_are_tried_in_the_order_they_are_put_into() {
    let server = Server::start().await;
    let (item, flow) = orchestration(&server).await;
    let path = format!("{item}/transitions");
    let mut ids = Vec::new();
    for word in ["one", "two", "three"] {
        ids.push(made(&server, &path, way(&flow, "on_keyword", &json!({ "keywords": [word] }))).await);
    }
    ids.reverse();
    server.post(&format!("{path}/reorder"), json!({ "ids": ids })).await.expect(200);
    // As the runtime reads them.
    let tried: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT id FROM flow_transitions ORDER BY priority DESC, id")
            .fetch_all(&server.pool)
            .await
            .expect("transitions");
    assert_eq!(tried.iter().map(ToString::to_string).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn a_transition_that_could_not_be_taken_is_refused() {
    let server = Server::start().await;
    let (item, flow) = orchestration(&server).await;
    let path = format!("{item}/transitions");
    for (kind, value) in [
        ("on_condition", json!({ "expression": "count >" })),
        ("on_keyword", json!({ "keywords": ["("], "match": "pattern" })),
    ] {
        let refused = server.post(&path, way(&flow, kind, &value)).await.expect(400);
        assert_eq!(refused.body["field"], "trigger_value", "{kind}");
    }
    let good = made(&server, &path, way(&flow, "on_condition", &json!({ "expression": "1 > 2" }))).await;
    let worse = json!({ "trigger_value": { "expression": "1 >" } });
    server.patch(&format!("{path}/{good}"), "*", worse).await.expect(400);
    server.patch(&format!("{path}/{good}"), "*", json!({ "label": "never" })).await.expect(200);

    // Everything that is missing is told at once, when it is to begin.
    made(&server, &path, way(&flow, "on_intent", &json!({ "intent": "buy" }))).await;
    let refused = server.post(&format!("{item}/activate"), json!({})).await.expect(422);
    assert_eq!(refused.code(), "orchestration_invalid");
    assert_eq!(refused.body["problems"].as_array().map(Vec::len), Some(1), "{}", refused.body);
    let intents = format!("/v1/bots/{}/intents", server.bot());
    made(&server, &intents, json!({ "name": "buy" })).await;
    server.post(&format!("{item}/activate"), json!({})).await.expect(200);
}

#[tokio::test]
async fn a_version_of_an_orchestration_brings_its_transitions_and_variables_back() {
    let server = Server::start().await;
    let (item, flow) = orchestration(&server).await;
    let (ways, variables) = (format!("{item}/transitions"), format!("{item}/variables"));
    let keyword = way(&flow, "on_keyword", &json!({ "keywords": ["help"] }));
    let first = made(&server, &ways, keyword).await;
    made(&server, &variables, json!({ "name": "color", "default_value": "red", "is_required": true })).await;
    let versions =
        format!("/v1/versions/flow_orchestration/{}", item.trim_start_matches("/v1/orchestrations/"));
    let version = server.post(&format!("{versions}/commit"), json!({})).await.expect(201);
    assert_eq!(version.data()["data"]["transitions"][0]["id"], first, "{:?}", version.data());
    let before = (server.get(&ways).await.expect(200), server.get(&variables).await.expect(200));

    server.patch(&format!("{ways}/{first}"), "*", json!({ "label": "other" })).await.expect(200);
    made(&server, &ways, way(&flow, "always", &json!({}))).await;
    let color = before.1.data()[0]["id"].as_str().expect("an id").to_owned();
    server.delete(&format!("{variables}/{color}")).await.expect(204);
    server.post(&format!("{versions}/rollback"), json!({ "version": 1 })).await.expect(200);

    let same = |was: &Value, is: &Value| {
        let (was, is) =
            (was.as_array().cloned().unwrap_or_default(), is.as_array().cloned().unwrap_or_default());
        assert_eq!(was.len(), is.len(), "{is:?}");
        for (was, is) in was.iter().zip(&is) {
            let names = was.as_object().into_iter().flat_map(|row| row.keys());
            for name in names.filter(|name| !["created_at", "updated_at"].contains(&name.as_str())) {
                assert_eq!(was[name], is[name], "{name}");
            }
        }
    };
    same(before.0.data(), server.get(&ways).await.expect(200).data());
    same(before.1.data(), server.get(&variables).await.expect(200).data());
}

#[tokio::test]
async fn versions_of_a_model_are_read_and_not_written() {
    let server = Server::start().await;
    let versions = format!("/v1/versions/nlu_model/{}", server.bot());
    assert_eq!(server.get(&versions).await.expect(200).data(), &json!([]));
    assert_eq!(server.post(&format!("{versions}/commit"), json!({})).await.expect(409).code(), "wrong_state");
    let branch = json!({ "name": "spring" });
    server.post(&format!("{versions}/branches"), branch).await.expect(409);
}
