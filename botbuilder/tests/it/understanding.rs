//! A bot that understands: taught and trained over the API, asked on a channel.

use std::sync::atomic::{AtomicUsize, Ordering};

use botbuilder_testkit::{
    local_client::Method,
    platform::{MODELS_VARIABLE, Options, TestPlatform, eventually, execute},
};
use serde_json::{Value, json};

/// Asks what is wanted, and answers by what was understood.
fn router_flow() -> Value {
    let node = |id: &str, kind: &str, data: Value| json!({ "id": id, "type": kind, "data": data });
    let edge =
        |source: &str, port: &str, target: &str| json!({ "source": source, "port": port, "target": target });
    json!({
        "schema": 1,
        "nodes": [
            node("start", "start", json!({})),
            node("ask", "question", json!({ "text": "What can I do?", "variable": "wish" })),
            node("understand", "nlu_router", json!({
                "intents": ["order_status", "opening_hours"], "variable": "intent", "entities": { "order": "number" },
            })),
            node("order", "message", json!({ "text": "Your order {{ order }} is on its way." })),
            node("hours", "message", json!({ "text": "We open at nine." })),
            node("other", "message", json!({ "text": "I did not get that." })),
            node("error", "message", json!({ "text": "I understand nothing yet." })),
        ],
        "edges": [
            edge("start", "next", "ask"),
            edge("ask", "next", "understand"),
            edge("understand", "order_status", "order"),
            edge("understand", "opening_hours", "hours"),
            edge("understand", "other", "other"),
            edge("understand", "error", "error"),
            edge("order", "next", "ask"),
            edge("hours", "next", "ask"),
            edge("other", "next", "ask"),
            edge("error", "next", "ask"),
        ],
        "variables": [{ "name": "wish" }, { "name": "intent" }, { "name": "order", "type": "number" }],
    })
}

const TAUGHT: &str = "intent,text\n\
    order_status,where is my parcel\n\
    order_status,track my order please\n\
    order_status,has my package been shipped\n\
    order_status,when will my delivery arrive\n\
    order_status,the parcel did not come yet\n\
    order_status,status of my order\n\
    opening_hours,when are you open\n\
    opening_hours,what are your opening hours\n\
    opening_hours,are you open on sunday\n\
    opening_hours,what time does the shop close\n\
    opening_hours,until when is the store open today\n\
    opening_hours,opening times\n";

struct Bot {
    platform: TestPlatform,
    path: String,
    said: usize,
}

impl Bot {
    async fn start() -> Self {
        let platform = TestPlatform::with(Options { flow: router_flow(), ..Options::default() }).await;
        let path = format!("/v1/bots/{}", platform.acme().seeded.bot);
        platform.acme().whatsapp.say("491511", "hello").await.expect("taken");
        platform.acme().whatsapp_replies("491511", 1).await;
        Self { platform, path, said: 1 }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let bearer = format!("Bearer {}", self.platform.acme().seeded.token.expose());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.platform.call(method, &format!("{}{path}", self.path), &headers, body).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()["data"].clone()
    }

    /// Every text but the examples is close to something, and none is close enough.
    async fn accepts_nothing_but_examples(&self) {
        self.change("", &json!({ "intent_accept": 1.5, "intent_ask": 0.0 })).await;
    }

