//! What the map of the API has beside the plain verbs: orders, defaults, copies, consent, figures.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Server, id, made, run},
    people::World,
};

#[tokio::test]
async fn messages_are_put_into_an_order() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/messages", server.bot());
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        let body = json!({ "kind": "canned", "name": name, "content": { "text": name } });
        ids.push(made(&server, &path, body).await);
    }
    ids.reverse();
    let order = format!("{path}/reorder");
    let done = server.post(&order, json!({ "ids": ids })).await.expect(200);
    assert_eq!(done.data()["changed"], 3);
    let listed = server.get(&format!("{path}?sort=-priority&fields=id")).await.expect(200);
    let there: Vec<&str> =
        listed.data().as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(there, ids);
    // The same again changes nothing; one too few or one twice is no order.
    assert_eq!(server.post(&order, json!({ "ids": ids })).await.expect(200).data()["changed"], 0);
    server.post(&order, json!({ "ids": ids[..2] })).await.expect(400);
    server.post(&order, json!({ "ids": [ids[0], ids[0], ids[1]] })).await.expect(400);
    let foreign = format!("/v1/bots/{}/messages/reorder", server.other.bot);
    server.post(&foreign, json!({ "ids": [] })).await.expect(404);
}

#[tokio::test]
async fn values_come_in_many_and_those_that_are_there_stay() {
    let server = Server::start().await;
    let entities = format!("/v1/bots/{}/entities", server.bot());
    let entity = made(&server, &entities, json!({ "name": "city", "kind": "list" })).await;
    let path = format!("/v1/entities/{entity}/values/bulk");
    let body = json!({ "values": [{ "value": "Rome", "synonyms": ["Roma"] }, { "value": "Paris" }] });
    let answer = server.post(&path, body).await.expect(200);
    assert_eq!(answer.data(), &json!({ "created": 2, "already_there": 0 }));
    let again = server.post(&path, json!({ "values": [{ "value": "rome" }, { "value": "Oslo" }] })).await;
    assert_eq!(again.expect(200).data(), &json!({ "created": 1, "already_there": 1 }));
    let wrong =
        server.post(&path, json!({ "values": [{ "value": "Bern" }, { "synonyms": [] }] })).await.expect(400);
    assert_eq!(wrong.body["field"], "values[1].value");
    assert_eq!(server.count("SELECT count(*) FROM entity_values").await, 3);
}

#[tokio::test]
async fn a_bot_has_one_default_agent_and_workflow() {
    let server = Server::start().await;
    let bot = format!("/v1/bots/{}", server.bot());
    let agent = json!({ "name": "Ada", "instructions": "help", "model": "m" });
    let agent = made(&server, &format!("{bot}/agents"), agent).await;
    let set = server.call(Method::POST, &format!("{bot}/agents/{agent}/set-default"), &[], None).await;
    assert_eq!(set.expect(200).data()["default_agent_id"], json!(agent));

    let mut workflows = Vec::new();
    for name in ["one", "two"] {
        workflows.push(made(&server, &format!("{bot}/workflows"), json!({ "name": name })).await);
    }
    for workflow in &workflows {
        let path = format!("{bot}/workflows/{workflow}/set-default");
        let set = server.call(Method::POST, &path, &[], None).await.expect(200);
        assert_eq!(set.data()["is_default"], true);
    }
    assert_eq!(server.count("SELECT count(*) FROM agent_workflows WHERE is_default").await, 1);
}

