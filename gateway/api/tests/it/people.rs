//! People who register, sign in and read their mail, on a clock that moves when it is told to.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Method, Request, header},
};
use botbuilder_api::Api;
use botbuilder_domain::{Clock as _, Ids as _, ManualClock, SystemClock};
use botbuilder_store::{Store, integrations::email_notifications, secret::RootKey};
use botbuilder_stream::{Stream, default_topics, memory};
use botbuilder_testkit::database::TestDatabase;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use sqlx::{AssertSqlSafe, PgPool};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::harness::Answer;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// An API with nobody in it yet.
pub struct World {
    pub router: Router,
    pub staff: Router,
    pub stream: Arc<dyn Stream>,
    pub pool: PgPool,
    pub clock: Arc<ManualClock>,
    pub store: Store,
    pub root: RootKey,
    _database: TestDatabase,
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Person {
    pub email: String,
    pub access: String,
    pub refresh: String,
    pub session: String,
}

/// A mail, with the token of its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: String,
    pub template: String,
    pub what: String,
    pub token: String,
}

/// A call.
pub struct Call<'a> {
    pub credentials: Option<&'a str>,
    pub method: Method,
    pub path: &'a str,
    pub headers: Vec<(&'static str, String)>,
    pub from: SocketAddr,
    pub body: Option<Value>,
}

