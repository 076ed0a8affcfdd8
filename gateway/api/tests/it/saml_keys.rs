//! What our own key towards a SAML provider is for: signing out on both sides, and assertions that are encrypted, with
//! providers that others wrote.

use serde_json::{Value, json};

use crate::{
    foreign::{Browser, Page},
    saml::World,
};

const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

impl World {
    fn slo(&self) -> String {
        format!("{}/sso/saml/{}/slo", self.at.base_url, self.connection)
    }

    /// Tells npm samlp that we have a session of the person with this number, and our certificate.
    async fn participates(&self, session: &str, certificate: &str) {
        let we = format!("{}/sso/saml/{}/metadata", self.at.base_url, self.connection);
        let participant = json!({
            "serviceProviderId": we, "nameId": "ada-1", "nameIdFormat": UNSPECIFIED, "sessionIndex": session,
            "serviceProviderLogoutURL": self.slo(), "cert": certificate,
        });
        self.tell("participant", "value", &participant).await;
    }

    /// A browser that has signed in to a session of this number at npm samlp.
    async fn in_session(&self, session: &str) -> Browser {
        self.tell("with", "options", &json!({ "sessionIndex": session })).await;
        self.signed_in().await
    }

    async fn participants(&self) -> String {
        Browser::new().get(&format!("{}/test/participants", self.provider.address)).await.body
    }

    async fn sign_out(&self, browser: &mut Browser) -> Page {
        browser.post(&format!("{}/sso/logout", self.at.base_url), &[]).await
    }

    /// The last entry of the organization's log of sign-ins.
    async fn last_entry(&self) -> Value {
        let found = self.at.server.get("/v1/sso/logins?sort=-created_at&limit=1").await.expect(200);
        found.data()[0].clone()
    }
}

fn to(page: &Page) -> String {
    page.location.clone().unwrap_or_else(|| panic!("it leads nowhere: {page:?}"))
}

