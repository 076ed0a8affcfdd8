//! An API over a database of its own, with two organizations.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use botbuilder_api::Api;
use botbuilder_domain::{Ids as _, SystemClock, SystemIds};
use botbuilder_store::{Store, secret::RootKey};
use botbuilder_testkit::{
    database::TestDatabase,
    seed::{self, Plan, Seeded},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tower::ServiceExt as _;
use uuid::Uuid;

/// An API.
pub struct Server {
    pub router: Router,
    pub acme: Seeded,
    pub other: Seeded,
    pub pool: PgPool,
    pub store: Store,
    pub root: RootKey,
    told: Arc<AtomicUsize>,
    _database: TestDatabase,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// What stands under `data`.
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// The id of the thing.
    pub fn id(&self) -> String {
        self.data()["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    /// The tag of its state.
    pub fn etag(&self) -> String {
        self.headers["etag"].to_str().expect("text").to_owned()
    }

    /// The word for programs.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The same, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:#?}");
        self
    }
}

impl Server {
    /// An API over a new database.
    pub async fn start() -> Self {
        Self::start_with(|api| api).await
    }

    /// The same, with changes to the API.
    pub async fn start_with(change: impl FnOnce(Api) -> Api) -> Self {
        let database = TestDatabase::new().await;
        let store = Store::connect(database.url(), 4).await.expect("the database");
        let root = RootKey::generate().expect("a key");
        let acme = organization(&store, &root, "acme").await;
        let other = organization(&store, &root, "other").await;
        let kinds =
            botbuilder_adapters::registry().all().map(|channel| (channel.kind(), channel.capabilities()));
        let told = Arc::new(AtomicUsize::new(0));
        let tell = Arc::clone(&told);
        let api = Api::new(store.clone(), root.clone(), kinds).telling(move || {
            tell.fetch_add(1, Ordering::Relaxed);
        });
        let router = botbuilder_api::router(change(api));
        Self { router, acme, other, pool: database.pool().await, store, root, told, _database: database }
    }

    /// Makes a call.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A call of the first organization's token.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let token = self.acme.token.expose().clone();
        self.call_as(&token, method, path, headers, body).await
    }

    /// A call of a token.
    pub async fn call_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a request")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    pub async fn patch(&self, path: &str, if_match: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, &[("if-match", if_match)], Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, &[], None).await
    }

    /// How often it was told that a channel changed.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }

    /// The bot of the first organization.
    pub fn bot(&self) -> Uuid {
        self.acme.bot.uuid()
    }

    /// The number of a query that counts.
    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.expect("a number")
    }
}

async fn organization(store: &Store, root: &RootKey, slug: &str) -> Seeded {
    let plan = Plan {
        slug: slug.to_owned(),
        flow: flow(),
        whatsapp_url: "http://127.0.0.1:1".to_owned(),
        whatsapp_token: "token".to_owned(),
        phone_number_id: format!("{slug}-1"),
        app_secret: "secret".to_owned(),
        telegram_url: "http://127.0.0.1:1".to_owned(),
        telegram_token: "token".to_owned(),
        telegram_secret: "secret".to_owned(),
        slack: None,
        instagram: None,
    };
    seed::seed(store, root, &SystemClock, &SystemIds, &plan).await.expect("an organization")
}

/// A flow that says hello.
pub fn flow() -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "hello", "type": "message", "data": { "text": "hello" } },
            { "id": "end", "type": "end" },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": "hello" },
            { "id": "e2", "source": "hello", "target": "end" },
        ],
    })
}

/// Makes something, and says its id.
pub async fn made(server: &Server, path: &str, body: Value) -> String {
    server.post(path, body).await.expect(201).id()
}

/// Runs a statement with these ids.
pub async fn run(server: &Server, statement: &'static str, ids: &[Uuid]) {
    let query = ids.iter().fold(sqlx::query(statement), |query, id| query.bind(*id));
    query.execute(&server.pool).await.expect("a statement");
}

/// A new id.
pub fn id() -> Uuid {
    SystemIds.next()
}
