//! The platform's own surface: who gets in, what they may do, and that everybody sees it.

use std::{net::SocketAddr, path::PathBuf};

use axum::http::Method;
use botbuilder_api::{
    admin::{self, Need, resealing::Resealing},
    routes::Access,
};
use botbuilder_domain::Clock as _;
use botbuilder_stream::{Record, dead_letter};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::{
    harness::Answer,
    people::{Call, PASSWORD, Person, World},
};

const NEAR: [u8; 4] = [127, 0, 0, 1];

/// A member of staff, signed in.
pub(crate) struct Staff {
    token: String,
    seed: Vec<u8>,
    email: String,
}

async fn send(
    world: &World,
    token: Option<&str>,
    from: [u8; 4],
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let from = SocketAddr::from((from, 4000));
    world.make(Call { credentials: token, method, path, headers: Vec::new(), from, body }).await
}

impl Staff {
    /// Makes somebody staff and signs them in.
    pub(crate) async fn new(world: &World, name: &str, role: &str) -> Self {
        let person = world.person(name).await;
        let (seed, _) = world.enrol(&person).await;
        world
            .execute(&format!("UPDATE users SET platform_role = '{role}' WHERE email = '{}'", person.email))
            .await;
        let email = person.email;
        let answer = login(world, NEAR, &email, PASSWORD, Some(&seed)).await.expect(200);
        let token = answer.data()["token"].as_str().expect("a token").to_owned();
        Self { token, seed, email }
    }

    async fn call(&self, world: &World, method: Method, path: &str, body: Option<Value>) -> Answer {
        send(world, Some(&self.token), NEAR, method, path, body).await
    }

    pub(crate) async fn get(&self, world: &World, path: &str) -> Answer {
        self.call(world, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, world: &World, path: &str, body: Value) -> Answer {
        self.call(world, Method::POST, path, Some(body)).await
    }

    pub(crate) async fn elevate(&self, world: &World) {
        world.pass(TimeDelta::seconds(60));
        self.post(world, "/admin/v1/auth/elevate", json!({ "code": world.code(&self.seed) }))
            .await
            .expect(200);
    }
}

/// Signs in at the next step of the clock, because each code is good once.
async fn login(world: &World, from: [u8; 4], email: &str, password: &str, seed: Option<&[u8]>) -> Answer {
    world.pass(TimeDelta::seconds(60));
    let code = seed.map(|seed| world.code(seed));
    let body = json!({ "email": email, "password": password, "code": code });
    send(world, None, from, Method::POST, "/admin/v1/auth/login", Some(body)).await
}

#[tokio::test]
async fn staff_sign_in_with_both_factors_from_a_listed_network_only() {
    let world = World::new().await;
    let staff = Staff::new(&world, "sam", "superadmin").await;
    let who = staff.get(&world, "/admin/v1/auth/session").await.expect(200);
    assert_eq!((&who.data()["email"], &who.data()["role"]), (&json!(staff.email), &json!("superadmin")));

    // Elsewhere there is nothing here.
    login(&world, [192, 0, 2, 9], &staff.email, PASSWORD, Some(&staff.seed)).await.expect(404);
    send(&world, Some(&staff.token), [192, 0, 2, 9], Method::GET, "/admin/v1/users", None).await.expect(404);
    // Whoever is no staff, or shows one factor only, is told the same.
    let ada = world.person("ada").await;
    let (seed, _) = world.enrol(&ada).await;
    login(&world, NEAR, &ada.email, PASSWORD, Some(&seed)).await.expect(401);
    login(&world, NEAR, &staff.email, PASSWORD, None).await.expect(401);
    login(&world, NEAR, "nobody@example.org", PASSWORD, None).await.expect(401);
    let reasons: Vec<Value> = staff
        .get(&world, "/admin/v1/login-attempts")
        .await
        .expect(200)
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["failure_reason"].clone())
        .collect();
    assert_eq!(reasons, ["unknown_user", "mfa_missing", "not_staff", "ip_not_allowed", "none"]);

