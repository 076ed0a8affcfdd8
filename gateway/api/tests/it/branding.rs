//! The domains and pictures of a brand.

use axum::{
    body::Body,
    http::{Method, Request},
};
use botbuilder_api::outside::Sender;
use serde_json::{Value, json};

use crate::{
    foreign::Bound,
    harness::{Answer, Server, run},
};

const PATH: &str = "/v1/branding";
/// The smallest picture there is: one pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

async fn patch(server: &Server, body: Value) -> Answer {
    server.call(Method::PATCH, PATH, &[], Some(body)).await
}

#[tokio::test]
async fn the_domain_of_the_senders_address_is_proved_by_the_same_text() {
    let world = Bound::new().await.start(&[]).await;
    let server = &world.server;
    let verify = async || server.post(&format!("{PATH}/mail-domain/verify"), json!({})).await;
    assert_eq!(verify().await.expect(409).code(), "no_domain");
    let body = json!({ "brand_name": "Acme", "mail_from_address": "hello@Mail.acme.example" });
    let set = patch(server, body).await.expect(200);
    assert_eq!(
        (&set.data()["mail_domain_status"], &set.data()["domain_status"]),
        (&json!("pending"), &json!("none"))
    );
    let token = set.data()["domain_token"].as_str().expect("a token").to_owned();
    let refused = verify().await.expect(409);
    assert_eq!(refused.code(), "not_proved");
    let detail = refused.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("_botbuilder-challenge.mail.acme.example"), "{detail}");
    assert_eq!(server.get(PATH).await.expect(200).data()["mail_domain_status"], "failed");
    world.dns.lock().expect("the text").clone_from(&token);
    assert_eq!(verify().await.expect(200).data()["mail_domain_status"], "verified");
    // Another address of the same domain is proved; another domain is not, by the same text.
    let same = patch(server, json!({ "mail_from_address": "bye@mail.acme.example" })).await.expect(200);
    assert_eq!(same.data()["mail_domain_status"], "verified");
    let new = patch(server, json!({ "mail_from_address": "hello@acme.example" })).await.expect(200);
    assert_eq!(
        (&new.data()["mail_domain_status"], &new.data()["domain_token"]),
        (&json!("pending"), &json!(token))
    );
    let gone = patch(server, json!({ "mail_from_address": null })).await.expect(200);
    assert_eq!(
        (&gone.data()["mail_domain_status"], &gone.data()["domain_token"]),
        (&json!("none"), &Value::Null)
    );
}

#[tokio::test]
async fn invitations_come_from_the_organizations_own_address_once_that_may_be() {
    for (may_be_theirs, state, own) in
        [(false, "verified", false), (true, "pending", false), (true, "verified", true)]
    {
        let server = Server::start_with(|api| {
            let sender = Sender { platform: "Bots <bots@platform.example>".to_owned(), may_be_theirs };
            let outside = api.outside.clone().sending(sender);
            api.reaching(outside)
        })
        .await;
        let body = json!({
            "brand_name": "Acme", "mail_from_name": "The Acme team", "mail_from_address": "hello@acme.example",
        });
        patch(&server, body).await.expect(200);
        run(&server, "UPDATE user_subscriptions SET limits_override = '{\"seats\": 10}'", &[]).await;
        sqlx::query("UPDATE whitelabel_settings SET mail_domain_status = $1")
            .bind(state)
            .execute(&server.pool)
            .await
            .expect("a change");
        let from = if own { "hello@acme.example" } else { "Bots <bots@platform.example>" };
        assert_eq!(server.get(PATH).await.expect(200).data()["mail_sent_from"], from);
        server
            .post("/v1/invitations", json!({ "email": "ada@example.org", "role": "viewer" }))
            .await
            .expect(201);
        let mail: (Option<String>, Option<String>) = sqlx::query_as(
            "SELECT from_email::text, variables ->> 'from_name' FROM email_notifications WHERE template = 'invitation'",
        )
        .fetch_one(&server.pool)
        .await
        .expect("a mail");
        let expected = own.then(|| ("hello@acme.example".to_owned(), "The Acme team".to_owned()));
        assert_eq!(mail, expected.map_or((None, None), |(from, name)| (Some(from), Some(name))));
    }
}

async fn upload(server: &Server, kind: &str, picture: &'static [u8]) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{PATH}/logo?kind={kind}"))
        .header("authorization", format!("Bearer {}", server.acme.token.expose()))
        .header("content-type", "application/octet-stream");
    server.send(request.body(Body::from(picture)).expect("a request")).await
}

async fn seen(server: &Server, url: &Value) -> Answer {
    let path = url.as_str().and_then(|url| url.split_once("/v1/")).map(|(_, path)| format!("/v1/{path}"));
    let request = Request::get(path.expect("an address of ours"));
    server.send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn a_picture_is_seen_by_everybody_while_the_brand_names_it() {
    let server = Server::start().await;
    assert_eq!(upload(&server, "logo", PIXEL).await.expect(409).code(), "no_branding");
    patch(&server, json!({ "brand_name": "Acme" })).await.expect(200);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    assert_eq!(upload(&server, "logo", svg).await.expect(400).body["field"], "body");
    assert_eq!(upload(&server, "banner", PIXEL).await.expect(400).body["field"], "kind");
    let set = upload(&server, "favicon", PIXEL).await.expect(200);
    assert_eq!(set.data()["logo_url"], Value::Null);
    let url = set.data()["favicon_url"].clone();
    let picture = seen(&server, &url).await.expect(200);
    assert_eq!(picture.headers["content-type"], "image/gif");
    assert_eq!(picture.headers["x-content-type-options"], "nosniff");
    patch(&server, json!({ "favicon_url": null })).await.expect(200);
    seen(&server, &url).await.expect(404);
}
