//! Changes that give somebody power: who may make them, what they must have shown, and who is told.

use botbuilder_domain::Clock as _;
use botbuilder_store::{audit::activity_logs, system::events};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::people::{PASSWORD, Person, World};

const CONFIGURATIONS: &str = "/v1/sso/configurations";

/// The id of a built-in role.
async fn role(world: &World, person: &Person, code: &str) -> Value {
    let roles = world.get(&person.access, "/v1/roles").await.expect(200);
    let role = roles.data().as_array().unwrap().iter().find(|role| role["code"] == code).unwrap();
    role["id"].clone()
}

/// Gives a viewer these permissions besides.
async fn helper(world: &World, owner: &Person, name: &str, permissions: &[&str]) -> Person {
    let person = world.person(name).await;
    let member = world.join(owner, &person, "viewer").await;
    let body = json!({ "name": name, "permissions": permissions });
    let made = world.post(&owner.access, "/v1/team-roles", body).await.expect(201).id();
    let grants = format!("/v1/members/{member}/grants");
    world.post(&owner.access, &grants, json!({ "team_role_id": made })).await.expect(201);
    person
}

fn told(mails: &[crate::people::Mail], what: &str) -> Vec<String> {
    mails.iter().filter(|mail| mail.what == what).map(|mail| mail.to.clone()).collect()
}

#[tokio::test]
async fn a_provider_gives_no_more_than_whoever_names_it_has() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.many_seats().await;
    let eve = helper(&world, &ada, "eve", &["sso:*"]).await;
    let configuration = |role: &Value, groups: Value| {
        json!({
            "protocol": "oidc", "name": "them", "issuer_url": "https://id.example.org",
            "default_role_id": role, "group_mapping": groups,
        })
    };
    let (viewer, admin) = (role(&world, &ada, "viewer").await, role(&world, &ada, "admin").await);
    let owner = role(&world, &ada, "owner").await;
    let create = async |person: &Person, body: Value| world.post(&person.access, CONFIGURATIONS, body).await;
    for (by, role, groups) in
        [(&eve, &admin, json!([])), (&eve, &viewer, json!([{ "group": "all", "role": "member" }]))]
    {
        let refused = create(by, configuration(role, groups)).await.expect(403);
        assert_eq!(refused.code(), "exceeds_own_rights");
    }
    let refused = create(&ada, configuration(&owner, json!([]))).await.expect(400);
    assert_eq!(refused.body["field"], "default_role_id");
    let strong = create(&ada, configuration(&admin, json!([]))).await.expect(201);
    let path = format!("{CONFIGURATIONS}/{}", strong.id());
    // Another provider behind it would be a way to what it gives.
    let elsewhere = json!({ "issuer_url": "https://evil.example" });
    let patch = async |person: &Person, body: Value| {
        let headers = vec![("if-match", "*".to_owned())];
        let from = ([192, 0, 2, 1], 4000).into();
        let (credentials, method) = (Some(person.access.as_str()), axum::http::Method::PATCH);
        world
            .make(crate::people::Call { credentials, method, path: &path, headers, from, body: Some(body) })
            .await
    };
    assert_eq!(patch(&eve, elsewhere.clone()).await.expect(403).code(), "exceeds_own_rights");
    create(&eve, configuration(&viewer, json!([]))).await.expect(409);

    world.pass(TimeDelta::minutes(11));
    assert_eq!(patch(&ada, elsewhere.clone()).await.expect(403).code(), "step_up_required");
    let domain = json!({ "configuration_id": strong.id(), "domain": "example.org" });
    let late = world.post(&ada.access, "/v1/sso/domains", domain).await.expect(403);
    assert_eq!(late.code(), "step_up_required");
    assert_eq!(world.delete(&ada.access, &path).await.expect(403).code(), "step_up_required");
    let ada = world.sign_in(&ada.email).await;
    world
        .execute("UPDATE sso_configurations SET client_id = 'us', client_secret_ct = '\\x00', client_secret_kid = 'k1', status = 'enabled'")
        .await;
    world.mail().await;
    patch(&ada, json!({ "issuer_url": "https://id2.example.org" })).await.expect(200);
    assert_eq!(told(&world.mail().await, "sso_changed"), ["ada@example.org"]);
    world.delete(&ada.access, &path).await.expect(204);
}

