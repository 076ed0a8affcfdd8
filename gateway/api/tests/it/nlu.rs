//! Understanding: what authors teach, import, review and train.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Server, id};

const TABLE: &str = "intent,text\n\
    orderStatus,where is my parcel\n\
    orderStatus,track my order\n\
    opening-hours,when are you open\n\
    opening-hours,Track my order!\n";

/// What was taught by a table.
async fn taught(server: &Server) -> String {
    let bot = format!("/v1/bots/{}", server.bot());
    let body = json!({ "format": "csv", "files": [{ "name": "taught.csv", "text": TABLE }] });
    let answer = server.post(&format!("{bot}/intents/import"), body).await.expect(200);
    assert_eq!(answer.data()["added"]["intents"], 2, "{answer:?}");
    assert_eq!(answer.data()["added"]["examples"], 4);
    bot
}

async fn intent(server: &Server, bot: &str, name: &str) -> String {
    let found = server.get(&format!("{bot}/intents?filter[name]={name}")).await.expect(200);
    found.data()[0]["id"].as_str().unwrap_or_else(|| panic!("no intent {name}: {found:?}")).to_owned()
}

#[tokio::test]
async fn what_is_imported_is_exported_and_a_dry_run_writes_nothing() {
    let server = Server::start().await;
    let bot = format!("/v1/bots/{}", server.bot());
    let files = json!([{ "name": "taught.csv", "text": TABLE }]);
    let dry = json!({ "format": "csv", "files": files, "dry_run": true });
    let answer = server.post(&format!("{bot}/intents/import"), dry).await.expect(200);
    assert_eq!((&answer.data()["dry_run"], &answer.data()["added"]["examples"]), (&json!(true), &json!(4)));
    assert!(answer.data()["notes"].to_string().contains("order_status"), "{answer:?}");
    assert_eq!(server.count("SELECT count(*) FROM intents").await, 0);

    let bot = taught(&server).await;
    let again = json!({ "format": "csv", "files": files });
    let answer = server.post(&format!("{bot}/intents/import"), again).await.expect(200);
    assert_eq!(
        answer.data()["added"],
        json!({ "intents": 0, "examples": 0, "entities": 0, "values": 0, "out_of_scope": 0 })
    );
    for format in ["csv", "rasa_yaml", "rasa_json", "dialogflow", "luis"] {
        let answer = server.get(&format!("{bot}/intents/export?format={format}")).await.expect(200);
        let files = answer.data()["files"].as_array().cloned().unwrap_or_default();
        assert!(
            files
                .iter()
                .any(|file| file["text"].as_str().is_some_and(|text| text.contains("where is my parcel"))),
            "{format}"
        );
        // What is written is read by the other bot, which then knows the same.
        let body = json!({ "format": format, "files": files, "dry_run": true });
        let back = server.post(&format!("{bot}/intents/import"), body).await.expect(200);
        assert_eq!(back.data()["added"]["intents"], 0, "{format}: {back:?}");
    }
    let wrong = json!({ "format": "csv", "files": [{ "name": "a", "text": "one,two\n" }] });
    assert_eq!(server.post(&format!("{bot}/intents/import"), wrong).await.expect(400).code(), "invalid");
    server.get(&format!("{bot}/intents/export?format=word")).await.expect(400);
}

#[tokio::test]
async fn entities_come_along_and_built_in_ones_are_made() {
    let server = Server::start().await;
    let bot = format!("/v1/bots/{}", server.bot());
    let yaml = "version: \"3.1\"\nnlu:\n- intent: book\n  examples: |\n    - to [Rome](city)\n\
                - synonym: Rome\n  examples: |\n    - Roma\n- lookup: city\n  examples: |\n    - Rome\n    - Berlin\n";
    let body = json!({ "format": "rasa_yaml", "files": [{ "name": "nlu.yml", "text": yaml }] });
    let entities = server.post(&format!("{bot}/entities/import"), body).await.expect(200);
    assert_eq!(
        (&entities.data()["added"]["entities"], &entities.data()["added"]["intents"]),
        (&json!(1), &json!(0))
    );
    assert!(entities.data()["added"]["values"].as_u64().is_some_and(|values| values >= 2), "{entities:?}");
    let made = server
        .post(&format!("{bot}/entities/create-system"), json!({ "types": ["email", "date"] }))
        .await
        .expect(200);
    assert_eq!(made.data()["created"], json!(["date", "email"]));
    let again =
        server.post(&format!("{bot}/entities/create-system"), json!({ "types": ["date"] })).await.expect(200);
    assert_eq!(again.data()["created"], json!([]));
    server
        .post(&format!("{bot}/entities/create-system"), json!({ "types": ["horoscope"] }))
        .await
        .expect(400);
}

