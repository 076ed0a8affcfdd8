//! API tokens, the audit trail and the mails of an organization.

use std::net::SocketAddr;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::people::{Call, Person, World};

async fn token(world: &World, person: &Person, body: Value) -> (String, String) {
    let answer = world.post(&person.access, "/v1/api-tokens", body).await.expect(201);
    (answer.id(), answer.data()["token"].as_str().unwrap().to_owned())
}

async fn from(world: &World, token: &str, address: [u8; 4]) -> u16 {
    let from = SocketAddr::from((address, 1));
    let call = Call {
        credentials: Some(token),
        method: Method::GET,
        path: "/v1/roles",
        headers: Vec::new(),
        from,
        body: None,
    };
    world.make(call).await.status.as_u16()
}

#[tokio::test]
async fn a_token_is_shown_once_and_does_what_its_scopes_say() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (id, secret) = token(&world, &ada, json!({ "name": "ci", "scopes": ["member:read"] })).await;
    assert!(secret.starts_with("bb_"));
    world.get(&secret, "/v1/members").await.expect(200);
    for _ in 0..2 {
        assert_eq!(world.get(&secret, "/v1/audit").await.expect(403).body["permission"], "audit:read");
    }
    let denied = "SELECT count(*) FROM audit_logs WHERE action = 'access.denied' AND outcome = 'denied'
                  AND actor_type = 'api_token' AND metadata ->> 'permission' = 'audit:read'";
    let denied: i64 = sqlx::query_scalar(denied).fetch_one(&world.pool).await.unwrap();
    assert_eq!(denied, 1, "once in a while, not each time");
    assert_eq!(world.get(&secret, "/v1/me").await.expect(403).code(), "session_required");
    let answer = world.get(&ada.access, &format!("/v1/api-tokens/{id}")).await.expect(200);
    assert_eq!(answer.data()["token"], Value::Null);
    assert_eq!(answer.data()["last_four"], secret[secret.len() - 4..]);
    assert_eq!(answer.data()["last_used_ip"], "192.0.2.1");
    let list = world.get(&ada.access, "/v1/api-tokens").await.expect(200);
    assert!(!list.body.to_string().contains(&secret));
    world.get(&ada.access, &format!("/v1/api-tokens/{id}/usage")).await.expect(200);
    for broken in [&secret[..secret.len() - 1], &secret.replace("bb_", "bbx_"), &format!("{secret}0")] {
        world.get(broken, "/v1/members").await.expect(401);
    }
    // The last character is a hexadecimal digit, so this is another token.
    let other = format!("{}{}", &secret[..secret.len() - 1], if secret.ends_with('0') { '1' } else { '0' });
    world.get(&other, "/v1/members").await.expect(401);
}

#[tokio::test]
async fn a_token_never_has_more_than_its_owner_at_that_moment() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.many_seats().await;
    let bob = world.person("bob").await;
    let member = world.join(&ada, &bob, "admin").await;
    let (_, secret) =
        token(&world, &bob, json!({ "name": "ci", "scopes": ["audit:*", "member:read"] })).await;
    world.get(&secret, "/v1/audit").await.expect(200);
    world.patch(&ada.access, &format!("/v1/members/{member}"), json!({ "role": "member" })).await.expect(200);
    world.get(&secret, "/v1/audit").await.expect(403);
    world.get(&secret, "/v1/members").await.expect(200);
    // A token makes no tokens: it shows no factor.
    let (_, all) = token(&world, &ada, json!({ "name": "all", "scopes": ["*"] })).await;
    let body = json!({ "name": "child", "scopes": ["bot:read"] });
    assert_eq!(world.post(&all, "/v1/api-tokens", body).await.expect(403).code(), "session_required");
}

