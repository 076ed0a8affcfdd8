//! Experiments of visitors, as pages of a site ask and tell of them.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Server};

/// A call of a page, without credentials.
async fn page(server: &Server, action: &str, origin: Option<&str>, body: &Value) -> Answer {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("/v1/public/experiments/{action}"))
        .header("content-type", "application/json");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    server.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

/// A running experiment of the bot's visitors.
async fn running(server: &Server, name: &str, unit: &str) -> String {
    let variant = |key: &str, control: bool, color: &str| json!({ "key": key, "name": key, "weight_bp": 5000, "is_control": control, "config": { "color": color } });
    let new = json!({
        "name": name, "bot_id": server.bot(), "target_type": "widget", "unit": unit, "goal_event": "order",
        "variants": [variant("a", true, "red"), variant("b", false, "blue")],
    });
    let made = server.post("/v1/experiments", new).await.expect(201);
    server.post(&format!("/v1/experiments/{}/start", made.id()), json!({})).await.expect(200);
    made.id()
}

#[tokio::test]
async fn pages_ask_for_variants_and_tell_what_was_shown_and_reached() {
    let server = Server::start().await;
    let key = server.acme.widget_key.clone();
    let experiment = running(&server, "colour", "visitor").await;
    running(&server, "of contacts", "contact").await;

    let ask = async |subject: &str| {
        let body = json!({ "key": key, "subject": subject });
        page(&server, "assign", None, &body).await.expect(200).data().clone()
    };
    let assigned = ask("anna").await;
    assert_eq!(assigned.as_array().map(Vec::len), Some(1), "only those of visitors: {assigned}");
    assert_eq!(assigned[0]["experiment"], json!(experiment));
    assert_eq!(ask("anna").await, assigned, "the same visitor is shown the same");
    let variant = assigned[0]["variant"].as_str().expect("a variant");
    assert_eq!(assigned[0]["config"]["color"], if variant == "a" { "red" } else { "blue" });
    assert_eq!(server.count("SELECT count(*) FROM ab_test_results").await, 0, "asking stores nothing");

    // Who was shown nothing reaches no goal.
    let reach = json!({ "key": key, "conversions": [{ "subject": "anna", "goal": "order", "value": 12.5 }] });
    let counted = page(&server, "convert", None, &reach).await.expect(200);
    assert_eq!(counted.data(), &json!({ "counted": 0 }));
    let shown = |subject: &str| json!({ "experiment": experiment, "subject": subject });
    let told = json!({ "key": key, "exposures": [shown("anna"), shown("anna"), shown("ben")] });
    let counted = page(&server, "expose", None, &told).await.expect(200);
    assert_eq!(counted.data(), &json!({ "counted": 3 }));
    page(&server, "expose", None, &told).await.expect(200);
    let counted = page(&server, "convert", None, &reach).await.expect(200);
    assert_eq!(counted.data(), &json!({ "counted": 1 }));
    let row: (String, i32, i32, f64) = sqlx::query_as(
        "SELECT variant_key, exposure_count, conversion_count, metric_sum FROM ab_test_results WHERE subject_key = 'anna'",
    )
    .fetch_one(&server.pool)
    .await
    .expect("a row");
    assert_eq!(row, (variant.to_owned(), 4, 1, 12.5));
    let results = server.get(&format!("/v1/experiments/{experiment}/results")).await.expect(200);
    let exposed: u64 = results.data()["variants"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|variant| variant["exposed"].as_u64())
        .sum();
    assert_eq!(exposed, 2);

    // What does not run counts nothing, and is not assigned.
    server.post(&format!("/v1/experiments/{experiment}/pause"), json!({})).await.expect(200);
    assert_eq!(ask("anna").await, json!([]));
    let counted = page(&server, "expose", None, &told).await.expect(200);
    assert_eq!(counted.data(), &json!({ "counted": 0 }));
}

#[tokio::test]
async fn pages_of_sites_that_are_not_listed_and_wrong_keys_are_refused() {
    let server = Server::start().await;
    let body = json!({ "key": server.acme.widget_key, "subject": "anna" });
    let refused = page(&server, "assign", Some("https://evil.example"), &body).await.expect(403);
    assert_eq!(refused.code(), "origin_not_allowed");
    // The site itself may read why.
    assert_eq!(refused.headers["access-control-allow-origin"], "https://evil.example");
    sqlx::query("UPDATE widget_configs SET allowed_origins = '{https://*.shop.example}'")
        .execute(&server.pool)
        .await
        .expect("a change");
    page(&server, "assign", Some("https://www.shop.example"), &body).await.expect(200);
    let unknown = json!({ "key": "wk_nobody", "subject": "anna" });
    assert_eq!(page(&server, "assign", None, &unknown).await.expect(400).body["field"], "key");
    let long = json!({ "key": server.acme.widget_key, "subject": "x".repeat(129) });
    assert_eq!(page(&server, "assign", None, &long).await.expect(400).body["field"], "subject");
    let huge = json!({ "key": server.acme.widget_key, "conversions": [{ "subject": "a", "goal": "b", "value": 1e10 }] });
    let refused = page(&server, "convert", None, &huge).await.expect(400);
    assert_eq!(refused.body["field"], "conversions[0].value");
    let many = json!({ "key": server.acme.widget_key, "exposures": vec![json!({}); 101] });
    page(&server, "expose", None, &many).await.expect(400);

    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/v1/public/experiments/expose")
        .header("origin", "https://www.shop.example");
    let answer = server.send(preflight.body(Body::empty()).expect("a request")).await.expect(204);
    assert_eq!(answer.headers["access-control-allow-headers"], "content-type");
    let wrong = Request::builder().method(Method::GET).uri("/v1/public/experiments/expose");
    let answer = server.send(wrong.body(Body::empty()).expect("a request")).await.expect(405);
    assert_eq!(answer.code(), "method_not_allowed");
}
