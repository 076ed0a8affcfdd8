//! The whole platform in one process: every role, a database of its own, a stream in memory, fake providers and a
//! public listener on a free port of this machine.
//!
//! It runs until it is dropped, and dropping it fails the test if anything is left over: records nobody read, dead
//! letters, messages still queued or uncertain, outbox rows nobody published. A test that means to leave some says so
//! in [`TestPlatform::expected`]. Its test needs `#[tokio::test(flavor = "multi_thread")]`, so that the platform goes on
//! working while the test is being ended.

mod exchange;
mod leftovers;
mod organization;
mod proxy;
mod switch;
mod visitor;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use botbuilder_api::Api;
use botbuilder_domain::{Clock, Ids, Secret, SystemClock, SystemIds};
use botbuilder_gateway::{
    Gateway, checks,
    connecting::Connecting,
    dispatcher, hub,
    ingress::{self, app::PlatformApps},
    media, names, public, sources,
    webhooks_out::{deliver::Deliveries, fanout::Fanout},
};
use botbuilder_media::{LINK_KEY, Media};
use botbuilder_runtime::{Options as RuntimeOptions, Runtime, bots::Bots, executors, jobs, worker};
use botbuilder_service::{
    config::{Apps, Limits, Outbound},
    http,
    lifecycle::Supervisor,
    server::{self, Server},
};
use botbuilder_store::{Store, secret::RootKey};
use botbuilder_stream::{Stream, default_topics, memory};
use botbuilder_understanding::{Models, Understandings};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use self::proxy::Proxy;
pub use self::{
    exchange::{Answer, Body},
    leftovers::Expected,
    organization::{New, Organization},
    switch::{Fault, SwitchedStream},
    visitor::{Frame, Visitor},
};
use crate::{
    database::TestDatabase,
    local_client::{LocalClient, Method},
};

/// How long a condition may take to come true. Far more than it takes, because machines are slow at times.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The root key of every platform; what it seals are secrets of fakes.
pub const ROOT_KEY: [u8; 32] = [0x5a; 32];

/// Waits until `probe` gives something, and returns it.
///
/// # Panics
///
/// If that takes longer than [`PATIENCE`].
#[track_caller]
pub fn eventually<T, P: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> P,
) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "{caller}: not within {PATIENCE:?}: {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// How a platform is put together.
pub struct Options {
    /// The short names of its organizations. Each has a bot, three channels and fake providers of its own.
    pub organizations: Vec<&'static str>,
    /// The flow of their bots.
    pub flow: Value,
    /// What their WhatsApp signs with; each a text of its own if none is given.
    pub app_secret: Option<&'static str>,
    /// Whether their WhatsApp names people by business-scoped ids, too.
    pub user_ids: bool,
    /// The stream; in memory if none is given.
    pub stream: Option<Arc<dyn Stream>>,
    /// How long a provider may take to answer.
    pub provider_timeout: Duration,
    /// Provider apps of the platform.
    pub apps: Apps,
    /// Addresses on this machine that may be called, beside those of the fake providers.
    pub neighbours: Vec<String>,
    /// The largest file that is fetched, in bytes; the usual limit if none is given.
    pub fetch_bytes: Option<u64>,
}

impl Default for Options {
    /// One organization, whose bot runs the demo flow.
    fn default() -> Self {
        Self {
            organizations: vec!["acme"],
            flow: serde_json::from_str(botbuilder_flow::DEMO_FLOW).expect("the demo flow is JSON"),
            app_secret: None,
            user_ids: false,
            stream: None,
            provider_timeout: Duration::from_secs(10),
            apps: Apps::default(),
            neighbours: Vec::new(),
            fetch_bytes: None,
        }
    }
}

/// The models, of which a process has one, if the set-up has put their files there and said where.
fn models() -> Arc<Models> {
    static MODELS: OnceLock<Arc<Models>> = OnceLock::new();
    let load = || match std::env::var_os(MODELS_VARIABLE) {
        Some(directory) => Arc::new(Models::new(directory.into(), 2)),
        None => Arc::new(Models::none()),
    };
    Arc::clone(MODELS.get_or_init(load))
}

/// Names the directory of the built-in models. Without it words decide alone.
pub const MODELS_VARIABLE: &str = "BOTBUILDER_TEST_MODELS";

/// A running platform.
pub struct TestPlatform {
    /// Its gateway.
    pub gateway: Gateway,
    /// Its runtime.
    pub runtime: Runtime,
    /// Its stream, which can be made to refuse.
    pub stream: Arc<SwitchedStream>,
    /// Its organizations, in the order of the options.
    pub organizations: Vec<Organization>,
    /// Connections of the database's administrator, whom no policy stops.
    pub pool: PgPool,
    /// What may be left over when it is dropped.
    pub expected: Expected,
    address: SocketAddr,
    outbound: Outbound,
    client: LocalClient,
    supervisor: Option<Supervisor>,
    proxy: Proxy,
    database: TestDatabase,
}

