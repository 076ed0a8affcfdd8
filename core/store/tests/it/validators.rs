//! The validators of JSON documents: each accepts what is right and refuses what is not.

use botbuilder_testkit::database::TestDatabase;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

async fn verdict(pool: &PgPool, call: &str, document: &Value) -> bool {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT {call}")))
        .bind(document)
        .fetch_one(pool)
        .await
        .unwrap_or_else(|error| panic!("{call} of {document}: {error}"))
}

/// Checks a call with `$1` for the document against documents that must pass and documents that must not.
async fn check(pool: &PgPool, call: &str, good: &[Value], bad: &[Value]) {
    for document in good {
        assert!(verdict(pool, call, document).await, "{call} refuses {document}");
    }
    for document in bad {
        assert!(!verdict(pool, call, document).await, "{call} accepts {document}");
    }
}

#[tokio::test]
async fn settings_hold_known_keys_of_the_right_type() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let cases = [
        (
            "organization",
            json!({"business_hours": {"timezone": "Europe/Paris"}, "require_2fa": true}),
            json!({"require_2fa": "yes"}),
        ),
        (
            "bot",
            json!({"business_hours": {}, "budget": {"steps": 50}, "keywords": {"stop": "end"}}),
            json!({"budget": 3}),
        ),
        (
            "channel",
            json!({"base_url": "http://127.0.0.1:9", "api_version": "v23.0", "phone_number_id": "1", "waba_id": "2",
                   "verify_token_hint": "ab", "outside_window": "hold", "retry": {"max": 3}, "allowed_updates": ["message"],
                   "parse_mode": "HTML", "greeting": "hi", "media_hosts": ["cdn.test"], "app_id": "3"}),
            json!({"allowed_updates": ["message", 4]}),
        ),
        ("knowledge_base", json!({"weights": {"vector": 0.7, "text": 0.3}}), json!({"top_k": 1.5})),
        ("agent_retrieval", json!({"top_k": 6, "min_score": 0.2, "cite": true}), json!({"cite": null})),
        ("workflow", json!({"steps": [{"agent": "a"}], "join": "all"}), json!({"steps": ["a"]})),
        ("widget_theme", json!({"primary_color": "#fff", "radius": 8}), json!({"radius": "8"})),
        (
            "widget_behaviour",
            json!({"open_after_seconds": null, "rating": true}),
            json!({"hide_on_paths": "/x"}),
        ),
        ("voice", json!({"codecs": ["opus"], "speed": 1.1}), json!({"codecs": "opus"})),
        ("clone", json!({"languages": ["en"], "label_drafts": true}), json!({"samples": "5"})),
        ("plan_limits", json!({"bots": 5, "contacts": null}), json!({"bots": "five"})),
        (
            "integration",
            json!({"base_url": "https://api.test", "timeout_ms": 5000}),
            json!({"timeout_ms": 0.5}),
        ),
        ("plugin_manifest", json!({"name": "x", "hosts": ["a.test"]}), json!({"hosts": [1]})),
        ("sso_attributes", json!({"email": ["mail", "email"], "name": "cn"}), json!({"email": {}})),
        (
            "recovery_trigger",
            json!({"event_types": ["cart_abandoned"], "min_value": 10}),
            json!({"after_minutes": "60"}),
        ),
        (
            "recovery_audience",
            json!({"include_tags": ["vip"], "consent": "opted_in"}),
            json!({"segments": [["x"]]}),
        ),
        ("recovery_incentive", json!({"kind": "percent", "percent": 10}), json!({"max_uses": true})),
        (
            "health_factors",
            json!({"engagement": 80, "tenure": {"score": 3, "inputs": []}}),
            json!({"activity": "high"}),
        ),
    ];
    for (kind, good, bad) in cases {
        let call = format!("app.valid_settings('{kind}', $1)");
        let unknown = json!({"no_such_key": 1});
        check(&pool, &call, &[json!({}), good], &[bad, unknown, json!([]), json!("x"), json!(null)]).await;
    }
    check(&pool, "app.valid_settings('no_such_kind', $1)", &[], &[json!({"a": 1})]).await;
}

#[tokio::test]
async fn messages_say_something_within_the_limits() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let button = |title: &str| json!({"id": "a", "title": title});
    check(
        &pool,
        "app.valid_message($1)",
        &[
            json!({"text": "hello"}),
            json!({"media": [{"url": "https://x.test/a.png"}]}),
            json!({"template": {"name": "welcome"}}),
            json!({"text": "choose", "buttons": [button("Yes"), button("No")]}),
            json!({"interactive": {"body": "choose", "buttons": [button("Yes")]}}),
            json!({"interactive": {"sections": [{"title": "s", "rows": [button("a")]}]}}),
        ],
        &[
            json!({}),
            json!([]),
            json!(null),
            json!({"text": ""}),
            json!({"text": 4}),
            json!({"media": []}),
            json!({"interactive": {}}),
            json!({"buttons": [button("Yes")]}),
            json!({"text": "x", "buttons": []}),
            json!({"text": "x", "buttons": [button("")]}),
            json!({"text": "x", "buttons": ["Yes"]}),
            json!({"text": "x", "buttons": vec![button("b"); 14]}),
            json!({"text": "x", "buttons": [button(&"b".repeat(81))]}),
            json!({"interactive": {"sections": []}}),
            json!({"interactive": {"sections": [{"rows": []}]}}),
            json!({"text": "x".repeat(40_001)}),
        ],
    )
    .await;
}

