//! What happened to a message can be told, to whoever may know.

use botbuilder_domain::Secret;
use botbuilder_testkit::{
    local_client::Method,
    platform::{Options, TestPlatform, eventually},
};
use chrono::{DateTime, FixedOffset};
use serde_json::Value;

async fn trail(platform: &TestPlatform, id: &str, token: &Secret<String>) -> Value {
    let answer = platform.get(&format!("/v1/messages/{id}/trail"), token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"].clone()
}

fn stages(trail: &Value) -> Vec<&str> {
    let events = trail["events"].as_array().expect("events");
    events.iter().filter_map(|event| event["stage"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn trail_tells_a_message_and_its_replies_stage_by_stage() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let token = &acme.seeded.token;
    acme.whatsapp.say("491511", "good day").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 2).await;
    let reply = replies[0].tag.clone().expect("our tag");

    let outbound = eventually("the reply was read", async || {
        Some(trail(&platform, &reply, token).await).filter(|trail| trail["message"]["status"] == "read")
    })
    .await;
    assert_eq!(outbound["message"]["direction"], "outbound");
    assert_eq!(outbound["message"]["provider_message_id"], replies[0].id);
    // Reports come in a request of their own and may overtake the answer to ours.
    let seen = stages(&outbound);
    let place = |stage: &str| seen.iter().position(|known| *known == stage);
    assert!(place("attempt").is_some() && place("attempt") < place("accepted"), "{seen:?}");
    assert!(place("attempt") < place("status"), "{seen:?}");
    let events = outbound["events"].as_array().expect("events");
    let reported = events.iter().filter(|event| event["stage"] == "status");
    let mut reported: Vec<&str> =
        reported.filter_map(|event| event.pointer("/detail/status")?.as_str()).collect();
    reported.sort_unstable();
    assert_eq!(reported, ["delivered", "read", "sent"]);

    let related = outbound["related"].as_array().expect("related messages");
    let inbound = related.iter().find(|other| other["direction"] == "inbound").expect("what was answered");
    let inbound = trail(&platform, inbound["id"].as_str().expect("an id"), token).await;
    assert_eq!(stages(&inbound), ["received", "verified", "appended", "turn"]);
    assert_eq!(inbound["message"]["status"], "received");
    let times: Vec<DateTime<FixedOffset>> = inbound["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| DateTime::parse_from_rfc3339(event["at"].as_str()?).ok())
        .collect();
    assert_eq!(times.len(), 4);
    assert!(times.is_sorted(), "{times:?}");
    // It tells what happened, not what was said or by whom.
    let told = inbound["events"].to_string() + &outbound["events"].to_string();
    assert!(!told.contains("good day") && !told.contains("491511"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trail_is_for_the_organization_alone() {
    let platform =
        TestPlatform::with(Options { organizations: vec!["acme", "other"], ..Options::default() }).await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    let reply = acme.whatsapp_replies("491511", 2).await[0].tag.clone().expect("our tag");
    platform.settled().await;

    let own = acme.seeded.token.expose().clone();
    let foreign = platform.organizations[1].seeded.token.expose().clone();
    let cut = own[..own.len() - 1].to_owned();
    for path in [format!("/v1/messages/{reply}"), format!("/v1/messages/{reply}/trail")] {
        let ask = async |authorization: Option<String>| {
            let headers: Vec<(&str, &str)> =
                authorization.iter().map(|value| ("authorization", value.as_str())).collect();
            platform.call(Method::GET, &path, &headers, "").await
        };
        assert_eq!(ask(Some(format!("Bearer {own}"))).await.status, 200);
        for bad in
            [None, Some(String::new()), Some(own.clone()), Some("Bearer ".into()), Some("Bearer bb_x".into())]
        {
            let answer = ask(bad.clone()).await;
            assert_eq!(answer.status, 401, "{bad:?}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
        assert_eq!(ask(Some(format!("Bearer {cut}"))).await.status, 401);
        // Another organization is told the same as about a message that is none.
        let answer = ask(Some(format!("Bearer {foreign}"))).await;
        let nothing =
            platform.get("/v1/messages/01890000-0000-7000-8000-000000000000/trail", &acme.seeded.token).await;
        assert_eq!((answer.status, answer.json()), (404, nothing.json()));
    }
}