impl TestPlatform {
    /// Starts one with the default options.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// Starts one.
    ///
    /// # Panics
    ///
    /// If anything it needs is not there.
    pub async fn with(options: Options) -> Self {
        let database = TestDatabase::new().await;
        let proxy = Proxy::start(database.url()).await;
        let listener = server::bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let store = Store::connect(&proxy.url(), 6).await.expect("the test database");
        let stream: Arc<dyn Stream> = match options.stream {
            Some(stream) => stream,
            None => memory::open(memory::MemoryConfig::new(default_topics(4))).expect("a stream in memory"),
        };
        let stream = Arc::new(SwitchedStream::new(stream));
        let root = RootKey::new(Secret::new(ROOT_KEY));
        let mut media = Media::in_memory(&format!("http://{address}"), root.derive(LINK_KEY));
        media.fetch_bytes = options.fetch_bytes.unwrap_or(media.fetch_bytes);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn Ids> = Arc::new(SystemIds);

        let mut organizations = Vec::new();
        for slug in options.organizations {
            let new = New {
                slug,
                flow: &options.flow,
                app_secret: options.app_secret,
                user_ids: options.user_ids,
                base_url: &format!("http://{address}"),
            };
            organizations.push(Organization::make(new, &store, &root).await);
        }
        let outbound = Outbound {
            timeout: options.provider_timeout,
            allow: organizations
                .iter()
                .flat_map(Organization::provider_urls)
                .chain(options.neighbours.iter().filter_map(|url| url.parse().ok()))
                .collect(),
            ..Outbound::default()
        };
        let dyn_stream: Arc<dyn Stream> = Arc::clone(&stream) as _;
        let gateway =
            Gateway::new(store.clone(), Arc::clone(&dyn_stream), root, Arc::clone(&clock), Arc::clone(&ids))
                .with_apps(PlatformApps::open(&options.apps).expect("the apps' secrets are given as values"))
                .with_media(media);
        let runtime = Runtime {
            store,
            stream: dyn_stream,
            bots: Arc::new(Bots::default()),
            understandings: Arc::new(Understandings::new(gateway.store.clone(), models())),
            clock,
            ids,
            options: RuntimeOptions { files: Some(gateway.media.clone()), ..RuntimeOptions::default() },
        };
        let mut platform = Self {
            gateway,
            runtime,
            stream,
            organizations,
            pool: database.pool().await,
            expected: Expected::default(),
            address,
            outbound,
            client: LocalClient::new(PATIENCE).expect("an http client"),
            supervisor: None,
            proxy,
            database,
        };
        platform.start_services(listener);
        platform
    }

    fn start_services(&mut self, listener: tokio::net::TcpListener) {
        let mut supervisor = Supervisor::new();
        supervisor.start(jobs::relay::Relay::new(self.runtime.clone()));
        supervisor.start(jobs::bulk::Bulk::new(self.runtime.clone()));
        supervisor.start(jobs::held::Held::new(self.runtime.clone()));
        supervisor.start(jobs::snoozed::Snoozed::new(self.runtime.clone()));
        supervisor.start(jobs::timers::Timers::new(self.runtime.clone()));
        supervisor.start(jobs::retention::Retention::new(self.runtime.clone()));
        supervisor.start(jobs::training::Trainer::new(self.runtime.clone()));
        supervisor.start(worker::Workers::new(self.runtime.clone()));
        let client = http::Client::new(&self.outbound).expect("an http client");
        let (store, root) = (self.gateway.store.clone(), RootKey::new(Secret::new(ROOT_KEY)));
        let (clock, ids) = (Arc::clone(&self.runtime.clock), Arc::clone(&self.runtime.ids));
        supervisor.start(Fanout::new(store.clone(), Arc::clone(&clock), Arc::clone(&ids)));
        supervisor.start(Deliveries::new(store, client.clone(), root, clock, ids));
        let root = RootKey::new(Secret::new(ROOT_KEY));
        supervisor.start(executors::Executors::new(self.runtime.clone(), client.clone(), root));
        supervisor.start(media::fetch::Fetcher::new(self.gateway.clone(), client.clone()));
        let provider = dispatcher::ProviderHttp::new(client);
        let connecting = Connecting::new(self.gateway.clone(), provider.clone(), self.base_url());
        supervisor.start(sources::Sources::new(self.gateway.clone(), provider.clone()));
        supervisor.start(names::Asking::new(self.gateway.clone(), provider.clone()));
        supervisor.start(ingress::refused::Keeping::new(self.gateway.clone()));
        supervisor.start(dispatcher::Dispatcher::new(self.gateway.clone(), provider));
        let capabilities =
            botbuilder_adapters::registry().all().map(|channel| (channel.kind(), channel.capabilities()));
        let rates = botbuilder_adapters::registry().all().map(|channel| (channel.kind(), channel.rates()));
        let gateway = self.gateway.clone();
        let taking = self.gateway.clone();
        let api = Api::new(self.gateway.store.clone(), RootKey::new(Secret::new(ROOT_KEY)), capabilities)
            .with_rates(rates)
            .with_media(self.gateway.media.clone())
            .telling(move || gateway.forget())
            .understanding(Arc::clone(&self.runtime.understandings))
            .connecting(move |opened, act| {
                let connecting = connecting.clone();
                async move { connecting.act(opened, act).await }
            })
            .taking_again(move |org, channel, payload| {
                let gateway = taking.clone();
                async move { ingress::take_again(&gateway, org, channel, &payload).await }
            });
        let api = botbuilder_api::router(api);
        let routes = public::router(self.gateway.clone(), api);
        supervisor.start(Server::new("public listener", listener, routes, &Limits::default()));
        supervisor.start(hub::Goodbye(Arc::clone(&self.gateway.hub)));
        self.supervisor = Some(supervisor);
    }

