//! Two organizations with everything alike.

use botbuilder_testkit::{
    fake::whatsapp::SIGNATURE_HEADER,
    platform::{Options, TestPlatform},
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn same_person_at_two_organizations_is_two_people() {
    let platform = TestPlatform::with(Options {
        organizations: vec!["acme", "other"],
        flow: super::echo_flow(),
        ..Options::default()
    })
    .await;
    let [acme, other] = [&platform.organizations[0], &platform.organizations[1]];
    // Same address, same number, same message ids; only the secrets differ.
    for (organization, words) in [(acme, ["a one", "a two"]), (other, ["b one", "b two"])] {
        for (number, word) in words.iter().enumerate() {
            let (body, signature) = organization.text("491511", &format!("wamid.{number}"), word);
            let path = organization.whatsapp_path();
            let answer = platform.post(&path, &[(SIGNATURE_HEADER, &signature)], &body).await;
            assert_eq!(answer.status, 200);
        }
    }
    for (organization, letter) in [(acme, 'a'), (other, 'b')] {
        let replies = organization.whatsapp_replies("491511", 2).await;
        let said: Vec<&str> = replies.iter().filter_map(|reply| reply.text.as_deref()).collect();
        assert_eq!(
            said,
            [
                format!("You said: {letter} one (5 characters, message 1)"),
                format!("You said: {letter} two (5 characters, message 2)"),
            ]
        );
    }
    platform.settled().await;
    assert_eq!(platform.count("SELECT count(*) FROM channel_contacts").await, 2);
    let mixed = "SELECT count(*) FROM channel_messages m JOIN channel_contacts c ON c.id = m.contact_id \
                 JOIN channels h ON h.id = m.channel_id \
                 WHERE c.organization_id <> m.organization_id OR h.organization_id <> m.organization_id";
    assert_eq!(platform.count(mixed).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn token_shows_the_channels_and_messages_of_its_organization_alone() {
    let platform =
        TestPlatform::with(Options { organizations: vec!["acme", "other"], ..Options::default() }).await;
    let [acme, other] = [&platform.organizations[0], &platform.organizations[1]];
    for organization in [acme, other] {
        organization.whatsapp.say("491511", "hello").await.expect("taken");
        organization.whatsapp_replies("491511", 2).await;
    }
    platform.settled().await;
    for (organization, foreign) in [(acme, other), (other, acme)] {
        let channels = platform.get("/v1/channels", &organization.seeded.token).await.json();
        let mut listed: Vec<String> = channels["data"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|channel| channel["id"].as_str().map(str::to_owned))
            .collect();
        listed.sort_unstable();
        let seeded = &organization.seeded;
        let mut own = [seeded.web, seeded.whatsapp, seeded.telegram, seeded.slack, seeded.instagram]
            .map(|id| id.to_string());
        own.sort_unstable();
        assert_eq!(listed, own);

        let messages = platform
            .rows(&format!(
                "SELECT id, organization_id FROM channel_messages WHERE organization_id = '{}'",
                foreign.seeded.org
            ))
            .await;
        assert_eq!(messages.len(), 3);
        for message in messages {
            let id = message.get("id").and_then(Value::as_str).expect("an id").to_owned();
            for path in [format!("/v1/messages/{id}"), format!("/v1/messages/{id}/trail")] {
                assert_eq!(platform.get(&path, &organization.seeded.token).await.status, 404, "{path}");
                assert_eq!(platform.get(&path, &foreign.seeded.token).await.status, 200, "{path}");
            }
        }
    }
}
