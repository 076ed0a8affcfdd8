//! Signing in with SAML providers that others wrote.

use std::process::Command;

use botbuilder_testkit::foreign::{Packages, packages};
use serde_json::{Value, json};

use crate::foreign::{Bound, Browser, Listening, Page, Program};

/// An organization whose people sign in with a provider.
pub struct World {
    pub at: Listening,
    pub provider: Program,
    pub connection: String,
}

impl World {
    /// With npm samlp. None where it cannot be had.
    pub async fn new() -> Option<Self> {
        let wanted = Packages::Npm { name: "samlp", version: "8.0.0" };
        let package = packages(env!("CARGO_TARGET_TMPDIR"), wanted)?;
        let world = Self::with(Program::start("saml_provider.mjs", &package, &json!({}))).await;
        world.tell("as", "user", &json!({ "id": "ada-1", "emails": [{ "value": "ada@example.org" }], "displayName": "Ada", "name": {} })).await;
        Some(world)
    }

    /// With `pysaml2`, which knows us by our own document. None where it cannot be had.
    pub async fn of_python() -> Option<Self> {
        let package = packages(env!("CARGO_TARGET_TMPDIR"), Packages::Pip(&["pysaml2==7.5.5"]))?;
        if Command::new("xmlsec1").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "xmlsec1 cannot be had");
            eprintln!("xmlsec1, which pysaml2 signs with, cannot be had: it is not tried");
            return None;
        }
        let world = Self::with(Program::start_python("saml_provider.py", &package, &json!({}))).await;
        world.trust().await;
        world.tell("as", "user", &json!({ "id": "ada-1", "email": "ada@example.org", "name": "Ada" })).await;
        Some(world)
    }

    /// Shows the provider our document as it is now.
    pub async fn trust(&self) {
        let metadata = format!("{}/sso/saml/{}/metadata", self.at.base_url, self.connection);
        let metadata = Browser::new().get(&metadata).await.body;
        self.tell("trust", "metadata", &json!(metadata)).await;
    }

    /// Makes a key of ours, and gives its certificate as PEM.
    pub async fn rotate(&self) -> String {
        let path = format!("/v1/sso/configurations/{}", self.connection);
        self.at.server.post(&format!("{path}/rotate-certificate"), json!({})).await.expect(200);
        let about_us = self.at.server.get(&format!("{path}/metadata")).await.expect(200);
        let certificate = about_us.data()["certificate"].as_str().expect("a certificate").to_owned();
        let lines: Vec<&str> = certificate
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("base64"))
            .collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// A browser that has signed in.
    pub async fn signed_in(&self) -> Browser {
        let mut browser = Browser::new();
        let (to, answer) = self.answer(&mut browser).await;
        let page = self.post(&mut browser, &to, &answer).await;
        assert_eq!(page.status, 303, "{}", page.body);
        browser
    }

    /// Whether a browser is signed in.
    pub async fn knows(&self, browser: &mut Browser) -> bool {
        browser.get(&format!("{}/v1/me", self.at.base_url)).await.status == 200
    }

    async fn with(provider: Program) -> Self {
        let at = Bound::new().await.start(&[]).await;
        let certificate = Browser::new().get(&format!("{}/certificate", provider.address)).await.body;
        let roles = at.server.get("/v1/roles").await.expect(200);
        let viewer = roles.data().as_array().expect("roles").iter().find(|role| role["code"] == "viewer");
        let made = json!({
            "protocol": "saml", "name": "them", "idp_entity_id": "urn:them",
            "idp_sso_url": format!("{}/sso", provider.address),
            "idp_slo_url": format!("{}/slo", provider.address), "idp_certificates": [certificate],
            "default_role_id": viewer.expect("a role")["id"],
        });
        let connection = at.server.post("/v1/sso/configurations", made).await.expect(201).id();
        let world = Self { at, provider, connection };
        let path = format!("/v1/sso/configurations/{}", world.connection);
        let tested = world.at.server.post(&format!("{path}/test"), json!({})).await.expect(200);
        assert_eq!(tested.data()["last_test"]["ok"], true);
        let domain = json!({ "configuration_id": world.connection, "domain": "example.org" });
        let domain = world.at.server.post("/v1/sso/domains", domain).await.expect(201);
        let token = domain.data()["verification_token"].as_str().expect("a token").to_owned();
        *world.at.dns.lock().expect("the text") = token;
        let verify = format!("/v1/sso/domains/{}/verify", domain.id());
        world.at.server.post(&verify, json!({})).await.expect(200);
        world.at.server.post(&format!("{path}/enable"), json!({})).await.expect(200);
        world
    }

    pub async fn tell(&self, what: &str, name: &str, value: &Value) {
        let mut url: url::Url = format!("{}/test/{what}", self.provider.address).parse().expect("an address");
        url.query_pairs_mut().append_pair(name, &value.to_string());
        assert_eq!(Browser::new().get(url.as_str()).await.status, 200);
    }

    /// The provider's answer, as its page would post it: where to, and what.
    pub async fn answer(&self, browser: &mut Browser) -> (String, String) {
        let begin = format!("{}/sso/login/example.org?return_to=/bots", self.at.base_url);
        let there = browser.follow(&begin, &format!("{}/sso", self.provider.address)).await;
        let form = browser.get(&there).await.json();
        let text = |name: &str| form[name].as_str().unwrap_or_else(|| panic!("no {name}: {form}")).to_owned();
        (text("to"), text("SAMLResponse"))
    }

    pub async fn post(&self, browser: &mut Browser, to: &str, answer: &str) -> Page {
        browser.post(to, &[("SAMLResponse", answer), ("RelayState", "x")]).await
    }

    pub async fn refused(&self, page: Page, why: &str) {
        assert_eq!((page.status, page.json()["code"].as_str()), (403, Some("sso_failed")), "{page:?}");
        assert_eq!(page.json()["reason"], why);
        let path = "/v1/sso/logins?filter[outcome]=failure&sort=-created_at&limit=1";
        let found = self.at.server.get(path).await.expect(200);
        assert_eq!(found.data()[0]["failure_code"], why, "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_in_with_an_assertion_that_others_signed() {
    let Some(world) = World::new().await else { return };
    for options in
        [json!({}), json!({ "signResponse": true }), json!({ "signResponse": true, "signAssertion": false })]
    {
        world.tell("with", "options", &options).await;
        let mut browser = Browser::new();
        let (to, answer) = world.answer(&mut browser).await;
        assert_eq!(to, format!("{}/sso/saml/{}/acs", world.at.base_url, world.connection));
        let page = world.post(&mut browser, &to, &answer).await;
        let bots = format!("{}/bots", world.at.base_url);
        assert_eq!((page.status, page.location), (303, Some(bots)), "{options}: {}", page.body);
        let me = browser.get(&format!("{}/v1/me", world.at.base_url)).await.json();
        assert_eq!((&me["data"]["email"], &me["data"]["name"]), (&json!("ada@example.org"), &json!("Ada")));
    }
    let people = world.at.server.get("/v1/sso/users").await.expect(200);
    assert_eq!(people.data().as_array().map(Vec::len), Some(1));
    let about_us = format!("{}/sso/saml/{}/metadata", world.at.base_url, world.connection);
    assert!(Browser::new().get(&about_us).await.body.contains("WantAssertionsSigned=\"true\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_good_once_for_the_question_in_the_browser_that_asked() {
    let Some(world) = World::new().await else { return };
    let base = world.at.base_url.clone();
    let mut browser = Browser::new();
    let (to, answer) = world.answer(&mut browser).await;
    let cookies = browser.cookies(&base);
    // Nobody asked, and somebody else asked.
    let page = world.post(&mut Browser::new(), &to, &answer).await;
    assert_eq!((page.status, page.json()["reason"].as_str()), (403, Some("unknown_state")));
    let mut thief = Browser::new();
    world.answer(&mut thief).await;
    let page = world.post(&mut thief, &to, &answer).await;
    world.refused(page, "unknown_state").await;
    // Changed on the way.
    let changed = answer.replacen(&answer[2000..2004], "AAAA", 1);
    let page = world.post(&mut browser, &to, &changed).await;
    world.refused(page, "bad_signature").await;
    // Good once.
    assert_eq!(world.post(&mut browser, &to, &answer).await.status, 303);
    browser.plant(&base, cookies);
    let page = world.post(&mut browser, &to, &answer).await;
    world.refused(page, "replayed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_others_for_others_and_of_other_times_are_refused() {
    let Some(world) = World::new().await else { return };
    for (why, options) in [
        ("bad_signature", json!({ "stranger": true })),
        ("bad_signature", json!({ "signAssertion": false })),
        ("bad_signature", json!({ "signatureAlgorithm": "rsa-sha1", "digestAlgorithm": "sha1" })),
        ("provider_error", json!({ "issuer": "urn:others" })),
        ("wrong_audience", json!({ "audience": "https://others.example" })),
        ("wrong_audience", json!({ "recipient": "https://others.example/acs" })),
        ("wrong_audience", json!({ "destination": "https://others.example/acs" })),
        ("unknown_state", json!({ "inResponseTo": "_other" })),
        ("expired", json!({ "lifetimeInSeconds": -3600 })),
    ] {
        world.tell("with", "options", &options).await;
        let mut browser = Browser::new();
        let (to, answer) = world.answer(&mut browser).await;
        let page = world.post(&mut browser, &to, &answer).await;
        println!("{options}");
        world.refused(page, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_in_with_what_another_library_signed() {
    let Some(world) = World::of_python().await else { return };
    for options in [
        json!({}),
        json!({ "sign_response": true }),
        json!({ "sign_response": true, "sign_assertion": false }),
        json!({
            "sign_alg": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            "digest_alg": "http://www.w3.org/2001/04/xmlenc#sha512",
        }),
    ] {
        world.tell("with", "options", &options).await;
        let mut browser = Browser::new();
        let (to, answer) = world.answer(&mut browser).await;
        let page = world.post(&mut browser, &to, &answer).await;
        assert_eq!(page.status, 303, "{options}: {}", page.body);
        let me = browser.get(&format!("{}/v1/me", world.at.base_url)).await.json();
        assert_eq!((&me["data"]["email"], &me["data"]["name"]), (&json!("ada@example.org"), &json!("Ada")));
        // What was taken once is not taken again, nor from anybody else.
        let page = world.post(&mut Browser::new(), &to, &answer).await;
        assert_eq!((page.status, page.json()["reason"].as_str()), (403, Some("unknown_state")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_library_says_wrongly_is_refused() {
    let Some(world) = World::of_python().await else { return };
    for (why, options) in [
        ("bad_signature", json!({ "stranger": true })),
        ("bad_signature", json!({ "sign_assertion": false })),
        (
            "bad_signature",
            json!({
                "sign_alg": "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
                "digest_alg": "http://www.w3.org/2000/09/xmldsig#sha1",
            }),
        ),
        ("provider_error", json!({ "issuer": "urn:others" })),
        ("wrong_audience", json!({ "sp_entity_id": "https://others.example" })),
        ("wrong_audience", json!({ "destination": "https://others.example/acs" })),
        ("unknown_state", json!({ "in_response_to": "_other" })),
        ("expired", json!({ "minutes": -60 })),
        ("bad_signature", json!({ "encrypted": true })),
    ] {
        world.tell("with", "options", &options).await;
        let mut browser = Browser::new();
        let (to, answer) = world.answer(&mut browser).await;
        let page = world.post(&mut browser, &to, &answer).await;
        println!("{options}");
        world.refused(page, why).await;
    }
    // Encrypted assertions are not read here; the organization's log says that this is why.
    let path = "/v1/sso/logins?filter[outcome]=failure&sort=-created_at&limit=1";
    let found = world.at.server.get(path).await.expect(200);
    let detail = found.data()[0]["failure_detail"].as_str().unwrap_or_default();
    assert!(detail.contains("its assertion is encrypted"), "{found:?}");
}