    /// Tries the accounts at their providers of which what is known is old, as a job of the program does.
    ///
    /// # Panics
    ///
    /// If the database is not there.
    pub async fn check_accounts(&self) {
        let client = http::Client::new(&self.outbound).expect("an http client");
        let provider = dispatcher::ProviderHttp::new(client);
        let connecting = Connecting::new(self.gateway.clone(), provider, self.base_url());
        let root = RootKey::new(Secret::new(ROOT_KEY));
        let checks = checks::AccountChecks::new(self.gateway.clone(), connecting, root);
        checks.once().await.expect("accounts are tried");
    }

    /// Stops every service as the program does when it is told to; database, stream and providers stay.
    ///
    /// # Panics
    ///
    /// If a service does not stop softly.
    pub async fn stop(&mut self) {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.stop().await.expect("services stop softly");
        }
    }

    /// Starts the services again after [`TestPlatform::stop`], at the same address.
    ///
    /// # Panics
    ///
    /// If the address is taken.
    pub fn start_again(&mut self) {
        assert!(self.supervisor.is_none(), "stop it first");
        let listener = server::bind(self.address).expect("the address of before");
        self.start_services(listener);
    }

    /// The first organization.
    pub fn acme(&self) -> &Organization {
        &self.organizations[0]
    }

    /// How it calls others, its fake providers among them.
    pub const fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Where the public listener is.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Calls the public listener.
    ///
    /// # Panics
    ///
    /// If there is no answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request =
            self.client.request(method, &format!("{}{path}", self.base_url())).expect("an address");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.body(body.into().0).send().await.expect("an answer")).await
    }

    /// `GET` with an API token.
    pub async fn get(&self, path: &str, token: &Secret<String>) -> Answer {
        let bearer = format!("Bearer {}", token.expose());
        self.call(Method::GET, path, &[("authorization", &bearer)], "").await
    }

    /// `POST` of a callback's body.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.call(Method::POST, path, headers, body).await
    }

    /// The rows of a query, each as an object.
    ///
    /// # Panics
    ///
    /// If the database refuses it.
    pub async fn rows(&self, query: &str) -> Vec<Value> {
        rows(&self.pool, query).await
    }

    /// The number of a query that counts.
    ///
    /// # Panics
    ///
    /// If the database refuses it.
    pub async fn count(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&self.pool)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// How many records were ever appended to a topic.
    ///
    /// # Panics
    ///
    /// If there is no such topic.
    pub async fn appended(&self, topic: &str) -> u64 {
        let partitions = self.stream.lag(topic, "observer").await.expect("a topic");
        partitions.iter().map(|partition| partition.end).sum()
    }

    /// Waits until nothing is left to be done.
    ///
    /// # Panics
    ///
    /// If that takes longer than [`PATIENCE`].
    pub async fn settled(&self) {
        leftovers::settled(&*self.stream, &self.pool, &self.expected)
            .await
            .unwrap_or_else(|left| panic!("left over: {}", left.join(", ")));
    }

    /// Takes the database away from the platform: connections break and new ones are refused. [`TestPlatform::rows`]
    /// still has it.
    pub fn lose_database(&self) {
        self.proxy.cut();
    }

    /// Gives the database back.
    pub fn restore_database(&self) {
        self.proxy.restore();
    }
}

impl Drop for TestPlatform {
    fn drop(&mut self) {
        if std::thread::panicking() || self.expected.anything {
            return;
        }
        assert!(self.supervisor.is_some(), "platform was dropped while it was stopped: start it again first");
        let (stream, url, expected) =
            (Arc::clone(&self.stream), self.database.url().to_owned(), self.expected.clone());
        // On a thread of its own: here, a runtime is running already.
        let looked = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let pool = PgPool::connect(&url).await.expect("the test database");
                let outcome = leftovers::settled(&*stream, &pool, &expected).await;
                pool.close().await;
                outcome
            })
        });
        if let Err(left) = looked.join().expect("the look at what is left") {
            panic!("left over: {}", left.join(", "));
        }
    }
}

/// The rows of a query, each as an object.
///
/// # Panics
///
/// If the database refuses it.
pub async fn rows(pool: &PgPool, query: &str) -> Vec<Value> {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT to_jsonb(q) FROM ({query}) AS q")))
        .fetch_all(pool)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// Runs a statement.
///
/// # Panics
///
/// If the database refuses it.
pub async fn execute(pool: &PgPool, statement: &str) {
    sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}
