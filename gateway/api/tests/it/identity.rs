//! Registering, signing in and what belongs to an account.

use std::net::SocketAddr;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::people::{Call, PASSWORD, Person, World, cookies};

#[tokio::test]
async fn registering_makes_an_account_with_its_organization_and_says_nothing_about_others() {
    let world = World::new().await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD, "name": "Ada" });
    let first = world.public("/v1/auth/register", body.clone()).await.expect(202);
    let second = world.public("/v1/auth/register", body).await.expect(202);
    assert_eq!(first.body, second.body);
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM user_subscriptions s JOIN subscription_plans p ON p.id = s.plan_id WHERE p.code = 'free'").await, 1);
    let templates: Vec<String> = world.mail().await.into_iter().map(|mail| mail.template).collect();
    assert_eq!(templates, ["verify_email", "account_exists"]);
    let ada = world.sign_in("ADA@example.org").await;
    let me = world.get(&ada.access, "/v1/me").await.expect(200);
    assert_eq!(me.data()["organization"]["role"], "owner");
    assert_eq!(me.data()["organization"]["permissions"], json!(["*"]));
    let hash: String =
        sqlx::query_scalar("SELECT password_hash FROM users").fetch_one(&world.pool).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}

#[tokio::test]
async fn what_cannot_be_registered_is_named() {
    let world = World::new().await;
    let good = json!({ "email": "ada@example.org", "password": PASSWORD, "name": "Ada" });
    for (field, value) in [
        ("email", json!("ada")),
        ("password", json!("seven77")),
        ("password", json!("Password123")),
        ("password", json!("ada@example.org")),
        ("name", json!("")),
        ("timezone", json!("x".repeat(65))),
        ("nmae", json!("Ada")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = world.public("/v1/auth/register", body).await.expect(400);
        assert_eq!(answer.body["field"], field, "{answer:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn an_address_is_proved_by_its_link_once() {
    let world = World::new().await;
    let ada = world.newcomer("ada").await;
    let body = json!({ "name": "ci", "scopes": ["bot:read"] });
    let refused = world.post(&ada.access, "/v1/api-tokens", body.clone()).await.expect(403);
    assert_eq!(refused.code(), "email_not_verified");
    let invitation = json!({ "email": "bob@example.org" });
    assert_eq!(
        world.post(&ada.access, "/v1/invitations", invitation).await.expect(403).code(),
        "email_not_verified"
    );
    let first = world.link("verify_email").await;
    world.public("/v1/auth/email/resend", json!({ "email": ada.email })).await.expect(202);
    let second = world.link("verify_email").await;
    let verify = |token: &str| world.public("/v1/auth/email/verify", json!({ "token": token }));
    assert_eq!(verify(&first).await.expect(400).code(), "invalid_link", "another was sent since");
    verify(&second).await.expect(204);
    verify(&second).await.expect(400);
    verify("bbv_nonsense").await.expect(400);
    world.post(&ada.access, "/v1/api-tokens", body).await.expect(201);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let world = World::new().await;
    world.newcomer("ada").await;
    let login = |email: &str| {
        world.public("/v1/auth/login", json!({ "email": email, "password": "not the right one" }))
    };
    let known = login("ada@example.org").await.expect(401);
    let unknown = login("eve@example.org").await.expect(401);
    assert_eq!(known.body, unknown.body);
    assert_eq!(known.code(), "invalid_credentials");
    world.execute("UPDATE users SET status = 'suspended'").await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(world.public("/v1/auth/login", body).await.expect(401).body, known.body);
}

#[tokio::test]
async fn attempts_are_slowed_down_whether_there_is_an_account_or_not() {
    let world = World::new().await;
    world.newcomer("ada").await;
    let mut answers: Vec<Vec<u16>> = Vec::new();
    for email in ["ada@example.org", "eve@example.org"] {
        let mut statuses = Vec::new();
        for number in 0..8 {
            let from = [198, 51, 100, number];
            let body = json!({ "email": email, "password": "not the right one" });
            let answer = world.public_from(from, "/v1/auth/login", body).await;
            if answer.status == 429 {
                assert_eq!(answer.code(), "slow_down");
                assert_eq!(answer.headers["retry-after"], "1");
            }
            statuses.push(answer.status.as_u16());
        }
        answers.push(statuses);
    }
    assert_eq!(answers[0], [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(answers[0], answers[1]);
    // Nobody is locked out: a moment later the right password is right.
    world.pass(TimeDelta::seconds(2));
    world.sign_in("ada@example.org").await;
    assert_eq!(world.count("SELECT failed_logins::bigint FROM users").await, 0);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_ends_the_session_when_it_comes_again() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let refresh = |token: &str| world.public("/v1/auth/refresh", json!({ "refresh_token": token }));
    let renewed = Person::of(&ada.email, &refresh(&ada.refresh).await.expect(200));
    assert_eq!(renewed.session, ada.session);
    world.get(&ada.access, "/v1/me").await.expect(401);
    world.get(&renewed.access, "/v1/me").await.expect(200);
    world.mail().await;
    refresh(&ada.refresh).await.expect(401);
    world.get(&renewed.access, "/v1/me").await.expect(401);
    refresh(&renewed.refresh).await.expect(401);
    assert_eq!(world.mail().await[0].what, "session_reuse");
    let reason: String =
        sqlx::query_scalar("SELECT revoke_reason FROM user_sessions").fetch_one(&world.pool).await.unwrap();
    assert_eq!(reason, "reuse_detected");
    refresh("bbr_nonsense").await.expect(401);
    refresh(&renewed.access).await.expect(401);
}

#[tokio::test]
async fn sessions_end_by_themselves() {
    let world = World::new().await;
    let mut ada = world.person("ada").await;
    world.pass(TimeDelta::minutes(15));
    world.get(&ada.access, "/v1/me").await.expect(401);
    // Used every eleven hours it lives on, until its fourteen days are over.
    let mut hours = 0;
    loop {
        world.pass(TimeDelta::hours(11));
        hours += 11;
        let answer = world.public("/v1/auth/refresh", json!({ "refresh_token": ada.refresh })).await;
        if answer.status == 401 {
            break;
        }
        ada = Person::of(&ada.email, &answer.expect(200));
    }
    assert!((14 * 24 - 11..=14 * 24 + 11).contains(&hours), "{hours}");
    let ada = world.sign_in("ada@example.org").await;
    world.pass(TimeDelta::hours(12));
    world.public("/v1/auth/refresh", json!({ "refresh_token": ada.refresh })).await.expect(401);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let phone = world.sign_in("ada@example.org").await;
    let eve = world.person("eve").await;
    let list = world.get(&ada.access, "/v1/me/sessions").await.expect(200);
    let ids: Vec<&str> =
        list.data().as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [phone.session.as_str(), &ada.session]);
    let path = format!("/v1/me/sessions/{}", phone.session);
    world.delete(&eve.access, &path).await.expect(404);
    world.delete(&ada.access, &path).await.expect(204);
    world.get(&phone.access, "/v1/me").await.expect(401);
    world.delete(&ada.access, &path).await.expect(404);
    let phone = world.sign_in("ada@example.org").await;
    world.post(&ada.access, "/v1/auth/logout", json!({})).await.expect(204);
    world.get(&ada.access, "/v1/me").await.expect(401);
    let third = world.sign_in("ada@example.org").await;
    world.post(&phone.access, "/v1/auth/logout-all", json!({})).await.expect(204);
    world.get(&third.access, "/v1/me").await.expect(401);
    world.get(&eve.access, "/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let phone = world.sign_in("ada@example.org").await;
    let change = |current: &str, new: &str| {
        world.post(
            &ada.access,
            "/v1/me/password",
            json!({ "current_password": current, "new_password": new }),
        )
    };
    change("not the right one", "another good one").await.expect(401);
    change(PASSWORD, "password1").await.expect(400);
    world
        .post(&ada.access, "/v1/me/password", json!({ "new_password": "another good one" }))
        .await
        .expect(400);
    change(PASSWORD, "another good one").await.expect(204);
    world.get(&ada.access, "/v1/me").await.expect(200);
    world.get(&phone.access, "/v1/me").await.expect(401);
    let login =
        |password: &str| world.public("/v1/auth/login", json!({ "email": ada.email, "password": password }));
    login(PASSWORD).await.expect(401);
    login("another good one").await.expect(200);
    assert!(world.mail().await.iter().any(|mail| mail.what == "password_changed"));
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_link_that_is_good_once() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (seed, _) = world.enrol(&ada).await;
    world.mail().await;
    let forgot = |email: &str| world.public("/v1/auth/password/forgot", json!({ "email": email }));
    let unknown = forgot("eve@example.org").await.expect(202);
    assert_eq!(world.mail().await, []);
    assert_eq!(forgot(&ada.email).await.expect(202).body, unknown.body);
    let old = world.link("reset_password").await;
    let reset = |token: &str, password: &str| {
        world.public("/v1/auth/password/reset", json!({ "token": token, "password": password }))
    };
    world.pass(TimeDelta::minutes(30));
    reset(&old, "another good one").await.expect(400);
    forgot(&ada.email).await.expect(202);
    let link = world.link("reset_password").await;
    assert_eq!(reset(&link, &ada.email).await.expect(400).body["field"], "password");
    let ada_again = {
        let body = json!({ "email": ada.email, "password": PASSWORD });
        let first = world.public("/v1/auth/login", body).await.expect(200);
        let challenge = first.data()["challenge"].clone();
        let body = json!({ "challenge": challenge, "code": world.code(&seed) });
        Person::of(&ada.email, &world.public("/v1/auth/login/2fa", body).await.expect(200))
    };
    reset(&link, "another good one").await.expect(204);
    reset(&link, "another good one").await.expect(400);
    world.get(&ada_again.access, "/v1/me").await.expect(401);
    // The second factor is still asked for.
    let body = json!({ "email": ada.email, "password": "another good one" });
    let answer = world.public("/v1/auth/login", body).await.expect(200);
    assert_eq!(answer.data()["two_factor_required"], true);
}

#[tokio::test]
async fn a_magic_link_stands_in_for_the_password_only() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let ask = || world.public("/v1/auth/magic-link", json!({ "email": ada.email }));
    let redeem = |token: &str| world.public("/v1/auth/magic-link/redeem", json!({ "token": token }));
    ask().await.expect(202);
    let link = world.link("magic_link").await;
    let signed_in = Person::of(&ada.email, &redeem(&link).await.expect(200));
    redeem(&link).await.expect(400);
    ask().await.expect(202);
    let late = world.link("magic_link").await;
    world.pass(TimeDelta::minutes(10));
    redeem(&late).await.expect(400);
    assert_eq!(
        world.public("/v1/auth/magic-link", json!({ "email": "eve@example.org" })).await.expect(202).body,
        ask().await.expect(202).body
    );
    world.mail().await;
    world.pass(TimeDelta::minutes(1));
    let signed_in = Person::of(
        &ada.email,
        &world.public("/v1/auth/refresh", json!({ "refresh_token": signed_in.refresh })).await.expect(200),
    );
    world.post(&signed_in.access, "/v1/auth/step-up", json!({ "password": PASSWORD })).await.expect(200);
    let ada = world.sign_in("ada@example.org").await;
    world.enrol(&ada).await;
    world.mail().await;
    world.pass(TimeDelta::minutes(2));
    ask().await.expect(202);
    let link = world.link("magic_link").await;
    let answer = redeem(&link).await.expect(200);
    assert_eq!(answer.data()["two_factor_required"], true);
    assert_eq!(answer.data()["access_token"], Value::Null);
}

#[tokio::test]
async fn another_address_is_taken_when_its_link_is_followed() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.person("bob").await;
    let ask = |email: &str| world.post(&ada.access, "/v1/me/email", json!({ "email": email }));
    world.mail().await;
    let taken = ask("bob@example.org").await.expect(202);
    assert_eq!(world.mail().await, [], "nobody is told who has an account");
    assert_eq!(ask("countess@example.org").await.expect(202).body, taken.body);
    let mails = world.mail().await;
    assert_eq!((mails[0].to.as_str(), mails[0].template.as_str()), ("countess@example.org", "change_email"));
    world.get(&ada.access, "/v1/me").await.expect(200);
    world.public("/v1/auth/email/verify", json!({ "token": mails[0].token })).await.expect(204);
    let notice = world.mail().await;
    assert_eq!((notice[0].to.as_str(), notice[0].what.as_str()), ("ada@example.org", "email_changed"));
    world.get(&ada.access, "/v1/me").await.expect(401);
    world.sign_in("countess@example.org").await;
    world
        .public("/v1/auth/login", json!({ "email": "ada@example.org", "password": PASSWORD }))
        .await
        .expect(401);
}

#[tokio::test]
async fn the_profile_is_read_changed_exported_and_closed() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let body = json!({ "name": "Ada Lovelace", "avatar_url": "https://example.org/a.png" });
    let me = world.patch(&ada.access, "/v1/me", body).await.expect(200);
    assert_eq!(me.data()["name"], "Ada Lovelace");
    let me = world.patch(&ada.access, "/v1/me", json!({ "avatar_url": null })).await.expect(200);
    assert_eq!(
        (me.data()["avatar_url"].clone(), me.data()["name"].clone()),
        (Value::Null, json!("Ada Lovelace"))
    );
    world.patch(&ada.access, "/v1/me", json!({ "avatar_url": "javascript:x" })).await.expect(400);
    world.patch(&ada.access, "/v1/me", json!({ "email": "x@example.org" })).await.expect(400);
    let export = world.post(&ada.access, "/v1/me/export", json!({})).await.expect(200);
    assert_eq!(export.data()["account"]["email"], "ada@example.org");
    assert_eq!(world.delete(&ada.access, "/v1/me").await.expect(409).code(), "sole_owner");
    world.many_seats().await;
    let bob = world.person("bob").await;
    world.join(&ada, &bob, "owner").await;
    world.delete(&ada.access, "/v1/me").await.expect(204);
    world.get(&ada.access, "/v1/me").await.expect(401);
    world.public("/v1/auth/login", json!({ "email": ada.email, "password": PASSWORD })).await.expect(401);
    // The address is free again.
    world.pass(TimeDelta::minutes(1));
    world.newcomer("ada").await;
}

#[tokio::test]
async fn a_browser_keeps_its_tokens_in_cookies_that_only_our_pages_may_use() {
    let world = World::new().await;
    world.person("ada").await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD, "device": { "cookies": true } });
    let answer = world.public("/v1/auth/login", body).await.expect(200);
    assert_eq!(answer.data()["access_token"], Value::Null);
    for value in answer.headers.get_all("set-cookie") {
        let text = value.to_str().unwrap();
        assert!(text.starts_with("__Host-botbuilder"), "{text}");
        assert!(text.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{text}");
    }
    let jar = cookies(&answer);
    let call = |method: Method, path: &'static str, site: &str| {
        let headers = vec![("cookie", jar.clone()), ("sec-fetch-site", site.to_owned())];
        let from = SocketAddr::from(([192, 0, 2, 1], 4000));
        world.make(Call { credentials: None, method, path, headers, from, body: Some(json!({})) })
    };
    call(Method::GET, "/v1/me", "same-origin").await.expect(200);
    call(Method::PATCH, "/v1/me", "same-origin").await.expect(200);
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(call(Method::PATCH, "/v1/me", site).await.expect(403).code(), "cross_origin", "{site}");
        call(Method::POST, "/v1/auth/refresh", site).await.expect(401);
    }
    let renewed = call(Method::POST, "/v1/auth/refresh", "same-origin").await.expect(200);
    assert!(cookies(&renewed).contains("__Host-botbuilder-refresh=bbr_"));
    assert_eq!(renewed.data()["refresh_token"], Value::Null);
}

