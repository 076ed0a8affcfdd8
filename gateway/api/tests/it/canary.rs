//! Secrets that are sent through every way in, and then looked for everywhere a secret must not be: every column of every
//! table (audit, outbox, idempotency and mails among them), the log and the traces at their most talkative, errors,
//! exports, and what reading shows.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tracing_subscriber::fmt::MakeWriter;

use crate::people::{Call, PASSWORD, Person, World};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Secrets, by where they were sent or shown.
#[derive(Default)]
struct Canaries(BTreeMap<String, String>);

impl Canaries {
    /// A new one, to be sent somewhere.
    fn plant(&mut self, place: &str) -> String {
        let secret = format!("canary-{}-{:08x}", place.replace(' ', "-"), self.0.len() * 7_919 + 0x5eed);
        self.0.insert(place.to_owned(), secret.clone());
        secret
    }

    /// One that the platform made and showed once.
    fn shown(&mut self, place: &str, secret: &Value) {
        let secret = secret.as_str().unwrap_or_else(|| panic!("{place} shows no secret: {secret}"));
        assert!(secret.len() >= 16, "{place}");
        self.0.insert(place.to_owned(), secret.to_owned());
    }

    /// Fails where a text holds one, also as the hexadecimal digits of its bytes.
    fn must_not_be_in(&self, text: &str, place: &str) {
        for (origin, secret) in &self.0 {
            assert!(!text.contains(secret.as_str()), "the secret of {origin} is in {place}");
            assert!(!text.contains(&hex(secret)), "the secret of {origin} is in {place}, as bytes");
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// Sends secrets in every way there is, right and wrong.
async fn plant(world: &World, canaries: &mut Canaries) -> Person {
    // Accounts: passwords right and wrong, tokens of sessions, links of mails, second factor.
    let password = canaries.plant("a password");
    let body = json!({ "email": "ada@example.org", "password": password, "name": "ada" });
    world.public("/v1/auth/register", body).await.expect(202);
    for mail in world.mail().await {
        canaries.shown(&format!("a link of {}", mail.template), &json!(mail.token));
        world.public("/v1/auth/email/verify", json!({ "token": mail.token })).await.expect(204);
    }
    let wrong = json!({ "email": "ada@example.org", "password": canaries.plant("a wrong password") });
    world.public("/v1/auth/login", wrong).await.expect(401);
    let right = json!({ "email": "ada@example.org", "password": password });
    let ada = Person::of("ada@example.org", &world.public("/v1/auth/login", right).await.expect(200));
    canaries.shown("an access token", &json!(ada.access));
    canaries.shown("a refresh token", &json!(ada.refresh));
    let enrolled = world.post(&ada.access, "/v1/me/2fa/enroll", json!({})).await.expect(200);
    canaries.shown("a second factor", &enrolled.data()["secret"]);
    world.public("/v1/auth/magic-link", json!({ "email": "ada@example.org" })).await.expect(202);
    for mail in world.mail().await {
        canaries.shown("a magic link", &json!(mail.token));
    }
    world.execute("UPDATE user_subscriptions SET plan_id = (SELECT id FROM subscription_plans WHERE code = 'enterprise')").await;

    // Tokens, once under a key, so that the answer is kept.
    let key = vec![("idempotency-key", "canary".to_owned())];
    let body = json!({ "name": "ci", "scopes": ["bot:read"] });
    let from = ([192, 0, 2, 1], 4000).into();
    let call = Call {
        credentials: Some(&ada.access),
        method: Method::POST,
        path: "/v1/api-tokens",
        headers: key,
        from,
        body: Some(body),
    };
    canaries.shown("an API token", &world.make(call).await.expect(201).data()["token"]);

    // Bots, channels, integrations, webhooks, single sign-on.
    let bot =
        world.post(&ada.access, "/v1/bots", json!({ "name": "Bot", "slug": "bot" })).await.expect(201).id();
    let rotated = world
        .post(&ada.access, &format!("/v1/bots/{bot}/webhook/rotate-secret"), json!({}))
        .await
        .expect(200);
    canaries.shown("a bot's webhook", &rotated.data()["secret"]);
    let body = json!({
        "type": "telegram", "name": "Telegram", "bot_id": bot,
        "credentials": { "bot_token": canaries.plant("a channel's token") },
        "webhook_secret": canaries.plant("a channel's webhook"),
    });
    let channel = world.post(&ada.access, "/v1/channels", body).await.expect(201).id();
    let path = format!("/v1/channels/{channel}/rotate-credentials");
    let body = json!({ "credentials": { "bot_token": canaries.plant("a channel's second token") } });
    world.post(&ada.access, &path, body).await;
    let body = json!({ "category": "crm", "provider": "hubspot", "name": "CRM", "credentials": { "api_key": canaries.plant("an integration") } });
    world.post(&ada.access, "/v1/integrations", body).await.expect(201);
    let body = json!({ "name": "hook", "config": { "url": "https://example.org/hook" } });
    let hook = world.post(&ada.access, "/v1/webhooks", body).await.expect(201);
    canaries.shown("a webhook", &hook.data()["secret"]);

    // The same at places where they do not belong: the answer does not repeat them.
    for (path, body) in [
        (
            "/v1/channels",
            json!({ "type": "telegram", "name": "x", "credentials": canaries.plant("credentials that are no object") }),
        ),
        (
            "/v1/channels",
            json!({ "type": "telegram", "name": "x", "webhook_secret": { "x": canaries.plant("a secret that is an object") } }),
        ),
        (
            "/v1/integrations",
            json!({ "name": 7, "credentials": { "api_key": canaries.plant("a refused integration") } }),
        ),
        (
            "/v1/me/password",
            json!({ "current_password": canaries.plant("a wrong current password"), "new_password": canaries.plant("a new password") }),
        ),
        ("/v1/me/2fa/confirm", json!({ "code": canaries.plant("a wrong code") })),
        ("/v1/auth/refresh", json!({ "refresh_token": canaries.plant("a wrong refresh token") })),
    ] {
        let answer = world.post(&ada.access, path, body).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:#?}");
        canaries.must_not_be_in(&answer.body.to_string(), &format!("the error of {path}"));
    }
    let broken = canaries.plant("a broken token");
    let answer = world.get(&format!("bb_{broken}"), "/v1/bots").await.expect(401);
    canaries.must_not_be_in(&answer.body.to_string(), "the error of a broken token");
    assert_ne!(password, PASSWORD);
    ada
}

#[tokio::test]
async fn a_secret_is_nowhere_but_sealed() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    // While there is one subscriber alone, whether anybody listens at a place is decided by the thread that comes there
    // first, which may be another test's. With a second one all are asked.
    let (taking, _second) =
        (tracing::Dispatch::new(subscriber), tracing::Dispatch::new(tracing_subscriber::registry()));
    tracing::callsite::rebuild_interest_cache();
    // The test's runtime has one thread, so this is the log of everything it does.
    let guard = tracing::dispatcher::set_default(&taking);
    let world = World::new().await;
    let mut canaries = Canaries::default();
    let ada = plant(&world, &mut canaries).await;
    assert!(canaries.0.len() > 20, "{}", canaries.0.len());

    let exported = world.post(&ada.access, "/v1/me/export", json!({})).await.expect(200);
    canaries.must_not_be_in(&exported.body.to_string(), "the export of an account");
    let whole = format!("/v1/organizations/{}/export", world.organization(&ada).await);
    let exported = world.post(&ada.access, &whole, json!({})).await.expect(200);
    assert!(exported.body.as_str().is_some_and(|lines| lines.contains("\"end\"")), "it is whole");
    canaries.must_not_be_in(&exported.body.to_string(), "the export of an organization");
    for path in [
        "/v1/me",
        "/v1/me/sessions",
        "/v1/channels",
        "/v1/integrations",
        "/v1/webhooks",
        "/v1/api-tokens",
        "/v1/audit?limit=200",
        "/v1/activity",
        "/v1/emails",
    ] {
        let answer = world.get(&ada.access, path).await.expect(200);
        canaries.must_not_be_in(&answer.body.to_string(), path);
    }
    let bots = world.get(&ada.access, "/v1/bots").await.expect(200);
    let path = format!("/v1/bots/{}/export", bots.data()[0]["id"].as_str().expect("an id"));
    canaries.must_not_be_in(&world.get(&ada.access, &path).await.expect(200).body.to_string(), &path);
    drop(guard);

    let text = log.text();
    assert!(text.contains("store.users.register") && text.contains("api.request"), "the log was taken");
    canaries.must_not_be_in(&text, "the log");
    let refused = |line: &str| ["refused", "/v1/auth/login", "401"].iter().all(|part| line.contains(part));
    assert!(text.lines().any(refused), "the wrong password is not in the log");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
          AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
    )
    .fetch_all(&world.pool)
    .await
    .expect("the tables");
    assert!(tables.len() > 100, "{}", tables.len());
    let mut rows = 0;
    for table in tables {
        let sql = format!("SELECT to_jsonb(t)::text FROM {table} t");
        let found: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&world.pool).await.expect("rows");
        rows += found.len();
        for row in found {
            canaries.must_not_be_in(&row, &table);
        }
    }
    assert!(rows > 60, "{rows}");
}
