//! Messages outside the reply window: refused, held, or a template in their place; and the templates themselves.

use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_testkit::{
    fake::{Behaviour, Fault, whatsapp::Reviewed},
    local_client::Method,
    platform::{Answer, Options, TestPlatform, eventually, execute},
};
use chrono::TimeDelta;
use serde_json::{Value, json};

mod late;

const ADA: &str = "15550001111";

async fn platform() -> TestPlatform {
    TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await
}

/// A call with the organization's token.
async fn call(platform: &TestPlatform, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {}", platform.acme().seeded.token.expose());
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("if-match", "*")];
    let Answer { status, body, .. } = platform.call(method, path, &headers, body).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn post(platform: &TestPlatform, path: &str, body: &Value) -> (u16, Value) {
    call(platform, Method::POST, path, body).await
}

/// What a channel does outside the window, set over the API.
async fn outside(platform: &TestPlatform, policy: &Value) {
    let path = format!("/v1/channels/{}", platform.acme().seeded.whatsapp);
    let settings = call(platform, Method::GET, &path, &Value::Null).await.1["data"]["settings"].clone();
    let mut settings = settings;
    settings["outside_window"] = policy.clone();
    let (status, body) = call(platform, Method::PATCH, &path, &json!({ "settings": settings })).await;
    assert_eq!(status, 200, "{body}");
}

/// A conversation with somebody who wrote long ago; how many messages they were sent so far.
async fn lapsed(platform: &TestPlatform) -> (String, usize) {
    let acme = platform.acme();
    acme.whatsapp.say(ADA, "hello").await.expect("taken");
    acme.whatsapp_replies(ADA, 1).await;
    platform.settled().await;
    let before = acme.whatsapp.conversation(ADA).len();
    acme.whatsapp.lapse(ADA);
    let long_ago = "UPDATE channel_contacts SET window_until = now() - interval '1 day', \
                    last_inbound_at = now() - interval '2 days'";
    execute(&platform.pool, long_ago).await;
    let conversation = platform.rows("SELECT id FROM conversations").await[0]["id"].clone();
    (conversation.as_str().expect("an id").to_owned(), before)
}

async fn write(platform: &TestPlatform, conversation: &str, text: &str) -> String {
    let path = format!("/v1/conversations/{conversation}/messages");
    let (status, body) = post(platform, &path, &json!({ "text": text })).await;
    assert_eq!(status, 202, "{body}");
    body["data"]["id"].as_str().expect("an id").to_owned()
}

/// The stages of a message's trail.
async fn stages(platform: &TestPlatform, message: &str) -> Vec<String> {
    let token = &platform.acme().seeded.token;
    let trail = platform.get(&format!("/v1/messages/{message}/trail"), token).await.json();
    let events = trail["data"]["events"].as_array().cloned().unwrap_or_default();
    events.iter().filter_map(|event| event["stage"].as_str().map(str::to_owned)).collect()
}