#[tokio::test]
async fn a_token_is_bound_to_bots_networks_a_rate_and_a_time() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let org = world.organization(&ada).await;
    let (mine, theirs) = (world.id(), world.id());
    for (bot, slug) in [(mine, "mine"), (theirs, "theirs")] {
        world.execute(&format!("INSERT INTO bots (organization_id, id, name, slug) VALUES ('{org}', '{bot}', '{slug}', '{slug}')")).await;
    }
    let (_, bound) =
        token(&world, &ada, json!({ "name": "bot", "scopes": ["nlu:*"], "bot_ids": [mine] })).await;
    world.get(&bound, &format!("/v1/bots/{mine}/intents")).await.expect(200);
    world.get(&bound, &format!("/v1/bots/{theirs}/intents")).await.expect(403);

    let (_, near) = token(
        &world,
        &ada,
        json!({ "name": "net", "scopes": [], "allowed_cidrs": ["192.0.2.0/24", "2001:db8::/32"] }),
    )
    .await;
    assert_eq!(from(&world, &near, [192, 0, 2, 200]).await, 200);
    assert_eq!(from(&world, &near, [198, 51, 100, 1]).await, 403);

    let (_, slow) = token(&world, &ada, json!({ "name": "slow", "scopes": [], "rate_per_minute": 2 })).await;
    let first = world.get(&slow, "/v1/roles").await.expect(200);
    assert_eq!(first.headers["ratelimit-limit"], "2");
    assert_eq!(first.headers["ratelimit-remaining"], "1");
    world.get(&slow, "/v1/roles").await.expect(200);
    let refused = world.get(&slow, "/v1/roles").await.expect(429);
    assert_eq!(refused.code(), "rate_limited");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.headers["ratelimit-limit"], "2");
    assert_eq!(refused.headers["ratelimit-remaining"], "0");

    let until = botbuilder_domain::Clock::now(&*world.clock) + TimeDelta::minutes(5);
    let (_, short) = token(&world, &ada, json!({ "name": "short", "scopes": [], "expires_at": until })).await;
    world.get(&short, "/v1/roles").await.expect(200);
    world.pass(TimeDelta::minutes(5));
    world.get(&short, "/v1/roles").await.expect(401);
    for (field, body) in [
        ("scopes", json!({ "name": "x", "scopes": ["bot:fly"] })),
        ("allowed_cidrs", json!({ "name": "x", "scopes": [], "allowed_cidrs": ["192.0.2.1/24"] })),
        ("rate_per_minute", json!({ "name": "x", "scopes": [], "rate_per_minute": 0 })),
        ("expires_at", json!({ "name": "x", "scopes": [], "expires_at": until })),
        ("kind", json!({ "name": "x", "scopes": [], "kind": "scim" })),
        ("name", json!({ "name": " ", "scopes": [] })),
    ] {
        assert_eq!(world.post(&ada.access, "/v1/api-tokens", body).await.expect(400).body["field"], field);
    }
}

#[tokio::test]
async fn a_token_is_changed_rotated_and_ended() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (id, old) =
        token(&world, &ada, json!({ "name": "ci", "scopes": ["member:read", "token:write"] })).await;
    let path = format!("/v1/api-tokens/{id}");
    world.patch(&ada.access, &path, json!({ "scopes": ["token:write"] })).await.expect(200);
    world.get(&old, "/v1/members").await.expect(403);
    // The token itself may ask for its successor.
    let rotate = |grace: i64| {
        let (world, old, path) = (&world, &old, format!("{path}/rotate"));
        async move { world.post(old, &path, json!({ "grace_seconds": grace })).await }
    };
    assert_eq!(rotate(604_801).await.expect(400).body["field"], "grace_seconds");
    let answer = rotate(60).await.expect(201);
    let (new_id, new) = (answer.id(), answer.data()["token"].as_str().unwrap().to_owned());
    assert_eq!(rotate(60).await.expect(409).code(), "superseded");
    world.get(&old, "/v1/roles").await.expect(200);
    world.get(&new, "/v1/roles").await.expect(200);
    world.pass(TimeDelta::seconds(60));
    world.get(&old, "/v1/roles").await.expect(401);
    world.get(&new, "/v1/roles").await.expect(200);
    let path = format!("/v1/api-tokens/{new_id}");
    world.post(&ada.access, &format!("{path}/revoke"), json!({})).await.expect(200);
    world.get(&new, "/v1/roles").await.expect(401);
    assert_eq!(
        world.post(&ada.access, &format!("{path}/revoke"), json!({})).await.expect(409).code(),
        "revoked"
    );
    assert_eq!(world.patch(&ada.access, &path, json!({ "name": "x" })).await.expect(409).code(), "revoked");
    world.delete(&ada.access, &path).await.expect(204);
    world.delete(&ada.access, &path).await.expect(404);
    let eve = world.person("eve").await;
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        world.call(&eve.access, method, &format!("/v1/api-tokens/{id}"), Some(json!({}))).await.expect(404);
    }
}