#[tokio::test]
async fn transitions_fit_their_trigger() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let cases = [
        ("always", json!({}), json!({"x": 1})),
        ("on_complete", json!({}), json!({"seconds": 1})),
        ("on_condition", json!({"expression": "vip = true"}), json!({})),
        (
            "on_intent",
            json!({"intent": "order", "min_confidence": 0.5}),
            json!({"intent": "order", "min_confidence": 2}),
        ),
        ("on_keyword", json!({"keywords": ["stop"], "match": "contains"}), json!({"keywords": []})),
        ("on_event", json!({"event": "paid"}), json!({"event": ""})),
        ("on_timeout", json!({"seconds": 60}), json!({"seconds": 0})),
        ("on_error", json!({"codes": ["http_500"]}), json!({"codes": "all"})),
        ("on_error", json!({}), json!("x")),
    ];
    for (kind, good, bad) in cases {
        check(&pool, &format!("app.valid_transition('{kind}', $1)"), &[good], &[bad, json!(null)]).await;
    }
    check(&pool, "app.valid_transition('on_moon', $1)", &[], &[json!({})]).await;
}

#[tokio::test]
async fn permissions_are_areas_and_verbs() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let call = "app.valid_permissions(ARRAY(SELECT jsonb_array_elements_text($1)))";
    check(
        &pool,
        call,
        &[json!([]), json!(["*"]), json!(["bot:*", "flow:publish", "conversation:assign"])],
        &[
            json!(["bot"]),
            json!(["bot:fly"]),
            json!(["moon:read"]),
            json!(["*:read"]),
            json!([""]),
            json!(["bot:read", "x"]),
            json!([":"]),
            json!(["bot:"]),
        ],
    )
    .await;
    let with_null: bool = sqlx::query_scalar("SELECT app.valid_permissions(ARRAY['bot:read', NULL])")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!with_null);
    let seeded: i64 = sqlx::query_scalar("SELECT count(*) FROM roles").fetch_one(&pool).await.unwrap();
    assert_eq!(seeded, 4);
}