    // A list replaces the rule; nobody shuts themselves out.
    staff.elevate(&world).await;
    let list = "/admin/v1/ip-allowlist";
    let away = json!({ "network": "192.0.2.0/24", "description": "office" });
    assert_eq!(staff.post(&world, list, away.clone()).await.expect(409).code(), "shuts_you_out");
    let here = json!({ "network": "127.0.0.0/8", "description": "the machine" });
    let listed = staff.post(&world, list, here).await.expect(201);
    staff.post(&world, list, away).await.expect(201);
    staff
        .post(&world, list, json!({ "network": "192.0.2.1/24", "description": "host bits" }))
        .await
        .expect(400);
    let removing = staff.call(&world, Method::DELETE, &format!("{list}/{}", listed.id()), None).await;
    assert_eq!(removing.expect(409).code(), "shuts_you_out");
    let office = login(&world, [192, 0, 2, 9], &staff.email, PASSWORD, Some(&staff.seed)).await.expect(200);
    // A session belongs to the address it was opened at.
    let token = office.data()["token"].as_str().unwrap();
    send(&world, Some(token), NEAR, Method::GET, "/admin/v1/users", None).await.expect(401);
    send(&world, Some(token), [192, 0, 2, 9], Method::GET, "/admin/v1/users", None).await.expect(401);
}