#[tokio::test]
async fn nothing_that_could_be_used_again_is_stored_in_clear() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (_, codes) = world.enrol(&ada).await;
    world.public("/v1/auth/magic-link", json!({ "email": ada.email })).await.expect(202);
    let answer =
        world.post(&ada.access, "/v1/api-tokens", json!({ "name": "ci", "scopes": [] })).await.expect(201);
    let token = answer.data()["token"].as_str().unwrap().to_owned();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    for secret in [PASSWORD, &ada.access, &ada.refresh, &codes[0], &token, "bbm_", "bbv_"] {
        for table in &tables {
            let query = format!("SELECT count(*) FROM {table} t WHERE strpos(t::text, '{secret}') > 0");
            assert_eq!(world.count(&query).await, 0, "{secret} in {table}");
        }
    }
}

#[tokio::test]
async fn the_page_of_links_takes_nothing_from_elsewhere() {
    let world = World::new().await;
    for (path, content_type) in [("/v1/auth/open", "text/html"), ("/v1/auth/open.js", "text/javascript")] {
        let from = SocketAddr::from(([192, 0, 2, 1], 4000));
        let headers = Vec::new();
        let call = Call { credentials: None, method: Method::GET, path, headers, from, body: None };
        let answer = world.make(call).await.expect(200);
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with(content_type));
        assert!(
            answer.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'")
        );
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    }
}
