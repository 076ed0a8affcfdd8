//! Data sets of models: kept, checked, shown and converted.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, made};

async fn upload(server: &Server, path: &str, query: &str, file: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{path}?{query}"))
        .header("authorization", format!("Bearer {}", server.acme.token.expose()))
        .header("content-type", "application/octet-stream");
    server.send(request.body(file.into()).expect("a request")).await
}

#[tokio::test]
async fn a_data_set_is_checked_shown_and_converted() {
    let server = Server::start().await;
    let model = json!({ "name": "M", "provider": "local", "base_model": "b", "purpose": "classification" });
    let model = made(&server, "/v1/models", model).await;
    let path = format!("/v1/models/{model}/datasets");

    let table = "text,label\nwhere is it,parcel\nmy money,refund\nwhere is it,parcel\n";
    let set = upload(&server, &path, "file_name=all%20rows.csv&split=validation", table).await.expect(201);
    let row = set.data();
    assert_eq!(
        (&row["status"], &row["format"], &row["split"], &row["row_count"], &row["file_name"]),
        (&json!("ready"), &json!("csv"), &json!("validation"), &json!(3), &json!("all rows.csv"))
    );
    let report = &row["validation_report"];
    assert_eq!((&report["errors"], &report["warnings"]), (&json!(0), &json!(1)));
    assert_eq!(report["problems"][0]["code"], "duplicate");
    assert_eq!(report["labels"], json!({ "parcel": 2, "refund": 1 }));

    let item = format!("{path}/{}", set.id());
    let shown = server.get(&format!("{item}/preview?limit=2")).await.expect(200);
    assert_eq!(
        shown.data()["rows"],
        json!([
            { "line": 2, "row": { "text": "where is it", "label": "parcel" } },
            { "line": 3, "row": { "text": "my money", "label": "refund" } },
        ])
    );
    assert_eq!(server.get(&format!("{item}/preview?limit=101")).await.expect(400).body["field"], "limit");
    let again = server.post(&format!("{item}/validate"), json!({})).await.expect(200);
    assert_eq!(again.data()["status"], "ready");
    let lines = server.post(&format!("{item}/convert"), json!({})).await.expect(201);
    assert_eq!(
        (&lines.data()["file_name"], &lines.data()["format"], &lines.data()["split"]),
        (&json!("all rows.jsonl"), &json!("jsonl"), &json!("validation"))
    );
    let converted = format!("{path}/{}", lines.id());
    let shown = server.get(&format!("{converted}/preview")).await.expect(200);
    assert_eq!(shown.data()["rows"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        server.post(&format!("{converted}/convert"), json!({})).await.expect(409).code(),
        "wrong_state"
    );
    // The same file is there already.
    assert_eq!(upload(&server, &path, "file_name=x.csv", table).await.expect(409).code(), "taken");
}

#[tokio::test]
async fn what_cannot_be_trained_with_is_told_by_its_line() {
    let server = Server::start().await;
    let model =
        made(&server, "/v1/models", json!({ "name": "M", "provider": "local", "base_model": "b" })).await;
    let path = format!("/v1/models/{model}/datasets");
    let fine = json!({ "messages": [{ "role": "user", "content": "hi" }, { "role": "assistant", "content": "hello" }] });
    let secret = json!({ "messages": [
        { "role": "user", "content": "my key is AKIAABCDEFGHIJKLMNOP" }, { "role": "assistant", "content": "thanks" },
    ] });
    let file = format!("{fine}\nno json\n{secret}\n{}\n", json!({ "messages": [] }));
    let set = upload(&server, &path, "file_name=talk.jsonl", file).await.expect(201);
    assert_eq!(set.data()["status"], "invalid");
    let told: Vec<(Value, Value)> = set.data()["validation_report"]["problems"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|told| (told["line"].clone(), told["code"].clone()))
        .collect();
    let expected = [(2, "unreadable"), (3, "secret"), (4, "roles")];
    assert_eq!(told, expected.map(|(line, code)| (json!(line), json!(code))));

    let binary = upload(&server, &path, "file_name=a.json", vec![0xff, 0xfe]).await.expect(201);
    assert_eq!(binary.data()["status"], "invalid");
    let preview = server.get(&format!("{path}/{}/preview", binary.id())).await.expect(409);
    assert_eq!(preview.code(), "unreadable");
    for (query, field) in
        [("", "file_name"), ("file_name=a.txt", "format"), ("file_name=a.csv&split=x", "split")]
    {
        assert_eq!(upload(&server, &path, query, "x").await.expect(400).body["field"], field);
    }
    assert_eq!(upload(&server, &path, "file_name=e.csv", "").await.expect(400).body["field"], "body");
    let nowhere = format!("/v1/models/{}/datasets", crate::harness::id());
    upload(&server, &nowhere, "file_name=a.csv", "x").await.expect(404);
}