#[tokio::test]
async fn a_provider_speaks_for_its_own_organization() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    let own = world.organization(&ada).await;
    world.join(&bob, &ada, "member").await;
    let theirs = world.organization(&ada).await;
    assert_ne!(own, theirs);
    let body = json!({
        "protocol": "oidc", "name": "them", "default_role_id": role(&world, &bob, "viewer").await,
    });
    let connection = world.post(&bob.access, CONFIGURATIONS, body).await.expect(201).id();
    // As if the provider of Bob's organization had let her in.
    world
        .execute(&format!(
            "UPDATE user_sessions SET auth_method = 'sso', sso_configuration_id = '{connection}' WHERE id = '{}'",
            ada.session
        ))
        .await;
    let switch = |to: &str, access: &str| {
        let (path, access) = (format!("/v1/organizations/{to}/switch"), access.to_owned());
        let world = &world;
        async move { world.post(&access, &path, json!({})).await }
    };
    switch(&theirs, &ada.access).await.expect(200);
    assert_eq!(switch(&own, &ada.access).await.expect(403).code(), "step_up_required");
    let shown =
        world.post(&ada.access, "/v1/auth/step-up", json!({ "password": PASSWORD })).await.expect(200);
    let ada = Person::of(&ada.email, &shown);
    switch(&own, &ada.access).await.expect(200);
}

#[tokio::test]
async fn owners_are_made_and_taken_by_whoever_has_just_shown_a_factor() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    let of_bob = format!("/v1/members/{}", world.join(&ada, &bob, "member").await);
    world.pass(TimeDelta::minutes(11));
    let owner = json!({ "role": "owner" });
    let late = world.patch(&ada.access, &of_bob, owner.clone()).await.expect(403);
    assert_eq!(late.code(), "step_up_required");
    world.patch(&ada.access, &of_bob, json!({ "role": "admin" })).await.expect(200);
    let offer = json!({ "email": "eve@example.org", "role": "owner" });
    let late = world.post(&ada.access, "/v1/invitations", offer.clone()).await.expect(403);
    assert_eq!(late.code(), "step_up_required");

    let ada = world.sign_in(&ada.email).await;
    world.mail().await;
    world.patch(&ada.access, &of_bob, owner).await.expect(200);
    let mut people = told(&world.mail().await, "owner_added");
    people.sort();
    assert_eq!(people, ["ada@example.org", "bob@example.org"]);
    world.post(&ada.access, "/v1/invitations", offer).await.expect(201);
    assert_eq!(told(&world.mail().await, "owner_added").len(), 2);
    world.pass(TimeDelta::minutes(11));
    for refused in [
        world.patch(&ada.access, &of_bob, json!({ "role": "viewer" })).await,
        world.post(&ada.access, &format!("{of_bob}/suspend"), json!({})).await,
        world.delete(&ada.access, &of_bob).await,
    ] {
        assert_eq!(refused.expect(403).code(), "step_up_required");
    }
}

#[tokio::test]
async fn a_token_does_not_leave_for_its_owner_nor_is_a_personal_one_given_to_another() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    let of_bob = world.join(&ada, &bob, "admin").await;
    let body = json!({ "name": "mine", "kind": "personal", "scopes": ["bot:read"] });
    let token = world.post(&bob.access, "/v1/api-tokens", body).await.expect(201);
    let secret = token.data()["token"].as_str().unwrap().to_owned();
    let refused = world.delete(&secret, &format!("/v1/members/{of_bob}")).await.expect(403);
    assert_eq!(refused.body["permission"], "member:delete");
    let rotate = format!("/v1/api-tokens/{}/rotate", token.id());
    assert_eq!(world.post(&ada.access, &rotate, json!({})).await.expect(403).code(), "not_yours");
    world.mail().await;
    world.post(&bob.access, &rotate, json!({})).await.expect(201);
    assert_eq!(told(&world.mail().await, "token_created"), ["bob@example.org"]);

    // Of a service token both are told: whoever replaced it, and whose it is.
    let body = json!({ "name": "ci", "scopes": ["bot:read"] });
    let token = world.post(&bob.access, "/v1/api-tokens", body).await.expect(201);
    world.mail().await;
    let rotate = format!("/v1/api-tokens/{}/rotate", token.id());
    world.post(&ada.access, &rotate, json!({})).await.expect(201);
    let mut people = told(&world.mail().await, "token_created");
    people.sort();
    assert_eq!(people, ["ada@example.org", "bob@example.org"]);
}

