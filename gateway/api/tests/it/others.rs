//! Rules of single resources that no test over all of them reaches.

use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_store::audit::audit_chain_heads;
use serde_json::json;

use crate::harness::Server;

#[tokio::test]
async fn an_experiment_has_a_salt_and_runs_through_its_states() {
    let server = Server::start().await;
    let variant = |key: &str, control: bool| json!({ "key": key, "name": key, "weight_bp": 5000, "is_control": control });
    let new = json!({
        "name": "Greeting", "target_type": "message", "goal_event": "order",
        "variants": [variant("a", true), variant("b", false)],
    });
    let made = server.post("/v1/experiments", new).await.expect(201);
    assert_eq!(made.data()["salt"].as_str().map(str::len), Some(32));
    let item = format!("/v1/experiments/{}", made.id());
    server.patch(&item, "*", json!({ "goal_event": "order" })).await.expect(200);
    let started = server.post(&format!("{item}/start"), json!({})).await.expect(200);
    assert!(started.data()["started_at"].is_string());
    // From now on only what changes no numbers can be changed.
    for change in [
        json!({ "goal_event": "visit" }),
        json!({ "goal_kind": "mean" }),
        json!({ "secondary_goals": ["visit"] }),
        json!({ "variants": [variant("a", false), variant("b", true)] }),
    ] {
        assert_eq!(server.patch(&item, "*", change).await.expect(409).code(), "wrong_state");
    }
    server
        .patch(&item, "*", json!({ "hypothesis": "shorter is better", "goal_event": "order" }))
        .await
        .expect(200);
    assert!(
        server.post(&format!("{item}/pause"), json!({})).await.expect(200).data()["paused_at"].is_string()
    );
    assert!(
        server.post(&format!("{item}/resume"), json!({})).await.expect(200).data()["paused_at"].is_null()
    );
    server.post(&format!("{item}/complete"), json!({})).await.expect(200);
    server.post(&format!("{item}/start"), json!({})).await.expect(409);
    let results = server.get(&format!("{item}/results")).await.expect(200);
    assert_eq!((&results.data()["is_preliminary"], &results.data()["winner"]), (&json!(true), &json!(null)));
    let declare = json!({ "variant": "a" });
    let late = server.post(&format!("{item}/declare-winner"), declare).await.expect(409);
    assert_eq!(late.code(), "wrong_state");
    let nobody = server.post(&format!("{item}/apply"), json!({})).await.expect(409);
    assert_eq!(nobody.code(), "wrong_state");
    let refused = json!({ "name": "One", "target_type": "message", "goal_event": "order", "variants": [] });
    assert_eq!(server.post("/v1/experiments", refused).await.expect(400).body["field"], "variants");
}

#[tokio::test]
async fn an_experiment_is_judged_decided_and_applied() {
    let server = Server::start().await;
    let messages = format!("/v1/bots/{}/messages", server.bot());
    let said = json!({ "kind": "welcome", "name": "Hello", "content": { "text": "Hello" } });
    let said = server.post(&messages, said).await.expect(201);
    let variant = |key: &str, control: bool| json!({ "key": key, "name": key, "weight_bp": 5000, "is_control": control });
    let mut better = variant("b", false);
    better["config"] = json!({ "content": { "text": "Good morning" } });
    let new = json!({
        "name": "Greeting", "bot_id": server.bot(), "target_type": "message", "target_id": said.id(),
        "goal_event": "order", "min_per_variant": 30, "min_hours": 1, "variants": [variant("a", true), better],
    });
    let mut unreadable = new.clone();
    unreadable["variants"][1]["config"] = json!({ "content": { "media": { "type": "poem" } } });
    let refused = server.post("/v1/experiments", unreadable).await.expect(400);
    assert_eq!(refused.body["field"], "variants[1].config.content");
    let made = server.post("/v1/experiments", new).await.expect(201);
    let item = format!("/v1/experiments/{}", made.id());
    server.post(&format!("{item}/start"), json!({})).await.expect(200);
    // Of a 20 of 100 reach the goal, of b 50.
    let id: uuid::Uuid = made.id().parse().expect("an id");
    for (variant, converted) in [("a", 20), ("b", 50)] {
        sqlx::query(
            "INSERT INTO ab_test_results (organization_id, ab_test_id, subject_key, variant_key, first_exposed_at, \
             exposure_count, first_converted_at, conversion_count) \
             SELECT $1, $2, $3 || n, $3, now(), 1, CASE WHEN n <= $4 THEN now() END, (n <= $4)::int \
             FROM generate_series(1, 100) n",
        )
        .bind(server.acme.org.uuid())
        .bind(id)
        .bind(variant)
        .bind(converted)
        .execute(&server.pool)
        .await
        .expect("rows");
    }
    sqlx::query("UPDATE ab_tests SET started_at = now() - interval '2 hours' WHERE id = $1")
        .bind(id)
        .execute(&server.pool)
        .await
        .expect("a change");
    let results = server.get(&format!("{item}/results")).await.expect(200);
    let results = results.data();
    assert_eq!((&results["winner"], &results["is_preliminary"]), (&json!("b"), &json!(false)));
    let b = &results["variants"][1];
    assert_eq!((&b["exposed"], &b["converted"], &b["rate"]), (&json!(100), &json!(50), &json!(0.5)));
    assert!(b["p"].as_f64().is_some_and(|p| p < 0.001), "{b}");
    server.post(&format!("{item}/declare-winner"), json!({ "variant": "c" })).await.expect(400);
    let decided = server.post(&format!("{item}/declare-winner"), json!({ "variant": "b" })).await.expect(200);
    assert_eq!(
        (&decided.data()["status"], &decided.data()["winner_key"]),
        (&json!("completed"), &json!("b"))
    );
    assert_eq!(decided.data()["decision"]["results"]["winner"], "b");

    let course = server.get(&format!("{item}/timeline")).await.expect(200);
    let steps = course.data()["steps"].as_array().cloned().unwrap_or_default();
    assert_eq!((&course.data()["by"], steps.len()), (&json!("hour"), 2));
    assert_eq!((&steps[1]["variant"], &steps[1]["converted_so_far"]), (&json!("b"), &json!(50)));

    let applied = server.post(&format!("{item}/apply"), json!({})).await.expect(200);
    assert!(applied.data()["decision"]["applied_at"].is_string());
    let said = server.get(&format!("{messages}/{}", said.id())).await.expect(200);
    assert_eq!(said.data()["content"], json!({ "text": "Good morning" }));
}

