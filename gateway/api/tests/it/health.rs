//! The health of customers, as it is brought along.

use serde_json::{Value, json};

use crate::harness::Server;

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