#[tokio::test]
async fn experiments_and_campaigns_are_duplicated_as_drafts() {
    let server = Server::start().await;
    let experiment = json!({
        "name": "greeting", "target_type": "flow", "goal_event": "bought",
        "variants": [
            { "key": "a", "name": "A", "weight_bp": 5000, "is_control": true, "config": {} },
            { "key": "b", "name": "B", "weight_bp": 5000, "is_control": false, "config": {} },
        ],
    });
    let first = made(&server, "/v1/experiments", experiment).await;
    let path = format!("/v1/experiments/{first}/duplicate");
    let copy = server.post(&path, json!({ "name": "greeting again" })).await.expect(201);
    assert_eq!((&copy.data()["status"], &copy.data()["goal_event"]), (&json!("draft"), &json!("bought")));
    assert_eq!(server.count("SELECT count(DISTINCT salt) FROM ab_tests").await, 2);
    assert_eq!(server.post(&path, json!({ "name": "greeting" })).await.expect(409).code(), "taken");

    let campaign = json!({ "name": "carts", "kind": "cart_abandonment", "holdout_bp": 500 });
    let first = made(&server, "/v1/recovery/campaigns", campaign).await;
    let path = format!("/v1/recovery/campaigns/{first}/duplicate");
    let copy = server.post(&path, json!({ "name": "carts 2" })).await.expect(201);
    assert_eq!((&copy.data()["status"], &copy.data()["holdout_bp"]), (&json!("draft"), &json!(500)));
}