#[tokio::test]
async fn what_matters_is_written_down_in_a_chain_that_shows_tampering() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let org = world.organization(&ada).await;
    let (id, secret) = token(&world, &ada, json!({ "name": "ci", "scopes": ["audit:read"] })).await;
    world.delete(&ada.access, &format!("/v1/api-tokens/{id}")).await.expect(204);
    let list = world.get(&ada.access, "/v1/audit").await.expect(200);
    let actions: Vec<&str> =
        list.data().as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["token.delete", "token.create", "auth.login", "auth.register"]);
    let create = &list.data()[1];
    assert_eq!(create["actor_label"], "ada@example.org");
    assert_eq!(create["session_id"], ada.session.as_str());
    assert_eq!(create["ip"], "192.0.2.1");
    assert_eq!(create["new_values"]["scopes"], json!(["audit:read"]));
    assert!(create["request_id"].is_string());
    assert!(!list.body.to_string().contains(&secret));

    let page = world.get(&ada.access, "/v1/audit?limit=3").await.expect(200);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = world.get(&ada.access, &format!("/v1/audit?limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!(rest.data()[0]["action"], "auth.register");
    assert_eq!(rest.body["next_cursor"], Value::Null);
    let some = world.get(&ada.access, "/v1/audit?filter[action]=token.create").await.expect(200);
    assert_eq!(some.data().as_array().unwrap().len(), 1);
    for (field, query) in [
        ("filter[actor_id]", "filter[actor_id]=me"),
        ("filter[from]", "filter[from]=yesterday"),
        ("filter[aciton]", "filter[aciton]=x"),
        ("limit", "limit=0"),
    ] {
        let answer = world.get(&ada.access, &format!("/v1/audit?{query}")).await.expect(400);
        assert_eq!(answer.body["field"], field);
    }
    let one = format!("/v1/audit/{}", create["id"].as_str().unwrap());
    world.get(&ada.access, &one).await.expect(200);
    let eve = world.person("eve").await;
    world.get(&eve.access, &one).await.expect(404);

    let export = world.get(&ada.access, "/v1/audit/export").await.expect(200);
    assert_eq!(export.headers["content-type"], "application/x-ndjson");
    assert_eq!(export.body.as_str().unwrap().lines().count(), 4);
    let whole = world.get(&ada.access, "/v1/audit/verify").await.expect(200);
    assert_eq!((whole.data()["whole"].clone(), whole.data()["last_seq"].clone()), (json!(true), json!(5)));
    world
        .execute(&format!(
            "ALTER TABLE audit_logs DISABLE TRIGGER forbid_mutation;
             UPDATE audit_logs SET actor_label = 'eve' WHERE organization_id = '{org}' AND seq = 3;
             ALTER TABLE audit_logs ENABLE TRIGGER forbid_mutation"
        ))
        .await;
    let broken = world.get(&ada.access, "/v1/audit/verify").await.expect(200);
    assert_eq!(
        (broken.data()["whole"].clone(), broken.data()["first_broken_seq"].clone()),
        (json!(false), json!(3))
    );
    assert_eq!(world.get(&ada.access, "/v1/audit/verify?from_seq=4").await.expect(200).data()["whole"], true);
    world.get(&ada.access, "/v1/audit/verify?from_seq=x").await.expect(400);
}

#[tokio::test]
async fn a_refused_change_leaves_no_entry_and_a_failed_sign_in_does() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let before = world.count("SELECT count(*) FROM audit_logs").await;
    world
        .post(&ada.access, "/v1/api-tokens", json!({ "name": "x", "scopes": ["bot:fly"] }))
        .await
        .expect(400);
    assert_eq!(world.count("SELECT count(*) FROM audit_logs").await, before);
    world
        .public("/v1/auth/login", json!({ "email": ada.email, "password": "not the right one" }))
        .await
        .expect(401);
    let failed = "SELECT count(*) FROM audit_logs WHERE action = 'auth.login' AND outcome = 'failure'";
    assert_eq!(world.count(failed).await, 1);
}

#[tokio::test]
async fn mails_of_the_organization_are_listed_and_can_be_stopped() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.post(&ada.access, "/v1/invitations", json!({ "email": "bob@example.org" })).await.expect(201);
    let list = world.get(&ada.access, "/v1/emails").await.expect(200);
    let rows = list.data().as_array().unwrap();
    assert_eq!(
        (rows.len(), rows[0]["template"].as_str()),
        (1, Some("invitation")),
        "an account's own are not among them"
    );
    let path = format!("/v1/emails/{}", rows[0]["id"].as_str().unwrap());
    let eve = world.person("eve").await;
    world.get(&eve.access, &path).await.expect(404);
    world.post(&eve.access, &format!("{path}/cancel"), json!({})).await.expect(404);
    world.mail_to("nobody").await;
    assert_eq!(
        world.post(&ada.access, &format!("{path}/cancel"), json!({})).await.expect(409).code(),
        "not_queued"
    );
    world.post(&ada.access, "/v1/invitations", json!({ "email": "carol@example.org" })).await.expect(402);
    world.many_seats().await;
    world.post(&ada.access, "/v1/invitations", json!({ "email": "carol@example.org" })).await.expect(201);
    let queued = world.get(&ada.access, "/v1/emails?filter[status]=queued").await.expect(200);
    let path = format!("/v1/emails/{}/cancel", queued.data()[0]["id"].as_str().unwrap());
    world.post(&ada.access, &path, json!({})).await.expect(200);
    assert_eq!(world.mail_to("carol@example.org").await, []);
}
