//! One provider app of the platform for the accounts of many organizations.

use botbuilder_domain::Secret;
use botbuilder_service::config::{App, Apps};
use botbuilder_testkit::{
    fake::whatsapp::{self, SIGNATURE_HEADER},
    local_client::Method,
    platform::{Options, TestPlatform, execute},
};
use serde_json::Value;

const SECRET: &str = "secret-of-the-app";
const ACME: &str = "4711000001";
const OTHER: &str = "4711000002";
const PATH: &str = "/hooks/app/whatsapp";

async fn platform() -> TestPlatform {
    let app = App {
        secret: Some(Secret::new(SECRET.to_owned())),
        verify_token: Some(Secret::new("token-of-the-app".to_owned())),
        ..App::default()
    };
    let apps = Apps { whatsapp: app, ..Apps::default() };
    let options = Options {
        organizations: vec!["acme", "other"],
        app_secret: Some(SECRET),
        apps,
        ..Options::default()
    };
    let platform = TestPlatform::with(options).await;
    for (slug, number) in [("acme", ACME), ("other", OTHER)] {
        let connected = format!(
            "UPDATE channels c SET provider_account_id = '{number}', \
             settings = c.settings || '{{\"phone_number_id\": \"{number}\"}}' FROM organizations o \
             WHERE o.id = c.organization_id AND o.slug = '{slug}' AND c.type = 'whatsapp'"
        );
        execute(&platform.pool, &connected).await;
    }
    platform
}

/// What the app would send for several messages at once: each of an account, from a person.
fn request(messages: &[(&str, &str)]) -> String {
    let mut whole: Option<Value> = None;
    for (account, from) in messages {
        let id = format!("wamid.{from}");
        let (body, _) = whatsapp::message_webhook(SECRET, account, from, &id, "hello");
        let body: Value = serde_json::from_str(&body).expect("a notification is JSON");
        match &mut whole {
            None => whole = Some(body),
            Some(whole) => {
                let entries = whole["entry"].as_array_mut().expect("entries");
                entries.extend(body["entry"].as_array().expect("entries").iter().cloned());
            }
        }
    }
    whole.expect("a message").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_finds_the_channel_of_its_account() {
    let platform = platform().await;
    let (acme, other) = (&platform.organizations[0], &platform.organizations[1]);
    let body = request(&[(ACME, "491511"), ("4711000000", "491512"), (OTHER, "491513")]);
    let signature = acme.sign(body.as_bytes());
    let answer = platform.post(PATH, &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
    acme.whatsapp_replies("491511", 1).await;
    other.whatsapp_replies("491513", 1).await;
    // Each organization has its own, and nobody has what belongs to nobody.
    let contacts = "SELECT o.slug, c.external_id FROM channel_contacts c JOIN organizations o \
                    ON o.id = c.organization_id ORDER BY c.external_id";
    let contacts: Vec<String> = platform
        .rows(contacts)
        .await
        .iter()
        .map(|row| {
            format!("{} {}", row["slug"].as_str().unwrap_or(""), row["external_id"].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(contacts, ["acme 491511", "other 491513"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_did_not_sign_is_refused() {
    let platform = platform().await;
    let acme = platform.acme();
    let body = request(&[(ACME, "491511")]);
    let good = acme.sign(body.as_bytes());
    for signature in [acme.sign(b"{}"), format!("sha256={}", "0".repeat(64)), String::new()] {
        let answer = platform.post(PATH, &[(SIGNATURE_HEADER, &signature)], &body).await;
        assert_eq!(answer.status, 401);
    }
    // An app that is not configured has no address.
    for provider in ["slack", "telegram", "web", "x"] {
        let path = format!("/hooks/app/{provider}");
        let answer = platform.post(&path, &[(SIGNATURE_HEADER, &good)], &body).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(platform.appended("inbound").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn address_of_the_app_is_registered_with_its_token() {
    let platform = platform().await;
    for (token, status) in [("token-of-the-app", 200), ("another", 403), ("", 403)] {
        let path = format!("{PATH}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444");
        let answer = platform.call(Method::GET, &path, &[], "").await;
        assert_eq!(answer.status, status, "{token}");
        assert_eq!(answer.body == "1158201444", status == 200);
    }
}