async fn until_stage(platform: &TestPlatform, message: &str, stage: &str) {
    eventually(&format!("the message is {stage}"), async || {
        stages(platform, message).await.iter().any(|reached| reached == stage).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_goes_out_in_order_when_the_contact_writes() {
    let platform = platform().await;
    let acme = platform.acme();
    let (conversation, before) = lapsed(&platform).await;
    let refused = json!({ "settings": { "outside_window": "wait" } });
    let path = format!("/v1/channels/{}", acme.seeded.whatsapp);
    assert_eq!(call(&platform, Method::PATCH, &path, &refused).await.0, 400);
    outside(&platform, &json!({ "policy": "hold", "hours": 5 })).await;

    let mut held = Vec::new();
    for text in ["one", "two", "three"] {
        held.push(write(&platform, &conversation, text).await);
        until_stage(&platform, held.last().expect("written"), "held").await;
    }
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation(ADA).len(), before, "nothing went out");
    let shown = platform.get(&format!("/v1/messages/{}", held[0]), &acme.seeded.token).await.json();
    assert_eq!((&shown["data"]["status"], &shown["data"]["error_code"]), (&json!("queued"), &json!("held")));

    acme.whatsapp.say(ADA, "hello again").await.expect("taken");
    let sent = acme.whatsapp_replies(ADA, before + 3).await;
    let texts: Vec<&str> = sent[before..].iter().filter_map(|sent| sent.text.as_deref()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    until_stage(&platform, &held[0], "accepted").await;
    let stages: Vec<String> =
        stages(&platform, &held[0]).await.into_iter().filter(|stage| stage != "status").collect();
    assert_eq!(stages, ["queued", "held", "released", "attempt", "accepted"]);
    assert_eq!(
        platform.count("SELECT count(*) FROM outbox_events WHERE event_type = 'message.held'").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_answers_expires_with_its_reason() {
    let platform = platform().await;
    let acme = platform.acme();
    let (conversation, before) = lapsed(&platform).await;
    outside(&platform, &json!("hold")).await;
    let message = write(&platform, &conversation, "are you there?").await;
    until_stage(&platform, &message, "held").await;
    // Three days later, as the record tells it: the message was written long ago, and its wait is over.
    let policy = "UPDATE outbox_events SET available_at = now() - interval '1 second' WHERE event_type = 'message.held'";
    execute(&platform.pool, policy).await;
    let due = "SELECT count(*) FROM outbox_events WHERE event_type = 'message.held' AND available_at > now()";
    // Its time is not over after all: it is held again, until it is.
    eventually("it is held again", async || (platform.count(due).await == 1).then_some(())).await;
    outside(&platform, &json!("refuse")).await;
    execute(&platform.pool, policy).await;
    until_stage(&platform, &message, "refused").await;
    let shown = platform.get(&format!("/v1/messages/{message}"), &acme.seeded.token).await.json();
    assert_eq!(
        (&shown["data"]["status"], &shown["data"]["error_code"]),
        (&json!("failed"), &json!("window_closed"))
    );
    assert_eq!(acme.whatsapp.conversation(ADA).len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_for_too_long_ends_and_is_not_sent_when_the_contact_writes_after_all() {
    let platform = platform().await;
    let acme = platform.acme();
    let (conversation, before) = lapsed(&platform).await;
    outside(&platform, &json!({ "policy": "hold", "hours": 5 })).await;
    let late = write(&platform, &conversation, "too late").await;
    until_stage(&platform, &late, "held").await;
    let in_time = write(&platform, &conversation, "in time").await;
    until_stage(&platform, &in_time, "held").await;
    // Five hours later, as the record tells it; and the contact writes before anybody has looked.
    let over = format!(
        "UPDATE outbox_events SET available_at = now() - interval '1 second', \
         payload = jsonb_set(payload, '{{body,what,held_until}}', to_jsonb(now() - interval '1 second')) \
         WHERE event_type = 'message.held' AND entity_id = '{late}'"
    );
    execute(&platform.pool, &over).await;
    acme.whatsapp.say(ADA, "hello again").await.expect("taken");

    until_stage(&platform, &late, "expired").await;
    until_stage(&platform, &in_time, "accepted").await;
    let shown = platform.get(&format!("/v1/messages/{late}"), &acme.seeded.token).await.json();
    assert_eq!(
        (&shown["data"]["status"], &shown["data"]["error_code"]),
        (&json!("failed"), &json!("expired")),
        "{shown}"
    );
    let reason = shown["data"]["error_message"].as_str().expect("a reason");
    assert!(reason.contains("did not write in time"), "{reason}");
    assert_eq!(stages(&platform, &late).await, ["queued", "held", "attempt", "expired"]);

    acme.whatsapp.say(ADA, "anybody?").await.expect("taken");
    platform.settled().await;
    let sent = acme.whatsapp.conversation(ADA);
    let texts: Vec<&str> = sent[before..].iter().filter_map(|sent| sent.text.as_deref()).collect();
    assert_eq!(texts, ["in time"], "a person has taken over, so the bot is silent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_goes_in_the_place_of_what_may_not() {
    let platform = platform().await;
    let acme = platform.acme();
    let (conversation, before) = lapsed(&platform).await;
    let template =
        json!({ "name": "are_you_there", "language": "en", "variables": ["{{ contact.name | you }}"] });
    outside(&platform, &json!({ "policy": "template", "template": template })).await;
    let message = write(&platform, &conversation, "your parcel is here").await;
    until_stage(&platform, &message, "accepted").await;
    assert!(stages(&platform, &message).await.contains(&"downgraded".to_owned()));
    let sent = acme.whatsapp.messages().pop().expect("sent");
    assert_eq!((sent.kind.as_str(), acme.whatsapp.conversation(ADA).len()), ("template", before + 1));
    let parameter = &sent.body["template"]["components"][0]["parameters"][0];
    assert_eq!(parameter["text"], format!("Person {ADA}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_decides_at_the_edge_and_the_policy_follows() {
    let platform = platform().await;
    let acme = platform.acme();
    let (conversation, before) = lapsed(&platform).await;
    let open = "UPDATE channel_contacts SET window_until = now() + interval '1 hour'";
    execute(&platform.pool, open).await;
    let message = write(&platform, &conversation, "one").await;
    until_stage(&platform, &message, "refused").await;
    let shown = platform.get(&format!("/v1/messages/{message}"), &acme.seeded.token).await.json();
    assert_eq!(shown["data"]["error_code"], "window_closed");

    outside(&platform, &json!("hold")).await;
    execute(&platform.pool, open).await;
    let message = write(&platform, &conversation, "two").await;
    until_stage(&platform, &message, "held").await;
    acme.whatsapp.say(ADA, "hello again").await.expect("taken");
    let sent = acme.whatsapp_replies(ADA, before + 1).await;
    assert_eq!(sent[before].text.as_deref(), Some("two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_refused_before_it_is_queued() {
    let platform = platform().await;
    let acme = platform.acme();
    let (conversation, before) = lapsed(&platform).await;
    let path = format!("/v1/conversations/{conversation}/messages");
    let (status, body) = post(&platform, &path, &json!({ "text": "too late" })).await;
    assert_eq!((status, &body["code"]), (409, &json!("window_closed")), "{body}");
    let batch = json!({ "channel_id": acme.seeded.whatsapp, "text": "news", "messages": [{ "to": ADA }] });
    let (_, body) = post(&platform, "/v1/messages/batch", &batch).await;
    assert_eq!(body["data"]["refused"][0]["code"], "window_closed", "{body}");
    // With another policy a batch is taken, and waits.
    outside(&platform, &json!("hold")).await;
    let (_, body) = post(&platform, "/v1/messages/batch", &batch).await;
    let message = body["data"]["accepted"][0]["message_id"].as_str().expect("accepted").to_owned();
    until_stage(&platform, &message, "held").await;
    // A template may always go.
    let news = json!({ "content": { "kind": "template", "name": "news", "language": "en" } });
    assert_eq!(post(&platform, &path, &news).await.0, 202);
    let sent = acme.whatsapp_replies(ADA, before + 1).await;
    assert_eq!(sent.last().and_then(|sent| sent.text.as_deref()), Some("news"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_submitted_approved_paused_and_removed() {
    let platform = platform().await;
    let acme = platform.acme();
    let (conversation, before) = lapsed(&platform).await;
    let collection = format!("/v1/channels/{}/templates", acme.seeded.whatsapp);
    let template = json!({
        "name": "order_is_ready", "language": "en_US", "category": "utility",
        "header": { "format": "image" }, "body": "Hello {{name}}, your order {{order}} is ready for you.",
        "buttons": [
            { "type": "quick_reply", "text": "Thanks" },
            { "type": "url", "text": "Track", "url": "https://shop.example/{{1}}", "example": "1002" },
        ],
        "variables": ["Ada", "1002"],
    });
    let mut wrong = template.clone();
    wrong["variables"] = json!(["Ada"]);
    let (status, body) = post(&platform, &collection, &wrong).await;
    assert_eq!((status, &body["field"]), (400, &json!("variables")), "{body}");
    let (status, body) = post(&platform, &collection, &template).await;
    assert_eq!(status, 201, "{body}");
    let item = format!("{collection}/{}", body["data"]["id"].as_str().expect("an id"));
    let (status, body) = post(&platform, &format!("{item}/submit"), &json!({})).await;
    assert_eq!((status, &body["data"]["status"]), (200, &json!("pending")), "{body}");
    assert_eq!(post(&platform, &format!("{item}/submit"), &json!({})).await.0, 409);

    let path = format!("/v1/conversations/{conversation}/messages");
    let message = |variables: Value| {
        json!({ "content": {
            "kind": "template", "name": "order_is_ready", "language": "", "variables": variables,
            "header": { "type": "media", "media": "image", "url": "https://cdn.example/a.png" },
            "buttons": [{ "index": 1, "url_suffix": "1002" }],
        } })
    };
    let send = async |variables: Value| {
        let (status, body) = post(&platform, &path, &message(variables)).await;
        assert_eq!(status, 202, "{body}");
        let id = body["data"]["id"].as_str().expect("an id").to_owned();
        eventually("it has an outcome", async || {
            let shown = platform.get(&format!("/v1/messages/{id}"), &acme.seeded.token).await.json();
            let code = shown["data"]["error_code"].as_str().map(str::to_owned);
            (shown["data"]["status"] != "queued").then_some(code)
        })
        .await
    };
    assert_eq!(send(json!(["Ada", "1002"])).await.as_deref(), Some("template_not_approved"));

    let review = |status: Option<&str>, quality: Option<&str>| Reviewed {
        name: "order_is_ready".into(),
        language: "en_US".into(),
        status: status.map(str::to_owned),
        quality: quality.map(str::to_owned),
        ..Reviewed::default()
    };
    let becomes = async |field: &str, word: &str| {
        eventually(&format!("its {field} is {word}"), async || {
            let (_, body) = call(&platform, Method::GET, &item, &Value::Null).await;
            (body["data"][field] == word).then_some(())
        })
        .await;
    };
    acme.whatsapp.review(&review(Some("APPROVED"), Some("GREEN"))).await.expect("taken");
    becomes("status", "approved").await;
    becomes("quality", "green").await;
    assert_eq!(send(json!(["Ada"])).await.as_deref(), Some("template_variables"));
    assert_eq!(acme.whatsapp.counters().refused, 0, "nobody was asked for nothing");
    assert_eq!(send(json!(["Ada", "1002"])).await, None);
    let sent = acme.whatsapp.messages().pop().expect("sent");
    assert_eq!(sent.body["template"]["language"]["code"], "en_US");
    assert_eq!(acme.whatsapp.conversation(ADA).len(), before + 1);
    let (_, body) = call(&platform, Method::GET, &item, &Value::Null).await;
    assert_eq!(body["data"]["use_count"], 1);

    acme.whatsapp.review(&review(Some("PAUSED"), Some("RED"))).await.expect("taken");
    becomes("status", "paused").await;
    assert_eq!(send(json!(["Ada", "1002"])).await.as_deref(), Some("template_paused"));
    let preview = json!({ "variables": ["Ada", "7"] });
    let (_, body) = post(&platform, &format!("{item}/preview"), &preview).await;
    assert_eq!(body["data"]["body"], "Hello Ada, your order 7 is ready for you.");
    assert_eq!(body["data"]["problem"]["code"], "template_header");

    // What the provider has beside it comes with the next reading; what it has no more is not sent any more.
    let (status, body) = post(&platform, &format!("{collection}/sync"), &json!({})).await;
    assert_eq!((status, &body["data"]), (200, &json!({ "added": 4, "updated": 1, "gone": 0 })), "{body}");

    // What was done here is not undone by reading the provider's list: neither disabling nor a change.
    let (status, body) = post(&platform, &format!("{item}/disable"), &json!({})).await;
    assert_eq!((status, &body["data"]["status"]), (200, &json!("disabled")), "{body}");
    acme.whatsapp.review(&review(Some("APPROVED"), Some("YELLOW"))).await.expect("taken");
    becomes("quality", "yellow").await;
    post(&platform, &format!("{collection}/sync"), &json!({})).await;
    becomes("status", "disabled").await;
    let (status, body) = post(&platform, &format!("{item}/sync"), &json!({})).await;
    assert_eq!((status, &body["data"]["status"]), (200, &json!("approved")), "asked for alone: {body}");
    let words = json!({ "body": "Dear {{name}}, your order {{order}} is ready for you." });
    let (status, body) = call(&platform, Method::PATCH, &item, &words).await;
    assert_eq!((status, &body["data"]["status"]), (200, &json!("draft")), "{body}");
    post(&platform, &format!("{collection}/sync"), &json!({})).await;
    let (_, body) = call(&platform, Method::GET, &item, &Value::Null).await;
    assert_eq!((&body["data"]["status"], &body["data"]["body"]), (&json!("draft"), &words["body"]));

    let (status, body) = call(&platform, Method::DELETE, &item, &Value::Null).await;
    assert_eq!(status, 204, "{body}");
    let (_, body) = post(&platform, &format!("{collection}/sync"), &json!({})).await;
    assert_eq!(body["data"], json!({ "added": 0, "updated": 4, "gone": 0 }), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_answer_on_instagram_for_a_week_and_a_program_may_not() {
    let platform = platform().await;
    let acme = platform.acme();
    acme.instagram.say("4711", "hello").await.expect("taken");
    acme.instagram_replies("4711", 1).await;
    platform.settled().await;
    let before = acme.instagram.conversation("4711").len();
    let two_days_ago = SystemClock.now() - TimeDelta::days(2);
    acme.instagram.set_heard("4711", two_days_ago);
    let ago = "UPDATE channel_contacts SET window_until = now() - interval '1 day', \
               last_inbound_at = now() - interval '2 days'";
    execute(&platform.pool, ago).await;
    let conversation = platform.rows("SELECT id FROM conversations").await[0]["id"].clone();
    let next = [Fault::Refuse].into();
    acme.instagram.set_behaviour(Behaviour { next, refuse_code: Some(100), ..Behaviour::default() });
    let message = write(&platform, conversation.as_str().expect("an id"), "sorry for the wait").await;
    until_stage(&platform, &message, "refused").await;
    // When it is sent again by hand it still says that a person wrote it.
    let again = post(&platform, &format!("/v1/messages/{message}/retry"), &json!({})).await;
    assert_eq!(again.0, 202, "{again:?}");
    until_stage(&platform, &message, "accepted").await;
    let sent = acme.instagram.messages().pop().expect("sent");
    assert_eq!(
        (&sent.body["tag"], &sent.body["messaging_type"]),
        (&json!("HUMAN_AGENT"), &json!("MESSAGE_TAG"))
    );

    let batch =
        json!({ "channel_id": acme.seeded.instagram, "text": "news", "messages": [{ "to": "4711" }] });
    let (_, body) = post(&platform, "/v1/messages/batch", &batch).await;
    assert_eq!(body["data"]["refused"][0]["code"], "window_closed", "{body}");
    assert_eq!(acme.instagram.conversation("4711").len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_proves_who_somebody_is_goes_to_their_number() {
    let platform = platform().await;
    let acme = platform.acme();
    // Somebody with both addresses is answered under the business-scoped one.
    let who = format!("US.{ADA}");
    let now = SystemClock.now().timestamp().to_string();
    let message = json!({
        "from": ADA, "from_user_id": who, "id": "wamid.1", "timestamp": now, "type": "text",
        "text": { "body": "hello" },
    });
    let (body, signature) = acme.notification(&json!({ "messages": [message] }));
    let header = botbuilder_testkit::fake::whatsapp::SIGNATURE_HEADER;
    assert_eq!(platform.post(&acme.whatsapp_path(), &[(header, &signature)], body).await.status, 200);
    acme.whatsapp_replies(&who, 1).await;
    platform.settled().await;
    // Two that the fake has; what they are for is known here alone.
    let templates = [("news", "en", "authentication"), ("hello_world", "en_US", "utility")];
    for (name, language, category) in templates {
        let template = format!(
            "INSERT INTO channel_templates (organization_id, channel_id, name, language, category, body, status) \
             SELECT organization_id, id, '{name}', '{language}', '{category}', 'Ready', 'approved' \
             FROM channels WHERE type = 'whatsapp'"
        );
        execute(&platform.pool, &template).await;
    }
    let conversation = platform.rows("SELECT id FROM conversations").await[0]["id"].clone();
    let path = format!("/v1/conversations/{}/messages", conversation.as_str().expect("an id"));
    let before = acme.whatsapp.conversation(&who).len();
    for (name, language, _) in templates {
        let template = json!({ "content": { "kind": "template", "name": name, "language": language } });
        let (status, body) = post(&platform, &path, &template).await;
        assert_eq!(status, 202, "{body}");
    }
    let proved = acme.whatsapp_replies(ADA, 1).await;
    assert_eq!(proved[0].text.as_deref(), Some("news"));
    let others = acme.whatsapp_replies(&who, before + 1).await;
    assert_eq!(others[before].text.as_deref(), Some("hello_world"));
}