#[tokio::test]
async fn five_failures_lock_and_a_lock_ends() {
    let world = World::new().await;
    let staff = Staff::new(&world, "sam", "superadmin").await;
    for _ in 0..5 {
        login(&world, NEAR, &staff.email, "wrong password", None).await.expect(401);
    }
    assert_eq!(
        login(&world, NEAR, &staff.email, PASSWORD, Some(&staff.seed)).await.expect(429).code(),
        "slow_down"
    );
    // From there nobody else gets in either; the session that is open stays.
    login(&world, NEAR, "other@example.org", PASSWORD, None).await.expect(429);
    staff.get(&world, "/admin/v1/queues").await.expect(200);
    // Failures from networks that are not listed count for nobody.
    world.pass(TimeDelta::minutes(16));
    for _ in 0..7 {
        login(&world, [192, 0, 2, 9], &staff.email, "wrong password", None).await.expect(404);
    }
    login(&world, NEAR, &staff.email, PASSWORD, Some(&staff.seed)).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_when_idle_when_old_and_when_its_owner_is_no_staff_any_more() {
    let world = World::new().await;
    let staff = Staff::new(&world, "sam", "support").await;
    world.pass(TimeDelta::minutes(29));
    staff.get(&world, "/admin/v1/auth/session").await.expect(200);
    world.pass(TimeDelta::minutes(31));
    staff.get(&world, "/admin/v1/auth/session").await.expect(401);

    let answer = login(&world, NEAR, &staff.email, PASSWORD, Some(&staff.seed)).await.expect(200);
    let staff = Staff { token: answer.data()["token"].as_str().unwrap().to_owned(), ..staff };
    for _ in 0..19 {
        world.pass(TimeDelta::minutes(25));
        staff.get(&world, "/admin/v1/auth/session").await.expect(200);
    }
    world.pass(TimeDelta::minutes(25));
    staff.get(&world, "/admin/v1/auth/session").await.expect(401);

    let answer = login(&world, NEAR, &staff.email, PASSWORD, Some(&staff.seed)).await.expect(200);
    let staff = Staff { token: answer.data()["token"].as_str().unwrap().to_owned(), ..staff };
    world.execute("UPDATE users SET platform_role = 'none'").await;
    staff.get(&world, "/admin/v1/auth/session").await.expect(401);
}

#[tokio::test]
async fn every_route_asks_for_a_session_the_role_and_the_second_factor() {
    let world = World::new().await;
    let support = Staff::new(&world, "sam", "support").await;
    let boss = Staff::new(&world, "bea", "superadmin").await;
    let tenant = world.person("ada").await;
    let broken = format!("bba_{}", "0".repeat(64));
    let mut asked = 0;
    for operation in admin::routes().operations() {
        let Access::Staff(need) = operation.access else { continue };
        if operation.path.ends_with("/logout") {
            continue;
        }
        let path = operation.path.replace("{id}", &world.id().to_string()).replace("{topic}", "inbound");
        for credentials in [None, Some(broken.as_str()), Some(tenant.access.as_str())] {
            send(&world, credentials, NEAR, operation.method.clone(), &path, None).await.expect(401);
        }
        let by_support = support.call(&world, operation.method.clone(), &path, None).await;
        let by_boss = boss.call(&world, operation.method.clone(), &path, None).await;
        match need {
            Need::Superadmin => {
                assert_eq!(by_support.expect(403).code(), "forbidden", "{path}");
                assert_eq!(by_boss.expect(403).code(), "elevation_required", "{path}");
            }
            Need::Elevated => assert_eq!(by_support.expect(403).code(), "elevation_required", "{path}"),
            Need::Staff => assert_ne!(by_support.status, 403, "{path}"),
        }
        asked += 1;
    }
    assert!(asked > 25, "{asked}");
    // A tenant's token is nobody here, and staff's token is nobody there.
    let staff = Staff::new(&world, "sue", "support").await;
    world.get(&staff.token, "/v1/bots").await.expect(401);
}

#[tokio::test]
async fn organizations_are_found_suspended_and_put_on_a_plan() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let org = world.organization(&ada).await;
    let staff = Staff::new(&world, "sam", "superadmin").await;
    staff.elevate(&world).await;
    let found = staff.get(&world, "/admin/v1/organizations?text=ADA&status=active").await.expect(200);
    assert_eq!(found.data()[0]["id"], json!(org));
    assert_eq!(found.data()[0]["plan"], "free");
    let one = format!("/admin/v1/organizations/{org}");
    assert_eq!(staff.get(&world, &one).await.expect(200).data()["limits"]["bots"], 1);

    let suspend = json!({ "reason": "they asked for it" });
    staff.post(&world, &format!("{one}/suspend"), suspend.clone()).await.expect(200);
    assert_eq!(world.get(&ada.access, "/v1/bots").await.expect(403).code(), "organization_suspended");
    assert_eq!(
        staff.post(&world, &format!("{one}/suspend"), suspend).await.expect(409).code(),
        "wrong_state"
    );
    staff.post(&world, &format!("{one}/resume"), json!({})).await.expect(200);
    world.get(&ada.access, "/v1/bots").await.expect(200);

    let plan = json!({ "code": "custom", "name": "Custom", "limits": { "bots": 3 } });
    let plan = staff.post(&world, "/admin/v1/plans", plan).await.expect(201);
    staff.post(&world, "/admin/v1/plans", json!({ "code": "custom" })).await.expect(409);
    staff
        .post(&world, "/admin/v1/plans", json!({ "code": "other", "limits": { "moons": 3 } }))
        .await
        .expect(400);
    let path = format!("{one}/subscription");
    let body = json!({ "plan_id": plan.id(), "seats": 4, "limits_override": { "channels": 9 }, "reason": "contract 7" });
    let assigned = staff.call(&world, Method::PUT, &path, Some(body)).await.expect(200);
    assert_eq!(assigned.data()["seats"], 4);
    let seen = world.get(&ada.access, "/v1/subscription").await.expect(200);
    assert_eq!((&seen.data()["limits"]["bots"], &seen.data()["limits"]["channels"]), (&json!(3), &json!(9)));

    // The organization reads all of it, with the reasons.
    let log = world.get(&ada.access, "/v1/audit?limit=200").await.expect(200);
    let rows = log.data().as_array().unwrap();
    let of = |action: &str| {
        rows.iter().find(|row| row["action"] == action).unwrap_or_else(|| panic!("{action}: {rows:#?}"))
    };
    assert_eq!(of("platform.organization.suspend")["metadata"]["reason"], "they asked for it");
    assert_eq!(of("platform.subscription.assign")["actor_type"], "admin");
    // And so does the platform; the chain is whole.
    let own = staff.get(&world, &format!("/admin/v1/audit?organization_id={org}")).await.expect(200);
    assert_eq!(own.data().as_array().unwrap().len(), 3);
    assert_eq!(staff.get(&world, "/admin/v1/audit/verify").await.expect(200).data()["is_whole"], true);
    world
        .execute(
            "ALTER TABLE admin_audit_log DISABLE TRIGGER forbid_mutation; \
                   UPDATE admin_audit_log SET reason = 'nothing' WHERE seq = 2",
        )
        .await;
    assert_eq!(staff.get(&world, "/admin/v1/audit/verify").await.expect(200).data()["first_broken"], 2);
}