#[tokio::test]
async fn an_event_is_told_once_and_one_is_open_at_a_time() {
    let server = Server::start().await;
    let path = "/v1/recovery/events";
    let event = |source: &str, customer: &str| {
        json!({
            "customer_ref": customer, "event_type": "cart_abandoned", "source_event_id": source,
            "occurred_at": "2026-11-22T09:00:00Z", "value": 1000, "currency": "EUR",
        })
    };
    let first = server.post(path, event("e-1", "c-1")).await.expect(201);
    assert_eq!((&first.data()["source"], &first.data()["status"]), (&json!("api"), &json!("pending")));
    assert_eq!(server.post(path, event("e-1", "c-2")).await.expect(409).code(), "taken");
    let open = server.post(path, event("e-2", "c-1")).await.expect(409);
    assert_eq!((open.code(), &open.body["event_id"]), ("open", &json!(first.id())));
    let wrong = server.post(path, json!({ "customer_ref": "c" })).await.expect(400);
    assert_eq!(wrong.body["field"], "event_type");

    let batch = json!({ "events": [event("e-1", "c-1"), event("e-3", "c-1"), event("e-4", "c-3")] });
    let told = server.post(&format!("{path}/batch"), batch).await.expect(200);
    let outcomes: Vec<&str> =
        told.data().as_array().into_iter().flatten().filter_map(|row| row["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["known", "open", "created"]);

    let recovered = format!("{path}/{}/mark-recovered", first.id());
    let part =
        server.post(&recovered, json!({ "recovered_value": 500, "order_ref": "o-1" })).await.expect(200);
    assert_eq!(part.data()["status"], "partially_recovered");
    assert_eq!(server.post(&recovered, json!({})).await.expect(409).code(), "wrong_state");
}

#[tokio::test]
async fn a_promoted_version_takes_the_place_of_the_one_before() {
    let server = Server::start().await;
    let model = json!({ "name": "tone", "provider": "local", "base_model": "m" });
    let model = made(&server, "/v1/models", model).await;
    let parent: Uuid = model.parse().expect("an id");
    let (one, two) = (id(), id());
    for (version, number) in [(one, 1), (two, 2)] {
        sqlx::query(
            "INSERT INTO model_versions (id, organization_id, model_id, version, provider_model_ref)
             VALUES ($1, $2, $3, $4, 'ref')",
        )
        .bind(version)
        .bind(server.acme.org.uuid())
        .bind(parent)
        .bind(number)
        .execute(&server.pool)
        .await
        .expect("a version");
    }
    let path = |version: Uuid| format!("/v1/models/{model}/versions/{version}/promote");
    server.call(Method::POST, &path(one), &[], None).await.expect(200);
    let agents = format!("/v1/bots/{}/agents", server.bot());
    let agent = json!({ "name": "Ada", "instructions": "help", "model": "m", "model_version_id": one });
    let agent = made(&server, &agents, agent).await;
    server.call(Method::POST, &path(two), &[], None).await.expect(200);
    let former = server.get(&format!("/v1/models/{model}/versions/{one}")).await.expect(200);
    assert_eq!(former.data()["status"], "retired");
    let agent = server.get(&format!("{agents}/{agent}")).await.expect(200);
    assert_eq!(agent.data()["model_version_id"], json!(two));
    // And back.
    let back = server.call(Method::POST, &path(one), &[], None).await.expect(200);
    assert_eq!(back.data()["status"], "production");
}

#[tokio::test]
async fn a_clone_is_worked_with_and_learns_from_what_was_edited() {
    let server = Server::start().await;
    let subject: Uuid = sqlx::query_scalar("SELECT owner_id FROM organizations WHERE id = $1")
        .bind(server.acme.org.uuid())
        .fetch_one(&server.pool)
        .await
        .expect("an owner");
    let clone = json!({ "name": "Me", "model": "m", "subject_user_id": subject });
    let clone = made(&server, "/v1/clones", clone).await;
    let base = format!("/v1/clones/{clone}");
    // A token is no person, and nobody agrees for another.
    let consent = server.call(Method::POST, &format!("{base}/consent"), &[], None).await.expect(403);
    assert_eq!(consent.code(), "session_required");

    let session = made(&server, &format!("{base}/sessions"), json!({ "kind": "chat" })).await;
    let end = format!("{base}/sessions/{session}/end");
    let ended = server.call(Method::POST, &end, &[], None).await.expect(200);
    let again = server.call(Method::POST, &end, &[], None).await.expect(200);
    assert_eq!(ended.data()["ended_at"], again.data()["ended_at"]);

    let samples = json!({ "samples": [
        { "kind": "email", "content": "Dear all," }, { "kind": "email", "content": "Dear all," },
    ] });
    let kept = server.post(&format!("{base}/samples/bulk"), samples).await.expect(200);
    assert_eq!(kept.data(), &json!({ "created": 1, "already_there": 1 }));

    let response = id();
    run(
        &server,
        "INSERT INTO clone_responses (id, organization_id, clone_id, prompt, response)
         SELECT $1, organization_id, id, 'write', 'Hello' FROM work_clones WHERE id = $2",
        &[response, clone.parse().expect("an id")],
    )
    .await;
    let response = format!("{base}/responses/{response}");
    server.post(&format!("{response}/edit"), json!({ "text": "Hello there" })).await.expect(200);
    assert_eq!(server.count("SELECT count(*) FROM clone_training_data").await, 1);
    server.post(&format!("{response}/rate"), json!({ "rating": 6 })).await.expect(400);
    server.post(&format!("{response}/rate"), json!({ "rating": 5 })).await.expect(200);
    assert_eq!(server.count("SELECT count(*) FROM clone_training_data").await, 2);
    let discard = server.call(Method::POST, &format!("{response}/discard"), &[], None).await;
    assert_eq!(discard.expect(409).code(), "wrong_state");

    let stats = server.get(&format!("{base}/stats")).await.expect(200);
    assert_eq!(stats.data()["samples"], json!({ "pending": 2 }));
    assert_eq!((&stats.data()["responses"], &stats.data()["rated"]), (&json!({ "edited": 1 }), &json!(1)));
}

#[tokio::test]
async fn branding_is_set_and_a_domain_waits_to_be_proved() {
    let server = Server::start().await;
    let path = "/v1/branding";
    assert_eq!(server.get(path).await.expect(200).data(), &Value::Null);
    let patch = async |body: Value| server.call(Method::PATCH, path, &[], Some(body)).await;
    assert_eq!(patch(json!({ "primary_color": "#112233" })).await.expect(400).body["field"], "brand_name");
    assert_eq!(
        server.call(Method::POST, "/v1/branding/domain/verify", &[], None).await.expect(409).code(),
        "no_domain"
    );
    let set = patch(json!({ "brand_name": "Acme", "custom_domain": "chat.acme.example" })).await.expect(200);
    assert_eq!(set.data()["domain_status"], "pending");
    let token = set.data()["domain_token"].clone();
    // What is the same stays proved or not; a new domain has a new text.
    let same =
        patch(json!({ "custom_domain": "chat.acme.example", "text_color": "#000000" })).await.expect(200);
    assert_eq!(same.data()["domain_token"], token);
    let new = patch(json!({ "custom_domain": "talk.acme.example" })).await.expect(200);
    assert_ne!(new.data()["domain_token"], token);
    let verify = server.call(Method::POST, "/v1/branding/domain/verify", &[], None).await.expect(409);
    assert_eq!(verify.code(), "not_proved");
    let gone = patch(json!({ "custom_domain": null })).await.expect(200);
    assert_eq!((&gone.data()["domain_status"], &gone.data()["domain_token"]), (&json!("none"), &Value::Null));
    patch(json!({ "show_powered_by": false })).await.expect(200);
    run(&server, "UPDATE user_subscriptions SET status = 'canceled'", &[]).await;
    assert_eq!(patch(json!({ "show_powered_by": false })).await.expect(402).code(), "plan_feature");
}

#[tokio::test]
async fn a_bots_webhook_is_tested() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/webhook/test", server.bot());
    assert_eq!(server.call(Method::POST, &path, &[], None).await.expect(409).code(), "no_webhook");
    let secret = format!("/v1/bots/{}/webhook/rotate-secret", server.bot());
    server.call(Method::POST, &secret, &[], None).await.expect(200);
    let bot = format!("/v1/bots/{}", server.bot());
    server.patch(&bot, "*", json!({ "webhook_url": "https://hooks.example/a" })).await.expect(200);
    let sent = server.call(Method::POST, &path, &[], None).await.expect(202);
    let waiting = server.get("/v1/webhook-deliveries").await.expect(200);
    assert_eq!(waiting.data()[0]["delivery_id"], sent.data()["delivery_id"]);
}

#[tokio::test]
async fn figures_are_summed_and_come_as_tables() {
    let server = Server::start().await;
    run(
        &server,
        "INSERT INTO recovery_analytics (organization_id, period, period_start, currency, enrolled, recovered_full,
                                         holdout, holdout_recovered, by_channel)
         SELECT $1, 'day', date_trunc('day', now(), 'UTC') - days * interval '1 day', 'EUR', 10, 3, 10, 1,
                '{\"sms\": {\"sent\": 2}}'
           FROM generate_series(1, 2) days",
        &[server.acme.org.uuid()],
    )
    .await;
    let path = "/v1/recovery/analytics";
    let sums = server.get(&format!("{path}/summary")).await.expect(200);
    assert_eq!((&sums.data()[0]["enrolled"], &sums.data()[0]["currency"]), (&json!(20), &json!("EUR")));
    let days = server.get(&format!("{path}/timeline")).await.expect(200);
    assert_eq!(days.data().as_array().map(Vec::len), Some(2));
    let channels = server.get(&format!("{path}/channels")).await.expect(200);
    assert_eq!(channels.data()[0]["channels"], json!({ "sms": { "sent": 4 } }));
    let beyond = server.get(&format!("{path}/incremental")).await.expect(200);
    assert_eq!((&beyond.data()[0]["recovered"], &beyond.data()[0]["holdout_rate"]), (&json!(6), &json!(0.1)));
    let table = server.get(&format!("{path}/export")).await.expect(200);
    assert!(
        table
            .body
            .as_str()
            .is_some_and(|text| text.starts_with("day,currency,") && text.lines().count() == 3)
    );
    server.get(&format!("{path}/summary?from=never")).await.expect(400);

    for figures in ["bots", "conversations", "channels", "nlu", "agents", "experiments"] {
        let answer = server.get(&format!("/v1/analytics/{figures}")).await.expect(200);
        assert_eq!(answer.data(), &json!([]), "{figures}");
    }
    run(
        &server,
        "INSERT INTO nlu_logs (id, created_at, organization_id, bot_id, text, language, engine, intent_name, matched)
         VALUES ($1, app.uuid_v7_ts($1), $2, $3, 'hi', 'en', 'exact', 'greet', true)",
        &[id(), server.acme.org.uuid(), server.bot()],
    )
    .await;
    run(&server, "REFRESH MATERIALIZED VIEW analytics.nlu_intent_daily", &[]).await;
    let read = server.get(&format!("/v1/analytics/nlu?bot_id={}", server.bot())).await.expect(200);
    assert_eq!((&read.data()[0]["intent_name"], &read.data()[0]["hits"]), (&json!("greet"), &json!(1)));
    let other = server.other.token.expose().clone();
    let none = server.call_as(&other, Method::GET, "/v1/analytics/nlu", &[], None).await.expect(200);
    assert_eq!(none.data(), &json!([]));
    let table = server.get("/v1/analytics/export?figures=nlu").await.expect(200);
    assert!(table.body.as_str().is_some_and(|text| text.starts_with("day,") && text.lines().count() == 2));
    server.get("/v1/analytics/export?figures=moon").await.expect(400);
    let usage = server.get("/v1/usage/export").await.expect(200);
    assert_eq!(usage.body, json!("day,metric,quantity\r\n"));
}

