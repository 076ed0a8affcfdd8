//! Signing in with a provider that others wrote.

use axum::http::Method;
use botbuilder_testkit::foreign::{Packages, packages};
use serde_json::{Value, json};

use crate::{
    foreign::{Bound, Browser, Listening, Page, Program},
    harness::Answer,
};

const PROVIDER: Packages<'_> = Packages::Npm { name: "oidc-provider", version: "9.13.3" };

/// An organization whose people sign in with a provider.
struct World {
    at: Listening,
    provider: Program,
    connection: String,
}

impl World {
    /// None where the provider cannot be had.
    async fn new() -> Option<Self> {
        let package = packages(env!("CARGO_TARGET_TMPDIR"), PROVIDER)?;
        let bound = Bound::new().await;
        let settings = json!({
            "client_id": "us", "client_secret": "s3cret: %&", "back": format!("{}/", bound.base_url),
            "redirect_uri": format!("{}/sso/oidc/callback", bound.base_url),
        });
        let provider = Program::start("oidc_provider.mjs", &package, &settings);
        let other = provider.address.replace("127.0.0.1", "localhost");
        let at = bound.start(&[&provider.address, &other]).await;
        let role = role(&at, "viewer").await;
        let made = at.server.post("/v1/sso/configurations", json!({
            "protocol": "oidc", "name": "them", "issuer_url": provider.address, "client_id": "us",
            "default_role_id": role, "group_mapping": [{ "group": "staff", "role": "member" }, { "group": "boss", "role": "admin" }],
        }));
        let connection = made.await.expect(201).id();
        let world = Self { at, provider, connection };
        world.act("client-secret", json!({ "client_secret": "s3cret: %&" })).await.expect(200);
        Some(world)
    }

    async fn act(&self, action: &str, body: Value) -> Answer {
        self.at.server.post(&format!("/v1/sso/configurations/{}/{action}", self.connection), body).await
    }

    /// With `example.org` proved and everything switched on.
    async fn ready() -> Option<Self> {
        let world = Self::new().await?;
        let domain = json!({ "configuration_id": world.connection, "domain": "example.org" });
        let domain = world.at.server.post("/v1/sso/domains", domain).await.expect(201);
        let token = domain.data()["verification_token"].as_str().expect("a token").to_owned();
        *world.at.dns.lock().expect("the text") = token;
        let path = format!("/v1/sso/domains/{}/verify", domain.id());
        assert_eq!(world.at.server.post(&path, json!({})).await.expect(200).data()["status"], "verified");
        world.act("enable", json!({})).await.expect(200);
        Some(world)
    }

    /// Says whom the provider signs in next.
    async fn next_is(&self, sub: &str, claims: Value) {
        let mut url: url::Url = format!("{}/test/as", self.provider.address).parse().expect("an address");
        url.query_pairs_mut().append_pair("sub", sub).append_pair("claims", &claims.to_string());
        assert_eq!(Browser::new().get(url.as_str()).await.status, 200);
    }

    /// The address that the provider sends a browser back to.
    async fn answer(&self, browser: &mut Browser) -> String {
        let begin = format!("{}/sso/login/example.org?return_to=/bots", self.at.base_url);
        browser.follow(&begin, &format!("{}/sso/oidc/callback", self.at.base_url)).await
    }

    async fn sign_in(&self, browser: &mut Browser) -> Page {
        let back = self.answer(browser).await;
        browser.get(&back).await
    }

    /// The failure that was written down last.
    async fn last_failure(&self) -> String {
        let path = "/v1/sso/logins?filter[outcome]=failure&sort=-created_at&limit=1";
        let found = self.at.server.get(path).await.expect(200);
        found.data()[0]["failure_code"].as_str().expect("a failure").to_owned()
    }

    async fn refused(&self, page: Page, why: &str) {
        assert_eq!((page.status, page.json()["code"].as_str()), (403, Some("sso_failed")), "{page:?}");
        assert_eq!(page.json()["reason"], why);
        assert_eq!(self.last_failure().await, why);
    }
}

async fn role(at: &Listening, code: &str) -> String {
    let roles = at.server.get("/v1/roles").await.expect(200);
    let roles = roles.data().as_array().expect("roles").clone();
    let role = roles.iter().find(|role| role["code"] == code).expect("the role");
    role["id"].as_str().expect("an id").to_owned()
}

