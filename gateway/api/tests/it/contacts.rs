//! Contacts that are one person, and files that are documents.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::harness::{Answer, Server, id};

async fn contact(server: &Server, channel: &str, address: &str, more: Value) -> String {
    let mut contact = json!({ "channel_id": channel, "external_id": address });
    if let (Some(contact), Some(more)) = (contact.as_object_mut(), more.as_object()) {
        contact.extend(more.clone());
    }
    server.post("/v1/contacts", contact).await.expect(201).id()
}

#[tokio::test]
async fn two_contacts_of_one_channel_become_one_with_all_that_was_theirs() {
    let server = Server::start().await;
    let channel = server.acme.whatsapp.to_string();
    let keep = contact(&server, &channel, "DE.123", json!({ "phone": "+491701", "tags": ["vip"] })).await;
    let more =
        json!({ "phone": "+491701", "email": "ada@example.org", "tags": ["new"], "display_name": "Ada" });
    let other = contact(&server, &channel, "491701", more).await;
    for contact in [&keep, &other] {
        sqlx::query(
            "INSERT INTO conversations (organization_id, id, channel_id, contact_id, bot_id)
             VALUES ($1, $2, $3, $4::uuid, $5)",
        )
        .bind(server.acme.org.uuid())
        .bind(id())
        .bind(server.acme.whatsapp.uuid())
        .bind(contact.parse::<uuid::Uuid>().expect("an id"))
        .bind(server.acme.bot.uuid())
        .execute(&server.pool)
        .await
        .expect("a conversation");
    }
    server.post(&format!("/v1/contacts/{other}/opt-out"), json!({})).await.expect(200);

    let suggested = server.get(&format!("/v1/contacts/{keep}/merge-suggestions")).await.expect(200);
    assert_eq!(suggested.data()[0]["id"], other.as_str());
    assert_eq!(suggested.data()[0]["shares"], json!(["phone"]));

    let path = format!("/v1/contacts/{keep}/merge");
    let merged = server.post(&path, json!({ "contact_id": other })).await.expect(200);
    assert_eq!(merged.data()["alt_external_id"], "491701");
    assert_eq!(merged.data()["email"], "ada@example.org");
    assert_eq!(merged.data()["display_name"], "Ada");
    assert_eq!(merged.data()["tags"], json!(["new", "vip"]));
    // Who refused messages under either address refuses them.
    assert_eq!(merged.data()["consent"], "opted_out");
    server.get(&format!("/v1/contacts/{other}")).await.expect(404);
    let talks = server.get(&format!("/v1/conversations?filter[contact_id]={keep}")).await.expect(200);
    let states: Vec<&str> =
        talks.data().as_array().expect("a list").iter().filter_map(|talk| talk["status"].as_str()).collect();
    assert_eq!(states.len(), 2, "{talks:?}");
    assert_eq!(states.iter().filter(|state| **state == "closed").count(), 1);

    server.post(&path, json!({ "contact_id": other })).await.expect(400);
    server.post(&path, json!({ "contact_id": keep })).await.expect(400);
    server.post(&format!("/v1/contacts/{}/merge", id()), json!({ "contact_id": keep })).await.expect(404);
}

#[tokio::test]
async fn none_of_the_addresses_of_merged_contacts_is_dropped() {
    let server = Server::start().await;
    let channel = server.acme.whatsapp.to_string();
    let second = |address: &str| json!({ "alt_external_id": address });
    let keep = contact(&server, &channel, "491701", second("DE.one")).await;
    let other = contact(&server, &channel, "491702", second("DE.two")).await;
    let path = format!("/v1/contacts/{keep}/merge");
    let merged = server.post(&path, json!({ "contact_id": other })).await.expect(200);
    assert_eq!(merged.data()["alt_external_id"], "DE.one");
    for address in ["491701", "DE.one", "491702", "DE.two"] {
        let found = server.get(&format!("/v1/contacts/search?q={address}")).await.expect(200);
        assert_eq!(found.data()[0]["id"], keep.as_str(), "{address}: {found:?}");
        // Nobody else can be given it.
        let taken = json!({ "channel_id": channel, "external_id": address });
        server.post("/v1/contacts", taken).await.expect(409);
    }
    let export = server.get(&format!("/v1/contacts/{keep}/export")).await.expect(200);
    assert_eq!(export.data()["addresses"], json!(["491701", "DE.one", "491702", "DE.two"]));
}

#[tokio::test]
async fn contacts_of_two_channels_stay_and_share_a_reference() {
    let server = Server::start().await;
    let here = contact(&server, &server.acme.whatsapp.to_string(), "491702", json!({})).await;
    let there =
        contact(&server, &server.acme.telegram.to_string(), "42", json!({ "customer_ref": "C-7" })).await;
    let path = format!("/v1/contacts/{here}/merge");
    let linked = server.post(&path, json!({ "contact_id": there })).await.expect(200);
    assert_eq!(linked.data()["customer_ref"], "C-7");
    server.get(&format!("/v1/contacts/{there}")).await.expect(200);
    let suggested = server.get(&format!("/v1/contacts/{here}/merge-suggestions")).await.expect(200);
    assert_eq!(suggested.data()[0]["shares"], json!(["customer_ref"]));
}

async fn upload(server: &Server, base: &str, query: &str, kind: &str, file: &'static [u8]) -> Answer {
    let request = Request::post(format!("/v1/knowledge-bases/{base}/documents/upload{query}"))
        .header("authorization", format!("Bearer {}", server.acme.token.expose()))
        .header("content-type", kind)
        .body(Body::from(file))
        .expect("a request");
    server.send(request).await
}

#[tokio::test]
async fn a_file_becomes_a_document_that_waits() {
    let server = Server::start().await;
    let base = server.post("/v1/knowledge-bases", json!({ "name": "Help" })).await.expect(201).id();
    let bytes = "application/octet-stream";
    let made = upload(&server, &base, "?name=prices.csv&language=en", bytes, b"a,b\n1,2\n").await.expect(201);
    assert_eq!((&made.data()["status"], &made.data()["name"]), (&json!("pending"), &json!("prices.csv")));
    assert_eq!((&made.data()["mime_type"], &made.data()["size_bytes"]), (&json!("text/csv"), &json!(8)));
    assert_eq!((&made.data()["source_type"], &made.data()["language"]), (&json!("upload"), &json!("en")));
    // The same file is the same document.
    upload(&server, &base, "?name=again.csv", bytes, b"a,b\n1,2\n").await.expect(409);
    assert_eq!(upload(&server, &base, "", bytes, b"x").await.expect(400).body["field"], "name");
    assert_eq!(upload(&server, &base, "?name=x&size=1", bytes, b"x").await.expect(400).body["field"], "size");
    assert_eq!(upload(&server, &base, "?name=x", bytes, b"").await.expect(400).body["field"], "body");
    // A form is not a file; any other type is taken, and the bytes decide.
    upload(&server, &base, "?name=x", "multipart/form-data; boundary=x", b"--x--").await.expect(415);
    let typed = upload(&server, &base, "?name=notes.md", "text/markdown", b"# Notes").await.expect(201);
    assert_eq!(typed.data()["mime_type"], "text/markdown");
    upload(&server, &id().to_string(), "?name=x", bytes, b"x").await.expect(404);
}