#[tokio::test]
async fn staff_act_as_somebody_for_a_while_and_everybody_sees_it() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    world.many_seats().await;
    world.join(&ada, &bob, "admin").await;
    let org = world.organization(&ada).await;
    let staff = Staff::new(&world, "sam", "support").await;
    staff.elevate(&world).await;
    world.mail().await;
    let path = "/admin/v1/impersonations";
    let bob_id = world.get(&bob.access, "/v1/me").await.expect(200).data()["id"].clone();
    staff.post(&world, path, json!({ "organization_id": org, "user_id": bob_id })).await.expect(400);
    let outsider = json!({ "organization_id": org, "user_id": world.id(), "reason": "ticket 12" });
    staff.post(&world, path, outsider).await.expect(400);
    let body = json!({ "organization_id": org, "user_id": bob_id, "reason": "ticket 12", "minutes": 30 });
    let begun = staff.post(&world, path, body).await.expect(201);
    let acting = begun.data()["access_token"].as_str().unwrap().to_owned();

    // Both are told, and see it: among the sessions, in every answer, in the audit log.
    let mut told: Vec<String> = world
        .mail()
        .await
        .into_iter()
        .filter(|mail| mail.template == "staff_access")
        .map(|mail| mail.to)
        .collect();
    told.sort();
    assert_eq!(told, [ada.email.clone(), bob.email.clone()]);
    let sessions = world.get(&bob.access, "/v1/me/sessions").await.expect(200);
    let session =
        sessions.data().as_array().unwrap().iter().find(|row| row["auth_method"] == "impersonation").unwrap();
    assert_eq!(session["device_label"], format!("platform staff: {}", staff.email));
    let read = world.get(&acting, "/v1/bots").await.expect(200);
    assert!(read.headers["x-impersonated-by"].to_str().unwrap().starts_with(&staff.email));

    // While elevated they change things, under their own name; never the account.
    let bot = json!({ "name": "Helper", "slug": "helper" });
    world.post(&acting, "/v1/bots", bot).await.expect(201);
    let log = world.get(&ada.access, "/v1/audit?limit=200").await.expect(200);
    let rows = log.data().as_array().unwrap();
    let made = rows.iter().find(|row| row["action"] == "bots.created").unwrap_or_else(|| panic!("{rows:#?}"));
    assert_eq!(made["actor_type"], "admin");
    assert_eq!(made["actor_label"], format!("platform staff: {}, as {}", staff.email, bob.email));
    assert!(rows.iter().any(
        |row| row["action"] == "platform.impersonation.begin" && row["metadata"]["reason"] == "ticket 12"
    ));
    for path in ["/v1/me/2fa/enroll", "/v1/me/password", "/v1/auth/step-up", "/v1/auth/logout-all"] {
        let refused = world.post(&acting, path, json!({})).await.expect(403);
        assert_eq!(refused.code(), "impersonation_not_allowed", "{path}");
    }
    let token = json!({ "name": "mine", "kind": "service", "scopes": ["bot:read"] });
    assert_eq!(
        world.post(&acting, "/v1/api-tokens", token).await.expect(403).code(),
        "impersonation_not_allowed"
    );
    world.pass(TimeDelta::minutes(11));
    let bot = json!({ "name": "Other", "slug": "other" });
    assert_eq!(world.post(&acting, "/v1/bots", bot).await.expect(403).code(), "impersonation_reads_only");
    world.get(&acting, "/v1/bots").await.expect(200);
    staff.get(&world, "/admin/v1/auth/session").await.expect(200);

    // It ends by itself, by the person, by staff, and with the session of staff.
    world.pass(TimeDelta::minutes(20));
    world.get(&acting, "/v1/bots").await.expect(401);
    let again = async |staff: &Staff| {
        staff.elevate(&world).await;
        let body = json!({ "organization_id": org, "reason": "ticket 12" });
        let begun = staff.post(&world, path, body).await.expect(201);
        begun.data()["access_token"].as_str().unwrap().to_owned()
    };
    let acting = again(&staff).await;
    world.get(&acting, "/v1/bots").await.expect(200);
    staff.call(&world, Method::DELETE, "/admin/v1/impersonations/current", None).await.expect(204);
    world.get(&acting, "/v1/bots").await.expect(401);
    staff.call(&world, Method::DELETE, "/admin/v1/impersonations/current", None).await.expect(404);
    let acting = again(&staff).await;
    staff.post(&world, "/admin/v1/auth/logout", json!({})).await.expect(204);
    world.get(&acting, "/v1/bots").await.expect(401);
    staff.get(&world, "/admin/v1/auth/session").await.expect(401);
    let log = world.get(&ada_again(&world, &ada).await, "/v1/audit?limit=200").await.expect(200);
    let ends = log
        .data()
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "platform.impersonation.end")
        .count();
    assert_eq!(ends, 3);
}

