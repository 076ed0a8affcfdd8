//! The health of customers: brought along, listed, and made anew.

use botbuilder_domain::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::harness::{Server, run};

const IMPORT: &str = "/v1/health/customers/import";

#[tokio::test]
async fn customers_come_with_a_score_or_with_factors_and_are_changed_by_a_second_import() {
    let server = Server::start().await;
    let told = json!({ "customers": [
        { "customer_ref": "c-1", "score": 15, "email": "anna@shop.example", "monthly_value": 5_000_000, "currency": "EUR" },
        { "customer_ref": "c-2", "factors": { "engagement": 80, "tenure": 40 } },
    ] });
    let counts = server.post(IMPORT, told).await.expect(200);
    assert_eq!(counts.data(), &json!({ "created": 2, "changed": 0 }));
    let listed = server.get("/v1/health/customers?sort=score").await.expect(200);
    let first = &listed.data()[0];
    assert_eq!(
        (&first["customer_ref"], &first["grade"], &first["risk"], &first["model_version"]),
        (&json!("c-1"), &json!("F"), &json!("critical"), &json!("import"))
    );
    assert!(first["churn_probability"].as_f64().is_some_and(|likely| likely > 0.9), "{first}");
    let second = &listed.data()[1];
    assert_eq!(
        (&second["score"], &second["grade"], &second["confidence"]),
        (&json!(65), &json!("B"), &json!(0.4))
    );
    assert_eq!(second["factors"], json!({ "engagement": 80.0, "tenure": 40.0 }));

    let again = json!({ "customers": [{ "customer_ref": "c-1", "score": 70 }] });
    assert_eq!(server.post(IMPORT, again).await.expect(200).data(), &json!({ "created": 0, "changed": 1 }));
    let item = format!("/v1/health/customers/{}", first["id"].as_str().expect("an id"));
    let now = server.get(&item).await.expect(200);
    assert_eq!((&now.data()["score"], &now.data()["previous_score"]), (&json!(70), &json!(15)));
    assert_eq!(now.data()["email"], "anna@shop.example", "what is not told stays");
    let history = server.get(&format!("{item}/history")).await.expect(200);
    let reasons: Vec<&Value> =
        history.data().as_array().into_iter().flatten().map(|row| &row["reason"]).collect();
    assert_eq!(reasons, [&json!("import"), &json!("import")]);
}

#[tokio::test]
async fn every_fault_of_an_import_is_named_and_nothing_is_written() {
    let server = Server::start().await;
    let told = json!({ "customers": [
        { "customer_ref": "c-1", "score": 50 },
        { "customer_ref": "c-1", "score": 50 },
        { "customer_ref": "c-2" },
        { "customer_ref": "c-3", "factors": { "activity": 101 }, "currency": "euro" },
    ] });
    let refused = server.post(IMPORT, told).await.expect(400);
    let fields: Vec<&Value> =
        refused.body["errors"].as_array().into_iter().flatten().map(|fault| &fault["field"]).collect();
    let expected = ["[1].customer_ref", "[2].score", "[3].factors", "[3].currency"];
    assert_eq!(fields, expected.map(|field| json!(format!("customers{field}"))).iter().collect::<Vec<_>>());
    let nobody =
        json!({ "customers": [{ "customer_ref": "c-4", "score": 50, "contact_id": uuid::Uuid::nil() }] });
    assert_eq!(server.post(IMPORT, nobody).await.expect(400).body["field"], "contact_id");
    assert_eq!(server.count("SELECT count(*) FROM customer_health_scores").await, 0);
}