fn ada() -> Value {
    json!({ "email": "ada@example.org", "email_verified": true, "name": "Ada", "groups": ["staff"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_in_with_the_roles_of_their_groups_also_after_the_provider_has_new_keys() {
    let Some(world) = World::ready().await else { return };
    let base = world.at.base_url.clone();
    world.next_is("ada-1", ada()).await;
    let mut browser = Browser::new();
    let page = world.sign_in(&mut browser).await;
    assert_eq!((page.status, page.location), (303, Some(format!("{base}/bots"))), "{}", page.body);
    let me = browser.get(&format!("{base}/v1/me")).await.json();
    assert_eq!((&me["data"]["email"], &me["data"]["name"]), (&json!("ada@example.org"), &json!("Ada")));
    let members = world.at.server.get("/v1/members").await.expect(200);
    let member =
        members.data().as_array().expect("members").iter().find(|one| one["email"] == "ada@example.org");
    let member = member.expect("ada").clone();
    assert_eq!((&member["role"], &member["source"]), (&json!("member"), &json!("sso")));

    // New keys, another group: the same person, another role.
    let rotate = format!("{}/test/rotate", world.provider.address);
    assert_eq!(Browser::new().get(&rotate).await.status, 200);
    let mut claims = ada();
    claims["groups"] = json!(["boss", "staff", "unknown"]);
    world.next_is("ada-1", claims).await;
    let mut again = Browser::new();
    assert_eq!(world.sign_in(&mut again).await.status, 303);
    let path = format!("/v1/members/{}", member["id"].as_str().expect("an id"));
    assert_eq!(world.at.server.get(&path).await.expect(200).data()["role"], "admin");
    assert_eq!(
        world.at.server.get("/v1/sso/users").await.expect(200).data().as_array().map(Vec::len),
        Some(1)
    );

    // Signing out ends the session here and leads to the provider, which knows us.
    let page = browser.post(&format!("{base}/sso/logout"), &[]).await;
    let there = page.location.expect("somewhere");
    assert!(there.starts_with(&format!("{}/session/end?client_id=us", world.provider.address)), "{there}");
    let page = browser.get(&there).await;
    assert!(page.status == 200 && page.body.contains("<form"), "{page:?}");
    assert_eq!(browser.get(&format!("{base}/v1/me")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_good_once_in_the_browser_that_asked() {
    let Some(world) = World::ready().await else { return };
    let base = world.at.base_url.clone();
    world.next_is("ada-1", ada()).await;

    let mut browser = Browser::new();
    let back = world.answer(&mut browser).await;
    // Another browser, with no sign-in or with one of its own.
    let mut thief = Browser::new();
    let page = thief.get(&back).await;
    assert_eq!((page.status, page.json()["reason"].as_str()), (403, Some("unknown_state")));
    thief.get(&format!("{base}/sso/login/example.org")).await;
    world.refused(thief.get(&back).await, "unknown_state").await;
    // A changed state, another provider, a code that is none, the provider's own refusal.
    let changed = |name: &str, value: &str| {
        let mut url: url::Url = back.parse().expect("an address");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let pairs = pairs.into_iter().filter(|(known, _)| known != name);
        let pairs: Vec<_> = pairs.chain([(name.to_owned(), value.to_owned())]).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        url.to_string()
    };
    let cookies = browser.cookies(&base);
    world.refused(browser.get(&changed("state", "x")).await, "unknown_state").await;
    world.refused(browser.get(&changed("iss", "https://evil.example")).await, "provider_error").await;
    world.refused(browser.get(&changed("code", "x")).await, "provider_error").await;
    world.refused(browser.get(&changed("error", "access_denied")).await, "provider_error").await;
    // The real one, and the same again with the cookies of before.
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(browser.get(&back).await.json()["reason"], "unknown_state");
    browser.plant(&base, cookies);
    world.refused(browser.get(&back).await, "provider_error").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_come_in_for_whom_the_organization_can_speak() {
    let Some(world) = World::ready().await else { return };
    // An address of a domain that is not proved, one that the provider does not stand for, none at all.
    for (sub, claims) in [
        ("eve", json!({ "email": "eve@elsewhere.example", "email_verified": true })),
        ("eve", json!({ "email": "ada@example.org", "email_verified": false })),
        ("eve", json!({})),
    ] {
        world.next_is(sub, claims).await;
        let page = world.sign_in(&mut Browser::new()).await;
        world.refused(page, "domain_mismatch").await;
    }
    world.next_is("ada-1", ada()).await;
    assert_eq!(world.sign_in(&mut Browser::new()).await.status, 303);
    // Whom the organization has suspended stays out.
    let members = world.at.server.get("/v1/members").await.expect(200);
    let member =
        members.data().as_array().expect("members").iter().find(|one| one["email"] == "ada@example.org");
    let path = format!("/v1/members/{}/suspend", member.expect("ada")["id"].as_str().expect("an id"));
    world.at.server.post(&path, json!({})).await.expect(200);
    let page = world.sign_in(&mut Browser::new()).await;
    world.refused(page, "user_disabled").await;
    // Nobody new, where that is not wanted.
    let path = format!("/v1/sso/configurations/{}", world.connection);
    world.at.server.patch(&path, "*", json!({ "jit_enabled": false })).await.expect(200);
    world.next_is("bob", json!({ "email": "bob@example.org" })).await;
    let page = world.sign_in(&mut Browser::new()).await;
    world.refused(page, "not_provisioned").await;
    // And nobody at all, once it is switched off.
    world.act("disable", json!({})).await.expect(200);
    let login = format!("{}/sso/login/example.org", world.at.base_url);
    assert_eq!(Browser::new().get(&login).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_refused_where_the_provider_is_enforced() {
    let Some(world) = World::ready().await else { return };
    let server = &world.at.server;
    let address = json!({ "email": "whoever@Example.org" });
    let found = server.call_as("", Method::POST, "/v1/auth/sso/discover", &[], Some(address.clone())).await;
    assert_eq!((&found.data()["sso"], &found.data()["is_enforced"]), (&json!(true), &json!(false)));
    let person = json!({ "email": "old@example.org", "password": "correct horse battery", "name": "Old" });
    server.call_as("", Method::POST, "/v1/auth/register", &[], Some(person)).await.expect(202);
    let login = json!({ "email": "old@example.org", "password": "correct horse battery" });
    let try_it = async || server.call_as("", Method::POST, "/v1/auth/login", &[], Some(login.clone())).await;
    try_it().await.expect(200);
    let path = format!("/v1/sso/configurations/{}", world.connection);
    server.patch(&path, "*", json!({ "is_enforced": true })).await.expect(200);
    let refused = try_it().await.expect(403);
    assert_eq!(refused.code(), "sso_required");
    let url = format!("{}/sso/login/example.org", world.at.base_url);
    assert_eq!(refused.body["login_url"], url);
    // The record is gone three days in a row: the domain is over, and with it the compulsion.
    world.at.dns.lock().expect("the text").clear();
    let domain = server.get("/v1/sso/domains").await.expect(200).data()[0]["id"].clone();
    let path = format!("/v1/sso/domains/{}/verify", domain.as_str().expect("an id"));
    for _ in 0..3 {
        assert_eq!(server.post(&path, json!({})).await.expect(409).code(), "not_proved");
    }
    let found = server.get("/v1/sso/domains").await.expect(200);
    assert_eq!(found.data()[0]["status"], "expired");
    try_it().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_asked_before_it_is_used() {
    let Some(world) = World::new().await else { return };
    let tested = world.act("test", json!({})).await.expect(200);
    assert_eq!(
        (&tested.data()["last_test"]["ok"], &tested.data()["status"]),
        (&json!(true), &json!("testing"))
    );
    let found = world.act("discover", json!({})).await.expect(200);
    let endpoint = format!("{}/token", world.provider.address);
    assert_eq!(found.data()["endpoints"]["token_endpoint"], endpoint);
    assert!(!found.body.to_string().contains("s3cret"), "{found:?}");
    // A provider that names itself otherwise is not the one that was meant.
    let path = format!("/v1/sso/configurations/{}", world.connection);
    let other = world.provider.address.replace("127.0.0.1", "localhost");
    world.at.server.patch(&path, "*", json!({ "issuer_url": other })).await.expect(200);
    let tested = world.act("test", json!({})).await.expect(200);
    assert_eq!(tested.data()["last_test"]["ok"], false, "{tested:?}");
    let refused = world.act("discover", json!({})).await.expect(502);
    assert_eq!(refused.code(), "provider_error");
}