/// Access tokens last a quarter of an hour.
async fn ada_again(world: &World, ada: &Person) -> String {
    world.sign_in(&ada.email).await.access
}

#[tokio::test]
async fn accounts_are_suspended_and_made_staff_and_one_superadmin_stays() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let staff = Staff::new(&world, "sam", "superadmin").await;
    staff.elevate(&world).await;
    let id = async |email: &str| {
        let found = staff.get(&world, &format!("/admin/v1/users?text={email}")).await.expect(200);
        found.data()[0]["id"].as_str().unwrap().to_owned()
    };
    let of_ada = format!("/admin/v1/users/{}", id("ada@example.org").await);
    let patch = async |path: &str, body: Value| staff.call(&world, Method::PATCH, path, Some(body)).await;
    assert_eq!(
        patch(&of_ada, json!({ "platform_role": "support" })).await.expect(409).code(),
        "second_factor_missing"
    );
    patch(&of_ada, json!({ "platform_role": "king" })).await.expect(400);
    let fresh = world.sign_in(&ada.email).await;
    patch(&of_ada, json!({ "status": "suspended", "reason": "abuse" })).await.expect(200);
    world.get(&fresh.access, "/v1/me").await.expect(401);
    patch(&of_ada, json!({ "status": "active" })).await.expect(200);
    let fresh = world.sign_in(&ada.email).await;
    staff.post(&world, &format!("{of_ada}/end-sessions"), json!({})).await.expect(204);
    world.get(&fresh.access, "/v1/me").await.expect(401);
    let own = format!("/admin/v1/users/{}", id("sam@example.org").await);
    assert_eq!(patch(&own, json!({ "platform_role": "none" })).await.expect(409).code(), "last_superadmin");
    assert_eq!(patch(&own, json!({ "status": "suspended" })).await.expect(409).code(), "last_superadmin");
}

#[tokio::test]
async fn queues_streams_and_dead_letters_are_seen_and_put_back_without_their_content() {
    let world = World::new().await;
    let staff = Staff::new(&world, "sam", "superadmin").await;
    staff.elevate(&world).await;
    let queues = staff.get(&world, "/admin/v1/queues").await.expect(200);
    let names: Vec<&str> =
        queues.data().as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["outbox", "messages", "emails", "webhooks", "documents"]);
    assert!(queues.data()[2]["waiting"].as_i64().unwrap() > 0, "mails of the people above wait");
    assert_eq!(staff.get(&world, "/admin/v1/lanes").await.expect(200).data(), &json!([]));
    let partitions = staff.get(&world, "/admin/v1/partitions").await.expect(200);
    assert!(partitions.data().as_array().unwrap().len() >= 36);

    for number in 0..3 {
        let record = Record::new(format!("telegram/49151{number}"), "a secret text");
        let positions = world.stream.append("inbound", vec![record.clone()]).await.expect("appended");
        let delivered = botbuilder_stream::Delivered { position: positions[0], appended_at: 7, record };
        dead_letter(&*world.stream, "inbound", &delivered, "no such channel").await.expect("put aside");
    }
    let seen = staff.get(&world, "/admin/v1/dead-letters/inbound").await.expect(200);
    assert_eq!(seen.data()["waiting"], 3);
    assert_eq!(seen.data()["letters"][0]["reason"], "no such channel");
    let text = seen.body.to_string();
    assert!(!text.contains("secret text") && !text.contains("49151"), "{text}");
    staff.get(&world, "/admin/v1/dead-letters/nothing").await.expect(404);
    let replay = "/admin/v1/dead-letters/inbound/replay";
    let body = json!({ "reason": "the channel is back", "most": 2 });
    assert_eq!(staff.post(&world, replay, body).await.expect(200).data()["put_back"], 2);
    assert_eq!(staff.get(&world, "/admin/v1/dead-letters/inbound").await.expect(200).data()["waiting"], 1);
    let streams = staff.get(&world, "/admin/v1/streams").await.expect(200);
    let inbound = &streams.data()[0];
    assert_eq!((&inbound["topic"], &inbound["behind"]), (&json!("inbound"), &json!(5)));
}