#[tokio::test]
async fn who_is_likely_to_leave_stands_first() {
    let server = Server::start().await;
    run(
        &server,
        "INSERT INTO customer_health_scores (organization_id, customer_ref, score, grade, churn_probability, risk,
                                             next_calculation_at)
         SELECT $1, 'c-' || n, 10 * n, 'F', 0.1 * n, CASE WHEN n > 2 THEN 'high' ELSE 'low' END, now()
           FROM generate_series(1, 5) n",
        &[server.acme.org.uuid()],
    )
    .await;
    let first = server.get("/v1/health/customers/at-risk?limit=2").await.expect(200);
    let refs = |answer: &crate::harness::Answer| -> Vec<String> {
        let rows = answer.data().as_array().into_iter().flatten();
        rows.filter_map(|row| row["customer_ref"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(refs(&first), ["c-5", "c-4"]);
    let cursor = first.body["next_cursor"].as_str().expect("a cursor");
    let rest = server.get(&format!("/v1/health/customers/at-risk?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((refs(&rest), &rest.body["next_cursor"]), (vec!["c-3".to_owned()], &Value::Null));
}

#[tokio::test]
async fn a_score_is_made_anew_of_inputs_signs_and_the_past() {
    let server = Server::start().await;
    let told = json!({ "customers": [
        { "customer_ref": "c-1", "factors": { "engagement": 80, "tenure": 80 }, "last_activity_at": "2020-01-01T00:00:00Z" },
        { "customer_ref": "c-2", "score": 50 },
    ] });
    server.post(IMPORT, told).await.expect(200);
    let listed = server.get("/v1/health/customers").await.expect(200);
    let item = |index: usize| {
        format!("/v1/health/customers/{}", listed.data()[index]["id"].as_str().expect("an id"))
    };
    let (first, second) = (item(0), item(1));
    // Whoever told a score alone told nothing of which it could be made again.
    let refused = server.post(&format!("{second}/recalculate"), json!({})).await.expect(409);
    assert_eq!(refused.code(), "no_factors");
    let beyond = json!({ "inputs": { "engagement": 500 } });
    let refused = server.call(axum::http::Method::PATCH, &first, &[], Some(beyond)).await.expect(400);
    assert_eq!(refused.body["field"], "inputs.engagement");

    server
        .call(axum::http::Method::PATCH, &first, &[], Some(json!({ "inputs": { "engagement": 16 } })))
        .await
        .expect(200);
    let event = json!({
        "customer_ref": "c-1", "event_type": "payment_failed", "source_event_id": "p-1",
        "occurred_at": SystemClock.now().to_rfc3339(),
    });
    server.post("/v1/recovery/events", event).await.expect(201);
    let anew = server.post(&format!("{first}/recalculate"), json!({})).await.expect(200);
    let anew = anew.data();
    // (16 * 25 + 80 * 15) / 40.
    assert_eq!(
        (&anew["score"], &anew["previous_score"], &anew["grade"], &anew["risk"], &anew["confidence"]),
        (&json!(40), &json!(80), &json!("C"), &json!("medium"), &json!(0.4))
    );
    assert_eq!(anew["factors"]["engagement"], json!({ "score": 16.0, "weight": 62.5 }));
    let signs =
        json!([{ "code": "payment_failed", "weight": 0.15 }, { "code": "silent_30_days", "weight": 0.1 }]);
    assert_eq!(anew["risk_factors"], signs);
    let likely = anew["churn_probability"].as_f64().expect("a probability");
    assert!((likely - (1.0 / (1.0 + (-5.0_f64 / 12.0).exp()) + 0.25)).abs() < 1e-9, "{likely}");
    let history = server.get(&format!("{first}/history?sort=-recorded_at")).await.expect(200);
    assert_eq!((&history.data()[0]["reason"], &history.data()[0]["delta"]), (&json!("manual"), &json!(-40)));
    assert_eq!(server.count("SELECT count(*) FROM recovery_events WHERE event_type = 'churn_risk'").await, 0);

    // Now they are likely to leave, which is told once.
    let lower = json!({ "inputs": { "engagement": 0, "tenure": 10 } });
    server.call(axum::http::Method::PATCH, &first, &[], Some(lower)).await.expect(200);
    for _ in 0..2 {
        let anew = server.post(&format!("{first}/recalculate"), json!({})).await.expect(200);
        assert_eq!((&anew.data()["score"], &anew.data()["risk"]), (&json!(4), &json!("critical")));
    }
    assert_eq!(
        server
            .count(
                "SELECT count(*) FROM recovery_events WHERE event_type = 'churn_risk' AND source = 'health'"
            )
            .await,
        1
    );
}

#[tokio::test]
async fn a_campaigns_audience_is_counted() {
    let server = Server::start().await;
    let contact = |name: &str, tags: Value, locale: &str, value: Value| {
        json!({
            "channel_id": server.acme.telegram, "external_id": name, "tags": tags, "locale": locale,
            "customer_ref": name, "attributes": value,
        })
    };
    for (name, tags, locale, attributes) in [
        ("a", json!(["vip"]), "de-DE", json!({ "plan": "pro" })),
        ("b", json!(["vip", "test"]), "de", json!({ "plan": "pro" })),
        ("c", json!(["vip"]), "DE_at", json!({ "plan": "free" })),
        ("d", json!([]), "en", json!({ "plan": "pro" })),
    ] {
        server.post("/v1/contacts", contact(name, tags, locale, attributes)).await.expect(201);
    }
    let told = json!({ "customers": [
        { "customer_ref": "a", "score": 50, "lifetime_value": 5000 },
        { "customer_ref": "c", "score": 50, "lifetime_value": 100 },
    ] });
    server.post(IMPORT, told).await.expect(200);
    run(
        &server,
        "UPDATE channel_contacts SET consent = 'opted_out' WHERE external_id = 'c' AND $1 IS NOT NULL",
        &[server.bot()],
    )
    .await;
    let campaigns = "/v1/recovery/campaigns";
    let estimate = async |audience: Value, kinds: Value| {
        let name = crate::harness::id().to_string();
        let campaign = json!({
            "name": name, "kind": "winback", "audience": audience, "holdout_bp": 5000, "channel_kinds": kinds,
        });
        let campaign = crate::harness::made(&server, campaigns, campaign).await;
        let answer =
            server.post(&format!("{campaigns}/{campaign}/estimate-audience"), json!({})).await.expect(200);
        answer.data().clone()
    };
    let audience = json!({ "include_tags": ["vip"], "exclude_tags": ["test"], "languages": ["DE"] });
    let vip = estimate(audience, json!([])).await;
    assert_eq!(
        (&vip["contacts"], &vip["reachable"], &vip["holdout"], &vip["is_upper_bound"]),
        (&json!(2), &json!(1), &json!(0), &json!(false))
    );
    assert_eq!(vip["by_channel"], json!([{ "channel_kind": "telegram", "contacts": 2, "reachable": 1 }]));
    let rich = estimate(json!({ "min_lifetime_value": 1000, "condition": "x" }), json!(["telegram"])).await;
    assert_eq!(
        (&rich["contacts"], &rich["not_counted"], &rich["is_upper_bound"]),
        (&json!(1), &json!(["condition"]), &json!(true))
    );
    let pro = estimate(json!({ "attributes": { "plan": "pro" } }), json!([])).await;
    assert_eq!((&pro["contacts"], &pro["holdout"]), (&json!(3), &json!(1)));
    assert_eq!(estimate(json!({}), json!(["slack"])).await["contacts"], 0);
}