#[tokio::test]
async fn a_document_of_a_bot_takes_every_right_that_is_in_it_and_is_noted() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.many_seats().await;
    let bot = json!({ "name": "Helper", "slug": "helper" });
    let bot = world.post(&ada.access, "/v1/bots", bot).await.expect(201).id();
    let token = async |scopes: &[&str]| {
        let body = json!({ "name": "ci", "scopes": scopes });
        let made = world.post(&ada.access, "/v1/api-tokens", body).await.expect(201);
        made.data()["token"].as_str().unwrap().to_owned()
    };
    let export = format!("/v1/bots/{bot}/export");
    let narrow = token(&["bot:*"]).await;
    assert_eq!(world.get(&narrow, &export).await.expect(403).body["permission"], "flow:read");
    let reads = token(&["bot:*", "flow:read", "nlu:read"]).await;
    let document = world.get(&reads, &export).await.expect(200).data().clone();
    let import = world.post(&reads, "/v1/bots/import", document.clone()).await.expect(403);
    assert_eq!(import.body["permission"], "flow:write");
    let duplicate = json!({ "name": "Second", "slug": "second" });
    let path = format!("/v1/bots/{bot}/duplicate");
    assert_eq!(world.post(&reads, &path, duplicate).await.expect(403).body["permission"], "flow:write");
    let log = world.get(&ada.access, "/v1/audit?filter[action]=bots.exported").await.expect(200);
    assert_eq!(log.data().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn webhooks_are_no_integrations_of_whoever_may_change_those() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let hook = json!({ "name": "hook", "config": { "url": "https://example.org/hook" } });
    let hook = world.post(&ada.access, "/v1/webhooks", hook).await.expect(201).id();
    let crm = json!({ "category": "crm", "provider": "acme", "name": "crm" });
    let crm = world.post(&ada.access, "/v1/integrations", crm).await.expect(201).id();
    let listed = world.get(&ada.access, "/v1/integrations").await.expect(200);
    let ids: Vec<&Value> = listed.data().as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&json!(crm)]);
    let path = format!("/v1/integrations/{hook}");
    world.get(&ada.access, &path).await.expect(404);
    world.delete(&ada.access, &path).await.expect(404);
    world.post(&ada.access, &format!("{path}/disable"), json!({})).await.expect(404);
    world.get(&ada.access, &format!("/v1/webhooks/{hook}")).await.expect(200);
    world.get(&ada.access, &format!("/v1/webhooks/{crm}")).await.expect(404);
}

#[tokio::test]
async fn whoever_joins_is_told_of_once() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    let before = world.clock.now();
    let member = world.join(&ada, &bob, "member").await;
    let events = format!(
        "SELECT count(*) FROM outbox_events o, jsonb_array_elements(o.payload -> 'events') e
         WHERE e ->> 'type' = 'member.joined' AND e -> 'data' ->> 'resource_id' = '{member}' AND (e ->> 'at')::timestamptz >= '{}'",
        before.to_rfc3339()
    );
    assert_eq!(world.count(&events).await, 1);
}

#[tokio::test]
async fn what_an_endpoint_answered_is_for_those_who_manage_webhooks() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    world.join(&ada, &bob, "member").await;
    let hook = json!({ "name": "hook", "config": { "url": "https://example.org/hook" } });
    let hook = world.post(&ada.access, "/v1/webhooks", hook).await.expect(201).id();
    world.post(&ada.access, &format!("/v1/webhooks/{hook}/test"), json!({})).await.expect(202);
    world
        .execute("UPDATE webhook_logs SET response_body = 'inside', response_headers = '{\"server\": \"x\"}'")
        .await;
    let seen = async |person: &Person| {
        let rows = world.get(&person.access, "/v1/webhook-deliveries").await.expect(200);
        let row = rows.data()[0].clone();
        (row["response_body"].clone(), row["response_headers"].clone())
    };
    assert_eq!(seen(&ada).await, (json!("inside"), json!({ "server": "x" })));
    assert_eq!(seen(&bob).await, (Value::Null, json!({})));
}

#[tokio::test]
async fn the_feed_tells_of_tokens_to_those_who_look_after_the_organization() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    world.join(&ada, &bob, "viewer").await;
    let bot = json!({ "name": "Helper", "slug": "helper" });
    let bot = world.post(&ada.access, "/v1/bots", bot).await.expect(201).id();
    world.post(&ada.access, "/v1/api-tokens", json!({ "name": "ci", "scopes": [] })).await.expect(201);
    // As the fan-out of events writes them.
    let org = world.organization(&ada).await.parse::<uuid::Uuid>().expect("an id").into();
    let scope = botbuilder_store::OrgScope::of_service(org);
    let mut tx = world.store.begin(&scope).await.expect("a transaction");
    let noted = events::take(&mut tx, &scope, 100).await.expect("events");
    let told: Vec<events::Activity> = noted.into_iter().flat_map(|noted| noted.batch.activity).collect();
    activity_logs::insert_many(&mut tx, &scope, &told, &*world.clock).await.expect("activities");
    tx.commit().await.expect("a commit");
    let verbs = async |person: &Person| {
        let rows = world.get(&person.access, "/v1/activity").await.expect(200);
        let verbs = rows.data().as_array().unwrap().iter().map(|row| row["verb"].clone());
        verbs.collect::<Vec<_>>()
    };
    let (all, some) = (verbs(&ada).await, verbs(&bob).await);
    assert!(all.contains(&json!("token.create")) && all.contains(&json!("bots.created")), "{all:?}");
    assert!(!some.contains(&json!("token.create")) && some.contains(&json!("bots.created")), "{some:?}");
    let of_bot =
        format!("SELECT count(*) FROM activity_logs WHERE verb = 'bots.created' AND bot_id = '{bot}'");
    assert_eq!(world.count(&of_bot).await, 1);
}
