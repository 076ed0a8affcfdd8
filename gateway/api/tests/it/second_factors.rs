//! The second factor, and the changes that ask for a fresh one.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::people::{PASSWORD, Person, World};

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_counts_once() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let phone = world.sign_in("ada@example.org").await;
    world.post(&ada.access, "/v1/me/2fa/confirm", json!({ "code": "000000" })).await.expect(409);
    let answer = world.post(&ada.access, "/v1/me/2fa/enroll", json!({})).await.expect(200);
    let uri = answer.data()["otpauth_uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/BotBuilder:ada%40example.org?secret="), "{uri}");
    // Nothing is asked for before the first right code.
    world.sign_in("ada@example.org").await;
    let (seed, codes) = world.enrol(&ada).await;
    assert_eq!(codes.len(), 10);
    world.get(&phone.access, "/v1/me").await.expect(401);
    world.post(&ada.access, "/v1/me/2fa/enroll", json!({})).await.expect(409);

    let login = || async {
        let body = json!({ "email": ada.email, "password": PASSWORD });
        let answer = world.public("/v1/auth/login", body).await.expect(200);
        assert_eq!(answer.data()["access_token"], Value::Null);
        answer.data()["challenge"].as_str().unwrap().to_owned()
    };
    let second = |challenge: String, body: Value| {
        let mut body = body;
        body["challenge"] = json!(challenge);
        let world = &world;
        async move { world.public("/v1/auth/login/2fa", body).await }
    };
    let challenge = login().await;
    // The code of the enrolment was used.
    second(challenge.clone(), json!({ "code": world.code(&seed) })).await.expect(401);
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&seed);
    second(challenge.clone(), json!({ "code": code })).await.expect(200);
    second(challenge.clone(), json!({ "code": code })).await.expect(401);
    second("bbc_nonsense".to_owned(), json!({ "code": code })).await.expect(401);
    second(challenge.clone(), json!({})).await.expect(400);

    let typed = codes[3].to_lowercase().replace('-', " ");
    second(challenge.clone(), json!({ "backup_code": typed })).await.expect(200);
    second(challenge.clone(), json!({ "backup_code": codes[3] })).await.expect(401);
    world.pass(TimeDelta::minutes(5));
    second(challenge, json!({ "backup_code": codes[4] })).await.expect(401);

    let again = world.post(&ada.access, "/v1/me/backup-codes/regenerate", json!({})).await.expect(200);
    let new: Vec<&str> =
        again.data()["backup_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let challenge = login().await;
    second(challenge.clone(), json!({ "backup_code": codes[4] })).await.expect(401);
    second(challenge, json!({ "backup_code": new[0] })).await.expect(200);

    let disable = |body: Value| world.post(&ada.access, "/v1/me/2fa/disable", body);
    disable(json!({ "code": "000000" })).await.expect(400);
    disable(json!({ "password": PASSWORD, "code": "000000" })).await.expect(401);
    world.pass(TimeDelta::seconds(30));
    disable(json!({ "password": PASSWORD, "code": world.code(&seed) })).await.expect(204);
    world.sign_in("ada@example.org").await;
    let told: Vec<String> =
        world.mail().await.into_iter().map(|mail| mail.what).filter(|what| !what.is_empty()).collect();
    for what in ["two_factor_enabled", "backup_code_used", "backup_codes_regenerated", "two_factor_disabled"]
    {
        assert!(told.iter().any(|told| told == what), "{what}: {told:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM two_factor_backup_codes").await, 0);
}

#[tokio::test]
async fn the_same_code_at_the_same_time_lets_one_in() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (seed, _) = world.enrol(&ada).await;
    world.pass(TimeDelta::seconds(30));
    let body = json!({ "email": ada.email, "password": PASSWORD });
    let challenge = world.public("/v1/auth/login", body).await.expect(200).data()["challenge"].clone();
    let body = json!({ "challenge": challenge, "code": world.code(&seed) });
    let (one, two, three) = tokio::join!(
        world.public("/v1/auth/login/2fa", body.clone()),
        world.public("/v1/auth/login/2fa", body.clone()),
        world.public("/v1/auth/login/2fa", body)
    );
    let let_in = [one, two, three].iter().filter(|answer| answer.status == 200).count();
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn sensitive_changes_ask_for_a_fresh_factor() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let body = json!({ "name": "ci", "scopes": ["bot:read"] });
    world.pass(TimeDelta::minutes(11));
    for (path, body) in [
        ("/v1/api-tokens", body.clone()),
        ("/v1/me/2fa/enroll", json!({})),
        ("/v1/me/email", json!({ "email": "new@example.org" })),
        ("/v1/me/export", json!({})),
    ] {
        assert_eq!(
            world.post(&ada.access, path, body).await.expect(403).code(),
            "step_up_required",
            "{path}"
        );
    }
    assert_eq!(world.delete(&ada.access, "/v1/me").await.expect(403).code(), "step_up_required");
    world.post(&ada.access, "/v1/auth/step-up", json!({ "password": "not the right one" })).await.expect(401);
    world.post(&ada.access, "/v1/auth/step-up", json!({})).await.expect(400);
    let answer =
        world.post(&ada.access, "/v1/auth/step-up", json!({ "password": PASSWORD })).await.expect(200);
    let stronger = Person::of(&ada.email, &answer);
    world.get(&ada.access, "/v1/me").await.expect(401);
    world.post(&stronger.access, "/v1/api-tokens", body).await.expect(201);
    // With a second factor, the password alone is not enough.
    let (seed, _) = world.enrol(&stronger).await;
    world.pass(TimeDelta::minutes(11));
    world.post(&stronger.access, "/v1/auth/step-up", json!({ "password": PASSWORD })).await.expect(400);
    let code = json!({ "code": world.code(&seed) });
    world.post(&stronger.access, "/v1/auth/step-up", code).await.expect(200);
}