#[tokio::test]
async fn a_training_is_asked_for_once_at_a_time() {
    let server = Server::start().await;
    let bot = taught(&server).await;
    let nlu = format!("{bot}/nlu");
    let standing = server.get(&nlu).await.expect(200);
    assert_eq!(
        (&standing.data()["status"], &standing.data()["training"]),
        (&json!("untrained"), &Value::Null)
    );
    assert_eq!(server.get(&format!("{nlu}/evaluation")).await.expect(409).code(), "untrained");
    let asked = server.call(Method::POST, &format!("{nlu}/train"), &[], None).await.expect(202);
    assert_eq!(asked.data()["status"], "queued");
    let operation = asked.headers["location"].to_str().expect("an address").to_owned();
    assert_eq!(server.get(&operation).await.expect(200).data()["id"], asked.data()["id"]);
    assert_eq!(
        server.call(Method::POST, &format!("{nlu}/train"), &[], None).await.expect(409).code(),
        "taken"
    );
    assert_eq!(server.get(&nlu).await.expect(200).data()["status"], "training");
    server.post(&format!("{nlu}/activate"), json!({ "version": 1 })).await.expect(400);
    let foreign = format!("/v1/bots/{}/nlu/train", server.other.bot);
    server.call(Method::POST, &foreign, &[], None).await.expect(404);
}

#[tokio::test]
async fn a_text_is_read_before_anything_is_trained() {
    let server = Server::start().await;
    let bot = taught(&server).await;
    let read = server
        .post(&format!("{bot}/nlu/analyze"), json!({ "text": "Where is my parcel?" }))
        .await
        .expect(200);
    assert_eq!(
        (
            &read.data()["recognition"]["intent"],
            &read.data()["recognition"]["engine"],
            &read.data()["version"]
        ),
        (&json!("order_status"), &json!("exact"), &json!(0))
    );
    let read = server.post(&format!("{bot}/nlu/analyze"), json!({ "text": "sing a song" })).await.expect(200);
    assert_eq!(read.data()["recognition"]["decision"], "fallback");
    server.post(&format!("{bot}/nlu/analyze"), json!({ "text": " " })).await.expect(400);
    let untaught = server.post("/v1/bots", json!({ "name": "Second", "slug": "second" })).await.expect(201);
    let path = format!("/v1/bots/{}/nlu/analyze", untaught.id());
    assert_eq!(server.post(&path, json!({ "text": "hello" })).await.expect(409).code(), "untaught");
}

#[tokio::test]
async fn conflicts_are_shown_and_resolved() {
    let server = Server::start().await;
    let bot = taught(&server).await;
    let found = server.get(&format!("{bot}/nlu/conflicts")).await.expect(200);
    assert_eq!(found.data()[0]["kind"], "equal", "{found:?}");
    let right = &found.data()[0]["right"];
    let example = right["example_id"].as_str().expect("an example");
    let resolve = format!("{bot}/nlu/conflicts/resolve");
    server.post(&resolve, json!({ "action": "delete", "example_id": id() })).await.expect(400);
    server.post(&resolve, json!({ "action": "delete", "example_id": example })).await.expect(200);
    assert_eq!(server.get(&format!("{bot}/nlu/conflicts")).await.expect(200).data(), &json!([]));

    let (from, into) =
        (intent(&server, &bot, "opening_hours").await, intent(&server, &bot, "order_status").await);
    let merged = server
        .post(&format!("{bot}/intents/{from}/merge"), json!({ "into_intent_id": into }))
        .await
        .expect(200);
    assert_eq!(merged.data()["moved"], 1);
    let left = server.get(&format!("{bot}/intents")).await.expect(200);
    assert_eq!(
        (left.data().as_array().map(Vec::len), &left.data()[0]["example_count"]),
        (Some(1), &json!(3))
    );
    server.post(&format!("{bot}/intents/{into}/merge"), json!({ "into_intent_id": into })).await.expect(400);
}