    async fn change(&self, path: &str, change: &Value) {
        let bearer = format!("Bearer {}", self.platform.acme().seeded.token.expose());
        let headers =
            [("authorization", bearer.as_str()), ("content-type", "application/json"), ("if-match", "*")];
        let path = format!("{}{path}", self.path);
        let answer = self.platform.call(Method::PATCH, &path, &headers, change.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Has an intent do something of its own, wherever the conversation is.
    async fn answers(&self, intent: &str, change: &Value) {
        let intents = self.call(Method::GET, &format!("/intents?filter[name]={intent}"), Value::Null).await;
        let id = intents[0]["id"].as_str().expect("an id");
        self.change(&format!("/intents/{id}"), change).await;
    }

    /// That this is the answer to the first words of somebody new, once it is known to the runtime. Numbers begin with `prefix`.
    async fn greets(&self, prefix: &str, words: &str, answer: &str) {
        let somebody = AtomicUsize::new(0);
        eventually(answer, async || {
            let number = format!("{prefix}{:05}", somebody.fetch_add(1, Ordering::Relaxed));
            self.platform.acme().whatsapp.say(&number, words).await.expect("taken");
            let replies = self.platform.acme().whatsapp_replies(&number, 1).await;
            (replies[0].text.as_deref() == Some(answer)).then_some(())
        })
        .await;
    }

    async fn teach(&self) {
        let files = json!([{ "name": "taught.csv", "text": TAUGHT }]);
        self.call(Method::POST, "/intents/import", json!({ "format": "csv", "files": files })).await;
        self.call(Method::POST, "/entities/create-system", json!({ "types": ["number"] })).await;
    }

    /// Trains the bot, and says what came of it.
    async fn train(&self) -> Value {
        let asked = self.call(Method::POST, "/nlu/train", Value::Null).await;
        let path = format!("/nlu/trainings/{}", asked["id"].as_str().expect("an id"));
        eventually("the training is over", async || {
            let training = self.call(Method::GET, &path, Value::Null).await;
            (training["progress"] == 100 || training["status"] == "failed").then_some(training)
        })
        .await
    }

    /// Says something and reads what the bot says to it, before it asks again.
    async fn says(&mut self, text: &str) -> String {
        self.platform.acme().whatsapp.say("491511", text).await.expect("taken");
        let replies = self.platform.acme().whatsapp_replies("491511", self.said + 2).await;
        self.said += 2;
        replies[self.said - 2].text.clone().unwrap_or_default()
    }

    /// What is said of a text, once what was written lately is known to the runtime.
    async fn understands(&mut self, text: &str, answer: &str) {
        let mut last = String::new();
        for _ in 0..200 {
            last = self.says(text).await;
            if last == answer {
                return;
            }
        }
        panic!("to {text:?} it says {last:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_taught_trained_and_asked() {
    let mut bot = Bot::start().await;
    assert_eq!(bot.says("where is my parcel").await, "I understand nothing yet.");

    // Word for word it understands what it is taught, before anything is trained.
    bot.teach().await;
    bot.understands("Where is my parcel?", "Your order  is on its way.").await;
    assert_eq!(bot.says("please track my order 1002").await, "I did not get that.");

    let training = bot.train().await;
    assert_eq!((&training["status"], &training["version"]), (&json!("succeeded"), &json!(1)), "{training:?}");
    bot.understands("please track my order 1002", "Your order 1002 is on its way.").await;
    assert_eq!(bot.says("are you open on sundays").await, "We open at nine.");
    assert_eq!(bot.says("qwertz xyzzy").await, "I did not get that.");

    let evaluation = bot.call(Method::GET, "/nlu/evaluation", Value::Null).await;
    assert_eq!((&evaluation["version"], &evaluation["report"]["examples"]), (&json!(1), &json!(12)));
    assert_eq!(evaluation["report"]["intents"].as_array().map(Vec::len), Some(2));
    if std::env::var_os(MODELS_VARIABLE).is_some() {
        assert_eq!(evaluation["models"]["full"], "builtin-minilm-l6-v2-int8", "{evaluation}");
        // Not one word of it was taught.
        assert_eq!(bot.says("did my stuff get dispatched").await, "Your order 1002 is on its way.");
    } else {
        let notes = evaluation["notes"].to_string();
        assert!(notes.contains("model files are missing"), "{notes}");
    }

    // What was said is noted, and what was not understood waits to be labelled.
    let queue = "/nlu/logs?filter[matched]=false&filter[review_state]=none";
    let waiting = eventually("the note", async || {
        let waiting = bot.call(Method::GET, queue, Value::Null).await;
        let note = waiting.as_array()?.iter().find(|note| note["text"] == "qwertz xyzzy")?.clone();
        Some(note)
    })
    .await;
    assert_eq!((&waiting["matched"], &waiting["model_version"]), (&json!(false), &json!(1)));
    let intents = bot.call(Method::GET, "/intents?filter[name]=opening_hours", Value::Null).await;
    let label = format!("/nlu/logs/{}/label", waiting["id"].as_str().expect("an id"));
    bot.call(Method::POST, &label, json!({ "intent_id": intents[0]["id"] })).await;
    bot.understands("qwertz xyzzy", "We open at nine.").await;
    let standing = bot.call(Method::GET, "/nlu", Value::Null).await;
    assert_eq!((&standing["status"], &standing["is_stale"]), (&json!("stale"), &json!(true)));

    // A second version, and back to the first.
    assert_eq!(bot.train().await["version"], 2);
    let standing = bot.call(Method::POST, "/nlu/activate", json!({ "version": 1 })).await;
    assert_eq!((&standing["version"], &standing["status"]), (&json!(1), &json!("stale")));
    bot.platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_starts_its_flow_or_says_its_reply_without_a_router() {
    let bot = Bot::start().await;
    bot.teach().await;
    let parcels = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "which", "type": "question", "data": { "text": "Which parcel?", "variable": "parcel" } },
            { "id": "told", "type": "message", "data": { "text": "{{ parcel }} is on its way." } },
        ],
        "edges": [{ "source": "start", "target": "which" }, { "source": "which", "target": "told" }],
        "variables": [{ "name": "parcel" }],
    });
    let flow = json!({ "name": "Parcels", "draft_definition": parcels });
    let flow = bot.call(Method::POST, "/flows", flow).await;
    let id = flow["id"].as_str().expect("an id");
    bot.call(Method::POST, &format!("/flows/{id}/publish"), json!({})).await;
    let hours = json!({ "kind": "canned", "name": "hours", "content": { "text": "From nine to five." } });
    let hours = bot.call(Method::POST, "/messages", hours).await;
    bot.answers("order_status", &json!({ "target_flow_id": id })).await;
    bot.answers("opening_hours", &json!({ "response_message_id": hours["id"] })).await;

    bot.greets("49151", "when are you open", "From nine to five.").await;
    bot.greets("49152", "good day", "What can I do?").await;
    bot.greets("49153", "where is my parcel", "Which parcel?").await;
    // In the flow, what is asked for is not an intent any more.
    let whatsapp = &bot.platform.acme().whatsapp;
    whatsapp.say("491777", "where is my parcel").await.expect("taken");
    bot.platform.acme().whatsapp_replies("491777", 1).await;
    whatsapp.say("491777", "track my order please").await.expect("taken");
    let replies = bot.platform.acme().whatsapp_replies("491777", 2).await;
    assert_eq!(replies[1].text.as_deref(), Some("track my order please is on its way."));
    bot.platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_close_the_person_is_asked_and_what_they_choose_waits_for_review() {
    let mut bot = Bot::start().await;
    bot.teach().await;
    bot.accepts_nothing_but_examples().await;
    assert_eq!(bot.train().await["status"], "succeeded");
    eventually("the model is in use", async || {
        let read = bot.call(Method::POST, "/nlu/analyze", json!({ "text": "my order please" })).await;
        (read["recognition"]["decision"] == "ask").then_some(())
    })
    .await;
    bot.platform.acme().whatsapp.say("491511", "my order please").await.expect("taken");
    let replies = bot.platform.acme().whatsapp_replies("491511", bot.said + 1).await;
    bot.said += 1;
    let asked = replies[bot.said - 1].text.clone().unwrap_or_default();
    assert!(asked.starts_with("What did you mean?"), "{asked}");
    assert_eq!(bot.says("order status").await, "Your order  is on its way.");

    let queue = "/nlu/logs?filter[review_state]=queued";
    let queued = eventually("the note", async || {
        let queued = bot.call(Method::GET, queue, Value::Null).await;
        Some(queued.as_array()?.first()?.clone())
    })
    .await;
    assert_eq!((&queued["text"], &queued["matched"]), (&json!("my order please"), &json!(false)));
    assert!(queued["message_id"].is_string(), "{queued}");
    let intents = bot.call(Method::GET, "/intents?filter[name]=order_status", Value::Null).await;
    assert_eq!(queued["labelled_intent_id"], intents[0]["id"]);
    bot.platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_that_cannot_be_says_why_and_one_that_was_left_is_taken_up() {
    let bot = Bot::start().await;
    let training = bot.train().await;
    assert_eq!((&training["status"], &training["error_code"]), (&json!("failed"), &json!("too_few_intents")));
    assert_eq!(bot.call(Method::GET, "/nlu", Value::Null).await["status"], "failed");

    bot.teach().await;
    left_behind(&bot).await;
    let finished = eventually("it is taken up", async || {
        let rows =
            bot.platform.rows("SELECT status, attempts FROM nlu_trainings WHERE status = 'succeeded'").await;
        rows.first().cloned()
    })
    .await;
    assert_eq!(finished["attempts"], 2);
    bot.platform.settled().await;
}

/// A training whose worker died with it in hand.
async fn left_behind(bot: &Bot) {
    let seeded = &bot.platform.acme().seeded;
    let insert = format!(
        "INSERT INTO nlu_trainings (organization_id, bot_id, status, attempts, locked_by, locked_until)
         VALUES ('{}', '{}', 'running', 1, 'dead', now() - interval '1 second')",
        seeded.org, seeded.bot
    );
    execute(&bot.platform.pool, &insert).await;
}