#[tokio::test]
async fn variants_add_up() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let variant = |key: &str, weight: i32, control: bool| json!({"key": key, "weight_bp": weight, "is_control": control});
    check(
        &pool,
        "app.valid_ab_variants($1)",
        &[
            json!([variant("a", 5000, true), variant("b", 5000, false)]),
            json!([variant("a", 10_000, true), variant("b", 0, false)]),
        ],
        &[
            json!([]),
            json!({}),
            json!([variant("a", 10_000, true)]),
            json!([variant("a", 5000, true), variant("a", 5000, false)]),
            json!([variant("a", 5000, true), variant("b", 5000, true)]),
            json!([variant("a", 5000, false), variant("b", 5000, false)]),
            json!([variant("a", 5000, true), variant("b", 4999, false)]),
            json!([variant("a", 11_000, true), variant("b", -1000, false)]),
            json!([variant("a b", 5000, true), variant("b", 5000, false)]),
            json!([variant("a", 5000, true), {"key": "b", "weight_bp": 5000, "colour": 1}]),
            json!([{"weight_bp": 5000, "is_control": true}, variant("b", 5000, false)]),
            json!(
                (0..7)
                    .map(|n| variant(&n.to_string(), if n == 0 { 4000 } else { 1000 }, n == 0))
                    .collect::<Vec<_>>()
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn recovery_steps_follow_each_other() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let step = |delay: i32| json!({"delay_minutes": delay, "channels": ["email"], "content": {"text": "hi"}});
    check(
        &pool,
        "app.valid_recovery_steps($1)",
        &[
            json!([]),
            json!([step(60), step(1440), step(4320)]),
            json!([step(60), step(60)]),
            json!([{"delay_minutes": 0, "template_id": "t"}]),
        ],
        &[
            json!({}),
            json!([step(60), step(59)]),
            json!([step(-1)]),
            json!([{"content": {}}]),
            json!([{"delay_minutes": 5}]),
            json!([{"delay_minutes": 5, "content": {}, "colour": "red"}]),
            json!(vec![step(1); 11]),
        ],
    )
    .await;
}

fn node(id: &str, kind: &str) -> Value {
    json!({"id": id, "type": kind, "position": {"x": 0, "y": 0}, "data": {}})
}

fn edge(source: &str, port: &str, target: &str) -> Value {
    json!({"id": format!("{source}-{port}-{target}"), "source": source, "target": target, "port": port})
}

fn flow(nodes: &[Value], edges: &[Value]) -> Value {
    json!({"schema": 1, "nodes": nodes, "edges": edges, "variables": []})
}

#[tokio::test]
async fn a_published_flow_is_connected_and_stops_to_wait() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let start = node("s", "start");
    let ask_again = flow(
        &[
            start.clone(),
            node("m", "message"),
            node("q", "question"),
            node("c", "condition"),
            node("e", "end"),
        ],
        &[
            edge("s", "out", "m"),
            edge("m", "out", "q"),
            edge("q", "out", "c"),
            edge("c", "yes", "e"),
            edge("c", "no", "m"),
        ],
    );
    let mut jump = node("g", "goto");
    jump["data"] = json!({"target": "far"});
    let good = [
        flow(std::slice::from_ref(&start), &[]),
        ask_again.clone(),
        flow(&[start.clone(), jump.clone(), node("far", "end")], &[edge("s", "out", "g")]),
        // A wait in the loop is enough, wherever the loop is entered.
        flow(
            &[start.clone(), node("a", "message"), node("b", "delay")],
            &[edge("s", "out", "a"), edge("a", "out", "b"), edge("b", "out", "a")],
        ),
    ];
    let mut no_schema = ask_again.clone();
    no_schema["schema"] = json!(2);
    let mut endless_jump = jump.clone();
    endless_jump["data"] = json!({"target": "a"});
    let bad = [
        json!({}),
        json!({"schema": 1, "nodes": []}),
        no_schema,
        flow(&[], &[]),
        flow(&[node("m", "message")], &[]),
        flow(&[start.clone(), node("t", "start")], &[]),
        flow(&[start.clone(), node("s", "message")], &[]),
        flow(&[start.clone(), node("m", "message")], &[]),
        flow(&[start.clone(), node("m", "message")], &[edge("s", "out", "m"), edge("m", "out", "s")]),
        flow(&[start.clone(), node("m", "message")], &[edge("s", "out", "m"), edge("m", "out", "gone")]),
        flow(&[start.clone(), node("m", "message")], &[edge("s", "out", "m"), edge("m", "out", "m")]),
        flow(
            &[start.clone(), node("a", "message"), node("b", "condition"), node("e", "end")],
            &[edge("s", "out", "a"), edge("a", "out", "b"), edge("b", "no", "a"), edge("b", "yes", "e")],
        ),
        flow(
            &[start.clone(), node("a", "message"), node("b", "message")],
            &[edge("s", "out", "a"), json!({"id": "x", "source": "s", "target": "b", "port": "out"})],
        ),
        flow(
            &[start.clone(), node("a", "message"), endless_jump],
            &[edge("s", "out", "a"), edge("a", "out", "g")],
        ),
        flow(&[start.clone(), node("m", "teleport")], &[edge("s", "out", "m")]),
    ];
    check(&pool, "app.valid_flow($1, true)", &good, &bad).await;
}

#[tokio::test]
async fn a_draft_may_be_incomplete_but_not_broken() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let many = |count: usize| (0..count).map(|n| node(&n.to_string(), "message")).collect::<Vec<_>>();
    check(
        &pool,
        "app.valid_flow($1, false)",
        &[
            json!({}),
            flow(&[], &[]),
            flow(&[node("m", "message")], &[edge("m", "out", "not yet there")]),
            flow(&many(500), &[]),
        ],
        &[
            json!([]),
            json!(null),
            json!({"schema": 7}),
            json!({"nodes": {}}),
            json!({"nodes": [1]}),
            json!({"nodes": [{"type": "message"}]}),
            json!({"nodes": [{"id": 1, "type": "message"}]}),
            json!({"nodes": [{"id": "a", "type": "teleport"}]}),
            json!({"nodes": [{"id": "a", "type": "message", "data": []}]}),
            json!({"edges": [{"source": "a"}]}),
            json!({"variables": "x"}),
            flow(&[node("a", "message"), node("a", "message")], &[]),
            flow(&many(501), &[]),
            json!({"schema": 1, "nodes": [{"id": "a", "type": "message", "data": {"text": "x".repeat(1_600_000)}}]}),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_long_flow_is_checked_quickly() {
    let database = TestDatabase::new().await;
    let pool = database.pool_as("bb_app").await;
    let mut nodes = vec![node("0", "start")];
    nodes.extend((1..500).map(|n| node(&n.to_string(), "message")));
    let edges: Vec<Value> = (0..499_u32).map(|n| edge(&n.to_string(), "out", &(n + 1).to_string())).collect();
    let document = flow(&nodes, &edges);
    let mut fastest = f64::INFINITY;
    for _ in 0..5 {
        let (valid, milliseconds): (bool, f64) = sqlx::query_as(
            "WITH before AS MATERIALIZED (SELECT clock_timestamp() AS at),
                  checked AS MATERIALIZED (SELECT app.valid_flow($1, at IS NOT NULL) AS valid FROM before)
             SELECT valid, (extract(epoch FROM clock_timestamp() - at) * 1000)::double precision FROM checked, before",
        )
        .bind(&document)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert!(valid);
        fastest = fastest.min(milliseconds);
    }
    assert!(fastest < 200.0, "{fastest} ms for 500 nodes");
}