/// A note of a message that was not understood.
async fn note(server: &Server, text: &str) -> Uuid {
    let log: Uuid = id();
    sqlx::query(
        "INSERT INTO nlu_logs (id, created_at, organization_id, bot_id, text, language, engine)
         VALUES ($1, app.uuid_v7_ts($1), $2, $3, $4, 'en', 'none')",
    )
    .bind(log)
    .bind(server.acme.org.uuid())
    .bind(server.bot())
    .bind(text)
    .execute(&server.pool)
    .await
    .expect("a note");
    log
}

#[tokio::test]
async fn what_many_ask_for_is_proposed_and_a_person_decides() {
    let server = Server::start().await;
    let bot = taught(&server).await;
    for text in
        ["can I pay by invoice", "Can I pay by invoice?", "can I pay with invoice", "hm", "track my orders"]
    {
        note(&server, text).await;
    }
    let path = format!("{bot}/nlu/suggestions");
    let found = server.get(&path).await.expect(200);
    let (new, more) = (&found.data()[0], &found.data()[1]);
    assert_eq!(
        (&new["kind"], &new["messages"], &new["intent_id"]),
        (&json!("new_intent"), &json!(3), &Value::Null)
    );
    let order = intent(&server, &bot, "order_status").await;
    assert_eq!((&more["kind"], &more["intent_id"]), (&json!("examples"), &json!(order)), "{found:?}");
    assert_eq!(found.data().as_array().map(Vec::len), Some(2), "what one person said once is no intent");

    let accept = format!("{path}/accept");
    server.post(&accept, json!({ "log_ids": new["log_ids"] })).await.expect(400);
    server.post(&accept, json!({ "log_ids": [], "name": "invoice" })).await.expect(400);
    server.post(&accept, json!({ "log_ids": [id()], "name": "invoice" })).await.expect(404);
    let made =
        server.post(&accept, json!({ "log_ids": new["log_ids"], "name": "invoice" })).await.expect(200);
    assert_eq!(made.data()["examples"], 3);
    let invoice =
        server.get(&format!("{bot}/intents/{}", intent(&server, &bot, "invoice").await)).await.expect(200);
    assert_eq!(invoice.data()["example_count"], 3);
    server.post(&accept, json!({ "log_ids": more["log_ids"], "intent_id": order })).await.expect(200);
    assert_eq!(server.get(&path).await.expect(200).data(), &json!([]));
}

#[tokio::test]
async fn what_was_not_understood_is_labelled() {
    let server = Server::start().await;
    let bot = taught(&server).await;
    let (first, second) =
        (note(&server, "my package did not come").await, note(&server, "sing a song").await);
    let queue = format!("{bot}/nlu/logs?filter[matched]=false&filter[review_state]=none");
    assert_eq!(server.get(&queue).await.expect(200).data().as_array().map(Vec::len), Some(2));

    let order = intent(&server, &bot, "order_status").await;
    let label = |log: Uuid| format!("{bot}/nlu/logs/{log}/label");
    server.post(&label(first), json!({})).await.expect(400);
    server.post(&label(first), json!({ "intent_id": id() })).await.expect(400);
    let labelled = server.post(&label(first), json!({ "intent_id": order })).await.expect(200);
    assert_eq!(
        (&labelled.data()["review_state"], &labelled.data()["labelled_intent_id"]),
        (&json!("labelled"), &json!(order))
    );
    assert_eq!(
        server.post(&label(first), json!({ "intent_id": order })).await.expect(409).code(),
        "wrong_state"
    );
    server.post(&label(second), json!({ "out_of_scope": true })).await.expect(200);
    assert_eq!(server.get(&queue).await.expect(200).data(), &json!([]));

    let examples = server.get(&format!("/v1/intents/{order}/examples?filter[source]=log")).await.expect(200);
    assert_eq!(examples.data()[0]["text"], "my package did not come");
    let none = intent(&server, &bot, "out_of_scope").await;
    let none = server.get(&format!("{bot}/intents/{none}")).await.expect(200);
    assert_eq!((&none.data()["is_fallback"], &none.data()["example_count"]), (&json!(true), &json!(1)));
}