#[tokio::test]
async fn the_end_of_a_chain_that_is_said_is_the_one_that_is_verified() {
    let server = Server::start().await;
    server.post("/v1/bots", json!({ "name": "One", "slug": "one" })).await.expect(201);
    let verified = server.get("/v1/audit/verify").await.expect(200);
    let mut tx = server.store.begin_purge().await.expect("a transaction");
    let heads =
        audit_chain_heads::since(&mut tx, chrono::DateTime::UNIX_EPOCH, None, 100).await.expect("heads");
    let head = heads.iter().find(|head| head.chain == server.acme.org.uuid()).expect("the chain's");
    assert_eq!(
        (json!(head.seq), json!(head.hash)),
        (verified.data()["last_seq"].clone(), verified.data()["head_hash"].clone())
    );
    let later =
        audit_chain_heads::since(&mut tx, SystemClock.now() + chrono::TimeDelta::days(1), None, 100).await;
    assert!(later.expect("heads").is_empty());
}

#[tokio::test]
async fn a_domain_gets_a_challenge() {
    let server = Server::start().await;
    let role = sqlx::query_scalar::<_, uuid::Uuid>("SELECT id FROM roles WHERE code = 'member'")
        .fetch_one(&server.pool)
        .await
        .expect("a role");
    let new = json!({ "protocol": "oidc", "name": "Example", "default_role_id": role });
    let configuration = server.post("/v1/sso/configurations", new).await.expect(201);
    let new = json!({ "configuration_id": configuration.id(), "domain": "example.org" });
    let domain = server.post("/v1/sso/domains", new).await.expect(201);
    assert_eq!(domain.data()["verification_token"].as_str().map(str::len), Some(32));
    assert_eq!(domain.data()["status"], "pending");
    // Nobody is asked here: no name server is configured.
    let verified =
        server.post(&format!("/v1/sso/domains/{}/verify", domain.id()), json!({})).await.expect(409);
    assert_eq!(verified.code(), "not_proved");
}

#[tokio::test]
async fn catalogues_of_the_platform_are_read_by_everybody() {
    let server = Server::start().await;
    for path in ["/v1/plans", "/v1/plugin-categories", "/v1/plugins", "/v1/voice-templates", "/v1/usage"] {
        assert!(server.get(path).await.expect(200).data().is_array(), "{path}");
    }
}

#[tokio::test]
async fn examples_in_bulk_are_there_once_and_move_between_intents() {
    let server = Server::start().await;
    let path = format!("/v1/bots/{}/intents", server.bot());
    let greet = server.post(&path, json!({ "name": "greet" })).await.expect(201).id();
    let part = server.post(&path, json!({ "name": "part" })).await.expect(201).id();
    let examples = format!("/v1/intents/{greet}/examples");
    let texts = json!({ "examples": [{ "text": "hello" }, { "text": "Hello  " }, { "text": "hi" }] });
    let made = server.post(&format!("{examples}/bulk"), texts).await.expect(200);
    assert_eq!(made.data(), &json!({ "created": 2, "already_there": 1 }));
    let list = server.get(&examples).await.expect(200);
    let first = list.data()[0]["id"].as_str().expect("an id").to_owned();
    let moved = format!("{examples}/{first}/move");
    server.post(&moved, json!({ "intent_id": part })).await.expect(200);
    let counts = server.get(&format!("{path}?fields=example_count")).await.expect(200);
    let counts: Vec<i64> = counts
        .data()
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["example_count"].as_i64())
        .collect();
    assert_eq!(counts, [1, 1]);
    let wrong = json!({ "examples": [{ "text": "fine" }, { "txt": "wrong" }] });
    let answer = server.post(&format!("{examples}/bulk"), wrong).await.expect(400);
    assert_eq!(answer.body["field"], "examples[1].txt");
}

/// Every list of a table that the catalogue describes can be asked for, in every sort and by every filter it has.
#[tokio::test]
async fn every_list_answers_in_every_sort() {
    let server = Server::start().await;
    let routes = botbuilder_api::routes();
    let mut asked = 0;
    for operation in routes.operations().iter().filter(|operation| operation.is_list) {
        if operation.path.contains('{') && !operation.path.starts_with("/v1/bots/{bot_id}/") {
            continue;
        }
        let path = operation.path.replace("{bot_id}", &server.bot().to_string());
        for (name, schema, _) in operation.query.iter().filter(|(name, ..)| name == "sort") {
            for sort in schema["enum"].as_array().into_iter().flatten().filter_map(|sort| sort.as_str()) {
                let answer = server.get(&format!("{path}?{name}={sort}&limit=1")).await;
                assert_eq!(answer.status, 200, "{path} {sort}: {answer:#?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 200, "{asked}");
}