#[tokio::test]
async fn keys_are_rotated_and_secrets_still_open_and_old_keys_go() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let org = world.organization(&ada).await;
    let staff = Staff::new(&world, "sam", "superadmin").await;
    staff.elevate(&world).await;
    let ada = world.sign_in(&ada.email).await;
    for number in 0..3 {
        let hook =
            json!({ "name": format!("hook {number}"), "config": { "url": "https://example.org/hook" } });
        world.post(&ada.access, "/v1/webhooks", hook).await.expect(201);
    }
    let kids = "SELECT count(*) FROM integrations WHERE credentials_kid = ";
    assert_eq!(world.count(&format!("{kids}'k1'")).await, 3);
    let versions = world.count("SELECT sum(lock_version) FROM integrations").await;
    let path = format!("/admin/v1/organizations/{org}/keys");
    let begun =
        staff.post(&world, &format!("{path}/rotate"), json!({ "reason": "yearly" })).await.expect(202);
    assert_eq!(begun.data()["current"], "k2");
    assert_eq!((&begun.data()["status"], &begun.data()["left"]), (&json!("resealing"), &json!(3)));

    // A row whose ciphertext was moved to another row does not open, and its key stays until somebody looked.
    world
        .execute(
            "CREATE TABLE kept AS SELECT id, credentials_ct FROM integrations ORDER BY id LIMIT 1;
             UPDATE integrations SET credentials_ct = (SELECT credentials_ct FROM integrations ORDER BY id DESC LIMIT 1)
             WHERE id = (SELECT id FROM kept)",
        )
        .await;
    let job = Resealing::new(world.store.clone(), world.root.clone(), Arc::clone(&world.clock) as _);
    let stop = CancellationToken::new();
    assert_eq!(job.once(&stop).await.expect("a look"), 0);
    assert_eq!(staff.get(&world, &path).await.expect(200).data()["status"], "resealing");
    world
        .execute("UPDATE integrations i SET credentials_ct = k.credentials_ct FROM kept k WHERE k.id = i.id")
        .await;

    assert!(job.once(&stop).await.expect("a look") >= 3);
    assert_eq!(world.count(&format!("{kids}'k2'")).await, 3);
    let state = staff.get(&world, &path).await.expect(200);
    assert_eq!((&state.data()["status"], &state.data()["older"]), (&json!("waiting"), &json!(["k1"])));
    let _ = world.clock.now();
    world.pass(TimeDelta::minutes(11));
    assert_eq!(job.once(&stop).await.expect("a look"), 0);
    let state = staff.get(&world, &path).await.expect(200);
    assert_eq!((&state.data()["status"], &state.data()["older"]), (&json!("done"), &json!([])));
    let changes = world.count("SELECT count(*) FROM integrations WHERE lock_version > 1").await;
    assert!(changes <= versions, "sealing anew is nobody's change");
    // What was sealed opens with the new key alone.
    let ada = world.sign_in(&ada.email).await;
    let hooks = world.get(&ada.access, "/v1/webhooks").await.expect(200);
    let hook = hooks.data()[0]["id"].as_str().unwrap().to_owned();
    world.post(&ada.access, &format!("/v1/webhooks/{hook}/rotate-secret"), json!({})).await.expect(200);
}

#[test]
fn committed_document_is_that_of_the_code() {
    let made = format!("{}\n", serde_json::to_string_pretty(&admin::document()).expect("JSON"));
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi-admin.json");
    if std::env::var_os("BOTBUILDER_UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, &made).expect("docs/openapi-admin.json");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi-admin.json differs; run this test with BOTBUILDER_UPDATE_OPENAPI=1"
    );
}