impl World {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let store = Store::connect(database.url(), 4).await.expect("the database");
        let root = RootKey::generate().expect("a key");
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let mut api = Api::new(store.clone(), root.clone(), []);
        api.clock = Arc::clone(&clock) as _;
        api.ids = Arc::clone(&clock) as _;
        let stream = memory::open(memory::MemoryConfig::new(default_topics(2))).expect("a stream");
        let api = api.streaming(Arc::clone(&stream));
        let staff = botbuilder_api::admin::router(api.clone());
        let router = botbuilder_api::router(api);
        Self { router, staff, stream, pool: database.pool().await, clock, store, root, _database: database }
    }

    pub fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    pub fn id(&self) -> Uuid {
        self.clock.next()
    }

    pub async fn make(&self, call: Call<'_>) -> Answer {
        let is_of_staff = call.path.starts_with("/admin/");
        let mut request = Request::builder().method(call.method).uri(call.path);
        if let Some(credentials) = call.credentials {
            request = request.header("authorization", format!("Bearer {credentials}"));
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let body = match call.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).expect("a request");
        request.extensions_mut().insert(ConnectInfo(call.from));
        let router = if is_of_staff { &self.staff } else { &self.router };
        let response = router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&body);
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn call(&self, credentials: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let from = SocketAddr::from(([192, 0, 2, 1], 4000));
        self.make(Call { credentials: Some(credentials), method, path, headers: Vec::new(), from, body })
            .await
    }

    pub async fn get(&self, credentials: &str, path: &str) -> Answer {
        self.call(credentials, Method::GET, path, None).await
    }

    pub async fn post(&self, credentials: &str, path: &str, body: Value) -> Answer {
        self.call(credentials, Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, credentials: &str, path: &str, body: Value) -> Answer {
        self.call(credentials, Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, credentials: &str, path: &str) -> Answer {
        self.call(credentials, Method::DELETE, path, None).await
    }

    /// A call without credentials, from an address of its own.
    pub async fn public(&self, path: &str, body: Value) -> Answer {
        self.public_from([192, 0, 2, 1], path, body).await
    }

    pub async fn public_from(&self, from: [u8; 4], path: &str, body: Value) -> Answer {
        let from = SocketAddr::from((from, 4000));
        let body = Some(body);
        self.make(Call { credentials: None, method: Method::POST, path, headers: Vec::new(), from, body })
            .await
    }

    /// Registers somebody, and has them sign in with a proved address.
    pub async fn person(&self, name: &str) -> Person {
        let person = self.newcomer(name).await;
        let mail = self.mail_to(&person.email).await;
        let token = mail.iter().find(|mail| mail.template == "verify_email").expect("a mail").token.clone();
        self.public("/v1/auth/email/verify", json!({ "token": token })).await.expect(204);
        person
    }

    /// The same, whose address is not proved yet.
    pub async fn newcomer(&self, name: &str) -> Person {
        let email = format!("{name}@example.org");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        self.public("/v1/auth/register", body).await.expect(202);
        self.sign_in(&email).await
    }

    /// Signs in with the password.
    pub async fn sign_in(&self, email: &str) -> Person {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.public("/v1/auth/login", body).await.expect(200);
        Person::of(email, &answer)
    }

    /// What was sent and not read yet.
    pub async fn mail(&self) -> Vec<Mail> {
        let now = self.clock.now();
        let keys = self.root.platform_keys();
        let mut tx = self.store.begin_worker().await.expect("a transaction");
        let claimed = email_notifications::claim(&mut tx, "test", 100, now, now + TimeDelta::minutes(1))
            .await
            .expect("mails");
        let mut mails = Vec::new();
        for mail in claimed {
            let secrets: Value =
                serde_json::from_str(mail.open_secrets(&keys).expect("secrets").expose()).expect("JSON");
            let outcome = email_notifications::Outcome::Sent {
                provider: "test",
                message_id: &mail.id.to_string(),
                subject: "",
            };
            assert!(
                email_notifications::settle(&mut tx, mail.id, mail.attempt, outcome, now)
                    .await
                    .expect("settled")
            );
            mails.push(Mail {
                to: mail.to,
                template: mail.template,
                what: mail.variables["what"].as_str().unwrap_or_default().to_owned(),
                token: secrets["token"].as_str().unwrap_or_default().to_owned(),
            });
        }
        tx.commit().await.expect("a commit");
        mails
    }

    pub async fn mail_to(&self, email: &str) -> Vec<Mail> {
        self.mail().await.into_iter().filter(|mail| mail.to == email).collect()
    }

    /// The token of the only mail of a template that was sent.
    pub async fn link(&self, template: &str) -> String {
        let mails: Vec<Mail> =
            self.mail().await.into_iter().filter(|mail| mail.template == template).collect();
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails[0].token.clone()
    }

    pub async fn count(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&self.pool).await.expect("a number")
    }

    pub async fn execute(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&self.pool).await.expect("done");
    }

    /// Everybody's plan has room for everybody.
    pub async fn many_seats(&self) {
        self.execute("UPDATE user_subscriptions SET limits_override = '{\"seats\": 100, \"bots\": 100}'")
            .await;
    }

    /// Lets somebody in with a role.
    pub async fn join(&self, owner: &Person, person: &Person, role: &str) -> String {
        let body = json!({ "email": person.email, "role": role });
        self.post(&owner.access, "/v1/invitations", body).await.expect(201);
        let token = self.link("invitation").await;
        let answer =
            self.post(&person.access, "/v1/invitations/accept", json!({ "token": token })).await.expect(200);
        let org = answer.data()["organization_id"].as_str().expect("an id");
        self.post(&person.access, &format!("/v1/organizations/{org}/switch"), json!({})).await.expect(200);
        answer.data()["member_id"].as_str().expect("an id").to_owned()
    }

    pub async fn organization(&self, person: &Person) -> String {
        let me = self.get(&person.access, "/v1/me").await.expect(200);
        me.data()["organization"]["id"].as_str().expect("an organization").to_owned()
    }

    /// Enrols a second factor; the seed and the backup codes.
    pub async fn enrol(&self, person: &Person) -> (Vec<u8>, Vec<String>) {
        let answer = self.post(&person.access, "/v1/me/2fa/enroll", json!({})).await.expect(200);
        let seed = unbase32(answer.data()["secret"].as_str().expect("a secret"));
        let answer = self
            .post(&person.access, "/v1/me/2fa/confirm", json!({ "code": self.code(&seed) }))
            .await
            .expect(200);
        let codes = answer.data()["backup_codes"].as_array().expect("codes");
        (seed, codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
    }

    /// What an authenticator app shows now.
    pub fn code(&self, seed: &[u8]) -> String {
        let step = self.clock.now().timestamp() / 30;
        let mac = Hmac::<Sha1>::new_from_slice(seed).expect("a key").chain_update(step.to_be_bytes());
        let mac = mac.finalize().into_bytes();
        let offset = usize::from(mac[19] & 15);
        let word = u32::from_be_bytes(mac[offset..offset + 4].try_into().expect("four")) & 0x7fff_ffff;
        format!("{:06}", word % 1_000_000)
    }
}

impl Person {
    pub fn of(email: &str, answer: &Answer) -> Self {
        let text =
            |name: &str| answer.data()[name].as_str().unwrap_or_else(|| panic!("{answer:#?}")).to_owned();
        Self {
            email: email.to_owned(),
            access: text("access_token"),
            refresh: text("refresh_token"),
            session: text("session_id"),
        }
    }
}

fn unbase32(text: &str) -> Vec<u8> {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            _ => character - b'2' + 26,
        };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 255).expect("a byte"));
        }
    }
    bytes
}

/// The cookies of an answer, as a browser sends them back.
pub fn cookies(answer: &Answer) -> String {
    let pairs: Vec<&str> = answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok()?.split(';').next())
        .collect();
    pairs.join("; ")
}