/// Changes one value of a query, as it is written there.
fn changed(url: &str, name: &str, change: impl Fn(&str) -> String) -> String {
    let (address, query) = url.split_once('?').expect("a query");
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, value)) if key == name => change(value),
        _ => pair.to_owned(),
    });
    let pairs: Vec<String> = pairs.filter(|pair| !pair.is_empty()).collect();
    format!("{address}?{}", pairs.join("&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_here_is_signed_out_at_the_provider() {
    let Some(world) = World::new().await else { return };
    // Without a key of ours nothing can be signed, and nobody is sent anywhere.
    let mut browser = world.in_session("s0").await;
    let page = world.sign_out(&mut browser).await;
    assert_eq!(to(&page), format!("{}/", world.at.base_url));
    let certificate = world.rotate().await;

    let mut browser = world.in_session("s1").await;
    world.participates("s1", &certificate).await;
    let page = world.sign_out(&mut browser).await;
    assert_eq!(page.status, 303);
    assert!(!world.knows(&mut browser).await, "the session here is over, whatever the provider says");
    let there = to(&page);
    assert!(there.starts_with(&format!("{}/slo?SAMLRequest=", world.provider.address)), "{there}");
    // The provider checks our signature over the address as it is.
    let broken = changed(&there, "Signature", |value| format!("Signature=AAAA{}", &value[4..]));
    assert_eq!(Browser::new().get(&broken).await.status, 500);
    assert_eq!(world.participants().await, "1");
    let page = browser.get(&there).await;
    assert_eq!((page.status, world.participants().await.as_str()), (302, "0"), "{}", page.body);
    let back = to(&page);
    assert!(back.starts_with(&format!("{}?SAMLResponse=", world.slo())), "{back}");
    // Somebody else's browser, an answer that was changed, one without a signature; then the answer itself, once.
    let page = Browser::new().get(&back).await;
    world.refused(page, "unknown_state").await;
    let page =
        browser.get(&changed(&back, "SAMLResponse", |value| format!("SAMLResponse={}A", &value[1..]))).await;
    world.refused(page, "bad_signature").await;
    let page = browser.get(&changed(&back, "Signature", |_| String::new())).await;
    world.refused(page, "bad_signature").await;
    let page = browser.get(&back).await;
    assert_eq!((page.status, to(&page)), (303, format!("{}/", world.at.base_url)));
    let page = browser.get(&back).await;
    world.refused(page, "unknown_state").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_provider_signs_out_is_signed_out_here() {
    let Some(world) = World::new().await else { return };
    let certificate = world.rotate().await;
    let (mut here, mut elsewhere) = (world.in_session("s1").await, world.in_session("s2").await);
    world.participates("s1", &certificate).await;
    let begin = format!("{}/slo", world.provider.address);
    let there = to(&here.get(&begin).await);
    assert!(there.starts_with(&format!("{}?SAMLRequest=", world.slo())), "{there}");
    for (name, change) in [
        ("SAMLRequest", "SAMLRequest=AAAA"),
        ("RelayState", "RelayState=other"),
        ("SigAlg", "SigAlg=http%3A%2F%2Fwww.w3.org%2F2000%2F09%2Fxmldsig%23rsa-sha1"),
        ("Signature", ""),
    ] {
        let page = here.get(&changed(&there, name, |_| change.to_owned())).await;
        world.refused(page, "bad_signature").await;
    }
    assert!(world.knows(&mut here).await, "what is not signed by the provider ends nothing");
    let page = here.get(&there).await;
    assert_eq!(page.status, 303, "{}", page.body);
    assert!(!world.knows(&mut here).await);
    assert!(world.knows(&mut elsewhere).await, "the other session has another number");
    assert_eq!(world.last_entry().await["stage"], "logout");
    // Our answer is taken: the provider is through with everybody.
    let page = here.get(&to(&page)).await;
    assert_eq!((page.status, world.participants().await.as_str()), (200, "0"), "{}", page.body);
    // The request is good once.
    let page = here.get(&there).await;
    world.refused(page, "replayed").await;
    let audit = world.at.server.get("/v1/audit?filter[action]=auth.logout&limit=5").await.expect(200);
    assert_eq!(audit.data()[0]["metadata"]["by"], "provider", "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_sign_out_of_others_and_for_others_end_nothing() {
    let Some(world) = World::new().await else { return };
    let certificate = world.rotate().await;
    let mut browser = world.in_session("s1").await;
    let begin = format!("{}/slo", world.provider.address);
    for (why, options) in [
        ("bad_signature", json!({ "stranger": true })),
        ("provider_error", json!({ "issuer": "urn:others" })),
    ] {
        world.participates("s1", &certificate).await;
        world.tell("with", "options", &options).await;
        let there = to(&Browser::new().get(&begin).await);
        let page = browser.get(&there).await;
        world.refused(page, why).await;
    }
    assert!(world.knows(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_library_signs_out_both_ways_and_wants_questions_signed() {
    let Some(world) = World::of_python().await else { return };
    world.rotate().await;
    world.trust().await;
    world.tell("with", "options", &json!({ "want_signed": true })).await;
    let mut browser = world.signed_in().await;
    let there = to(&world.sign_out(&mut browser).await);
    let page = browser.get(&there).await;
    assert_eq!(page.status, 302, "{}", page.body);
    let page = browser.get(&to(&page)).await;
    assert_eq!((page.status, to(&page)), (303, format!("{}/", world.at.base_url)), "{}", page.body);

    let mut browser = world.signed_in().await;
    let out = format!("{}/test/out?name=ada-1", world.provider.address);
    for (why, options) in [
        ("bad_signature", json!({ "stranger": true })),
        ("provider_error", json!({ "issuer": "urn:others" })),
        ("wrong_audience", json!({ "destination": "https://others.example/slo" })),
    ] {
        world.tell("with", "options", &options).await;
        let there = Browser::new().get(&out).await.body;
        let page = browser.get(&there).await;
        world.refused(page, why).await;
        assert!(world.knows(&mut browser).await, "{options}");
    }
    world.tell("with", "options", &json!({})).await;
    let there = Browser::new().get(&out).await.body;
    let page = browser.get(&there).await;
    assert_eq!(page.status, 303, "{}", page.body);
    let answer = to(&page);
    assert!(answer.contains("RelayState=state") && answer.contains("SAMLResponse="), "{answer}");
    assert!(!world.knows(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_assertions_are_opened_and_still_have_to_be_signed() {
    let Some(world) = World::new().await else { return };
    let first = world.rotate().await;
    let for_us =
        |certificate: &str| json!({ "encryptionCert": certificate, "encryptionPublicKey": certificate });
    let with = |certificate: &str, more: Value| {
        let mut options = for_us(certificate);
        options.as_object_mut().expect("options").extend(more.as_object().expect("more").clone());
        options
    };
    let second = world.rotate().await;
    assert_ne!(first, second);
    // The present key, and the one before it: a provider does not learn of a new one at once.
    for options in [
        for_us(&second),
        for_us(&first),
        with(&second, json!({ "encryptionAlgorithm": "http://www.w3.org/2009/xmlenc11#aes128-gcm" })),
        with(&second, json!({ "signResponse": true })),
    ] {
        world.tell("with", "options", &options).await;
        let mut browser = world.signed_in().await;
        assert!(world.knows(&mut browser).await);
    }
    world.rotate().await;
    let cbc = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
    for (why, options) in [
        ("bad_signature", for_us(&first)),
        ("bad_signature", with(&second, json!({ "signAssertion": false }))),
        ("bad_signature", with(&second, json!({ "signAssertion": false, "signResponse": true }))),
        ("bad_signature", with(&second, json!({ "stranger": true }))),
        (
            "bad_signature",
            with(
                &second,
                json!({ "encryptionAlgorithm": cbc, "disallowEncryptionWithInsecureAlgorithm": false }),
            ),
        ),
        ("wrong_audience", with(&second, json!({ "audience": "https://others.example" }))),
        ("expired", with(&second, json!({ "lifetimeInSeconds": -3600 }))),
    ] {
        world.tell("with", "options", &options).await;
        let mut browser = Browser::new();
        let (to, answer) = world.answer(&mut browser).await;
        let page = world.post(&mut browser, &to, &answer).await;
        world.refused(page, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_library_encrypts_is_opened() {
    let Some(world) = World::of_python().await else { return };
    let certificate = world.rotate().await;
    world.trust().await;
    world.tell("with", "options", &json!({ "gcm": certificate })).await;
    let mut browser = world.signed_in().await;
    assert!(world.knows(&mut browser).await);
}