#[tokio::test]
async fn the_queue_of_a_knowledge_base_is_counted_and_tried_again() {
    let server = Server::start().await;
    let base = made(&server, "/v1/knowledge-bases", json!({ "name": "Help" })).await;
    let document = id();
    run(
        &server,
        "INSERT INTO documents (id, organization_id, knowledge_base_id, name, source_type)
         SELECT $1, organization_id, id, 'text', 'text' FROM knowledge_bases WHERE id = $2",
        &[document, base.parse().expect("an id")],
    )
    .await;
    run(
        &server,
        "INSERT INTO embedding_queue (organization_id, target_type, target_id, document_id, model, status, last_error)
         SELECT organization_id, 'chunk', id, id, 'm', 'dead', 'no model' FROM documents WHERE id = $1",
        &[document],
    )
    .await;
    let path = format!("/v1/knowledge-bases/{base}/queue");
    let queue = server.get(&path).await.expect(200);
    assert_eq!((&queue.data()["dead"], &queue.data()["last_error"]), (&json!(1), &json!("no model")));
    let retried = server.call(Method::POST, &format!("{path}/retry-failed"), &[], None).await.expect(200);
    assert_eq!(retried.data()["queued"], 1);
    assert_eq!(server.get(&path).await.expect(200).data()["queued"], 1);
}

#[tokio::test]
async fn only_the_imitated_person_agrees_and_takes_it_back() {
    let world = World::new().await;
    let owner = world.person("ada").await;
    let me = world.get(&owner.access, "/v1/me").await.expect(200);
    let clone = json!({ "name": "Me", "model": "m", "subject_user_id": me.data()["id"] });
    let clone = world.post(&owner.access, "/v1/clones", clone).await.expect(201).id();
    let path = |action: &str| format!("/v1/clones/{clone}/{action}");
    let agreed = world.post(&owner.access, &path("consent"), json!({})).await.expect(200);
    assert_eq!(agreed.data()["consent_by"], me.data()["id"]);
    let sample = json!({ "kind": "email", "content": "Dear all," });
    world.post(&owner.access, &path("samples"), sample).await.expect(201);
    let gone = world.post(&owner.access, &path("withdraw-consent"), json!({})).await.expect(200);
    assert_eq!((&gone.data()["status"], &gone.data()["consent_at"]), (&json!("archived"), &Value::Null));
    let left = world.get(&owner.access, &path("samples")).await.expect(200);
    assert_eq!(left.data(), &json!([]));
}
