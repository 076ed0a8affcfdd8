//! Builds the services of a process from its configuration, and runs them.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use axum::Router;
use botbuilder_api::{
    Api,
    admin::resealing::Resealing,
    billing::notices::LimitNotices,
    outside::{Outside, Sender},
    plugins::auto_updates::PluginUpdates,
    sso::domain_checks::DomainChecks,
};
use botbuilder_domain::{Clock, Ids, Secret, SystemClock, SystemIds};
use botbuilder_flow::Limits;
use botbuilder_gateway::{
    Gateway,
    changes::ChannelChanges,
    checks::AccountChecks,
    connecting::Connecting,
    dispatcher, hub,
    ingress::{self, app::PlatformApps},
    internal, media, names, public, sources,
    stamps::Stamping,
    templates::TemplateSync,
    tokens::TokenRenewal,
    webhooks_out::{deliver::Deliveries, fanout::Fanout},
};
use botbuilder_media::{LINK_KEY, Media};
use botbuilder_runtime::{
    Options, Runtime,
    bots::Bots,
    executors,
    jobs::{
        self,
        email::{Mailer, Transport},
    },
    worker,
};
use botbuilder_service::{
    config::{Config, Role, stream::Backend},
    http,
    lifecycle::{Service, ServiceError, Supervisor},
    postgres::{self, ManagedPostgres},
    redis::Redis,
    server::{self, Server},
    telemetry::{self, Telemetry},
};
use botbuilder_sso::dns::Resolver;
use botbuilder_store::{PoolOptions, Store, migrate, secret::RootKey};
use botbuilder_stream::{Stream, TopicConfig, default_topics, embedded, memory};
use botbuilder_understanding::{Models, Understandings};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The database: a server of the program's own, or the one that the configuration names.
pub enum Database {
    /// Ours: it ends with us.
    Managed(ManagedPostgres, Secret<String>),
    /// Somebody else's.
    Given(Secret<String>),
}

impl Database {
    /// Starts or finds the database.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(url) = config.database.connection_url()? {
            return Ok(Self::Given(url));
        }
        let server = ManagedPostgres::start(config).await.context("the program's own PostgreSQL")?;
        let url = server.url();
        Ok(Self::Managed(server, url))
    }

    /// The address of the database that is running now, without starting one.
    pub fn reach(config: &Config) -> anyhow::Result<Secret<String>> {
        if let Some(url) = config.database.connection_url()? {
            return Ok(url);
        }
        postgres::url_of_running(config)
            .context("the program's own PostgreSQL is not running; start the program, or set database.url")
    }

    /// The address.
    pub fn url(&self) -> &str {
        match self {
            Self::Managed(_, url) | Self::Given(url) => url.expose(),
        }
    }

    /// Ends a server of our own.
    pub async fn close(self) -> anyhow::Result<()> {
        if let Self::Managed(server, _) = self {
            let mut supervisor = Supervisor::new();
            supervisor.start(server);
            supervisor.stop().await?;
        }
        Ok(())
    }
}

/// Sets up log, metrics and traces.
pub fn telemetry(config: &Config) -> anyhow::Result<Telemetry> {
    Ok(telemetry::start(&config.log, &config.telemetry)?)
}

/// Opens the stream.
pub async fn stream(config: &Config) -> anyhow::Result<Arc<dyn Stream>> {
    let settings = &config.stream;
    let topics: Vec<TopicConfig> = default_topics(settings.partitions)
        .into_iter()
        .map(|topic| TopicConfig {
            retain_for: match topic.name.as_str() {
                "status" => settings.retention.status,
                "realtime" => settings.retention.realtime,
                name if Path::new(name).extension().is_some_and(|twin| twin == "dead") => {
                    settings.retention.dead
                }
                _ => settings.retention.messages,
            },
            retain_bytes: settings.retention.max_bytes,
            ..topic
        })
        .collect();
    match settings.chosen_backend() {
        Backend::Memory => Ok(memory::open(memory::MemoryConfig::new(topics))?),
        Backend::Embedded | Backend::Auto => {
            let directory = config.data_dir().join(&settings.embedded.directory);
            let mut options = embedded::EmbeddedConfig::new(directory, topics);
            options.queue_bytes = usize::try_from(settings.queue_bytes)?;
            options.queue_records = settings.queue_records;
            Ok(embedded::open(options)?)
        }
        Backend::Kafka => kafka(config, topics).await,
    }
}

#[cfg(feature = "kafka")]
async fn kafka(config: &Config, mut topics: Vec<TopicConfig>) -> anyhow::Result<Arc<dyn Stream>> {
    use botbuilder_stream::{Prefixed, kafka};

    let settings = &config.stream.kafka;
    for topic in &mut topics {
        topic.name.insert_str(0, &settings.prefix);
    }
    let mut options = kafka::KafkaConfig::new(settings.brokers.join(","), topics);
    options.queue_bytes = usize::try_from(config.stream.queue_bytes)?;
    options.queue_records = config.stream.queue_records;
    options.settings =
        settings.properties.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(username) = &settings.username {
        options.settings.push(("sasl.username".to_owned(), username.clone()));
    }
    if let Some(password) = settings.sasl_password()? {
        options.settings.push(("sasl.password".to_owned(), password.expose().clone()));
    }
    let stream = kafka::open(options).await.context("Kafka")?;
    Ok(Arc::new(Prefixed::new(stream, settings.prefix.as_str())))
}

#[cfg(not(feature = "kafka"))]
async fn kafka(_config: &Config, _topics: Vec<TopicConfig>) -> anyhow::Result<Arc<dyn Stream>> {
    bail!("this program was built without the feature kafka")
}

/// A process: its services, built and started.
pub struct Platform {
    supervisor: Supervisor,
    telemetry: Telemetry,
    /// What the commands on top of it need.
    pub gateway: Gateway,
    /// The key that wraps the organizations' keys.
    pub root: RootKey,
}

/// With fewer open files a busy site's visitors would be turned away.
const FILES_WANTED: u64 = 10_000;

impl Platform {
    /// Builds and starts what the configuration's roles need.
    /// `pages` are those that the public listener has besides.
    pub async fn start(config: Config, telemetry: Telemetry, pages: Router) -> anyhow::Result<Self> {
        let roles = &config.roles;
        if roles.as_slice() == [Role::Voice] {
            bail!("the voice role is not available: this program carries no voice engine yet");
        }
        open_files();
        // Sockets first: a taken address is an error before anything else has begun.
        let public =
            if roles.contains(&Role::Gateway) { Some(server::bind(config.listen.public)?) } else { None };
        let internal = server::bind(config.listen.internal)?;
        let staff =
            config.listen.admin.filter(|_| roles.contains(&Role::Gateway)).map(server::bind).transpose()?;

        let mut supervisor = Supervisor::new().watching_signals()?;
        supervisor.start(telemetry.upkeep());
        let database = Database::open(&config).await?;
        let url = Secret::new(database.url().to_owned());
        if let Database::Managed(server, _) = database {
            supervisor.start(server);
        }
        let public = public.map(|listener| Public { listener, pages, staff });
        match build(&config, url, &mut supervisor, &telemetry, public, internal).await {
            Ok((gateway, root)) => Ok(Self { supervisor, telemetry, gateway, root }),
            Err(error) => {
                // What has started is stopped again, the database last.
                supervisor.stop().await?;
                Err(error)
            }
        }
    }

    /// Runs until a signal or a failure ends it.
    pub async fn run(self) -> anyhow::Result<()> {
        let ended = self.supervisor.run().await;
        self.telemetry.shut_down().await;
        Ok(ended?)
    }
}

/// What the gateway answers on: the public listener with what is served there besides, and that of staff.
struct Public {
    listener: tokio::net::TcpListener,
    pages: Router,
    staff: Option<tokio::net::TcpListener>,
}

async fn build(
    config: &Config,
    url: Secret<String>,
    supervisor: &mut Supervisor,
    telemetry: &Telemetry,
    public: Option<Public>,
    internal: tokio::net::TcpListener,
) -> anyhow::Result<(Gateway, RootKey)> {
    if config.database.migrate {
        let report = migrate::run(url.expose()).await?;
        if !report.applied.is_empty() {
            info!(applied = report.applied.len(), "schema is up to date");
        }
    }
    let root = root_key(config)?;
    let store = Store::connect_with(url.expose(), pool(config)).await?;
    let stream = stream(config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    supervisor.start(Connections { store: store.clone(), stream: Arc::clone(&stream) });

    let gateway =
        Gateway::new(store.clone(), Arc::clone(&stream), root.clone(), Arc::clone(&clock), Arc::clone(&ids))
            .with_limits(config.limits.clone())
            .sending_by(config.dispatcher.clone())
            .with_apps(PlatformApps::open(&config.apps)?)
            .with_media(Media::open(
                &config.media,
                &config.data_dir(),
                &config.listen.base_url(),
                root.derive(LINK_KEY),
            )?);
    let models = Models::new(config.models.directory(), config.models.sessions);
    if !models.missing().is_empty() {
        info!(directory = %config.models.directory().display(), "model files are missing: understanding goes by words alone");
    }
    let understandings = Arc::new(Understandings::new(store.clone(), Arc::new(models)));
    let turns = Limits {
        steps: config.runtime.turn_steps,
        messages: config.runtime.turn_messages,
        ..Limits::default()
    };
    let runtime = Runtime {
        store: store.clone(),
        stream,
        bots: Arc::new(Bots::new(config.runtime.cached_bots, turns)),
        understandings: Arc::clone(&understandings),
        clock,
        ids,
        options: Options {
            batch: config.runtime.commit_batch,
            reply_lifetime: TimeDelta::from_std(config.dispatcher.reply_expires_after)?,
            files: Some(gateway.media.clone()),
            ..Options::default()
        },
    };
    supervisor.start(ChannelChanges::new(gateway.clone()));
    for role in Role::ALL.into_iter().filter(|role| config.roles.contains(role)) {
        match role {
            Role::Jobs => {
                supervisor.start(jobs::relay::Relay::new(runtime.clone()));
                supervisor.start(jobs::bulk::Bulk::new(runtime.clone()));
                supervisor.start(jobs::held::Held::new(runtime.clone()));
                supervisor.start(jobs::snoozed::Snoozed::new(runtime.clone()));
                supervisor.start(jobs::experiments::Decisions::new(runtime.clone()));
                supervisor.start(jobs::timers::Timers::new(runtime.clone()));
                supervisor.start(jobs::retention::Retention::new(runtime.clone()));
                supervisor.start(jobs::audit_heads::AuditHeads::new(runtime.clone()));
                supervisor.start(jobs::training::Trainer::new(runtime.clone()));
                let clock = Arc::clone(&runtime.clock);
                supervisor.start(DomainChecks::new(store.clone(), name_server(config), clock));
                supervisor.start(mailer(config, runtime.clone(), &root)?);
                let clock = Arc::clone(&runtime.clock);
                supervisor.start(Resealing::new(store.clone(), root.clone(), clock));
                let (clock, ids) = (Arc::clone(&runtime.clock), Arc::clone(&runtime.ids));
                supervisor.start(LimitNotices::new(
                    store.clone(),
                    &root,
                    Arc::clone(&clock),
                    Arc::clone(&ids),
                ));
                supervisor.start(PluginUpdates::new(store.clone(), Arc::clone(&clock), Arc::clone(&ids)));
                supervisor.start(Fanout::new(store.clone(), Arc::clone(&clock), Arc::clone(&ids)));
                let client = http::Client::new(&config.outbound)?;
                supervisor.start(Deliveries::new(store.clone(), client, root.clone(), clock, ids));
                let client = http::Client::new(&config.outbound)?;
                supervisor.start(media::fetch::Fetcher::new(gateway.clone(), client));
                supervisor.start(media::sweep::Sweeper::new(gateway.clone()));
                let sender = dispatcher::ProviderHttp::new(http::Client::new(&config.outbound)?);
                let connecting = Connecting::new(gateway.clone(), sender, config.listen.base_url());
                supervisor.start(AccountChecks::new(gateway.clone(), connecting.clone(), root.clone()));
                supervisor.start(TokenRenewal::new(gateway.clone(), connecting.clone(), root.clone()));
                supervisor.start(TemplateSync::new(gateway.clone(), connecting, root.clone()));
            }
            Role::Runtime => {
                supervisor.start(worker::Workers::new(runtime.clone()));
                let client = http::Client::new(&config.outbound)?;
                supervisor.start(executors::Executors::new(runtime.clone(), client, root.clone()));
            }
            Role::Voice => info!("the voice role has nothing to run yet"),
            Role::Gateway => {
                let client = http::Client::new(&config.outbound)?;
                let sender = dispatcher::ProviderHttp::new(client);
                supervisor.start(sources::Sources::new(gateway.clone(), sender.clone()));
                supervisor.start(names::Asking::new(gateway.clone(), sender.clone()));
                supervisor.start(ingress::refused::Keeping::new(gateway.clone()));
                supervisor.start(Stamping::new(gateway.clone()));
                supervisor.start(dispatcher::Dispatcher::new(gateway.clone(), sender));
            }
        }
    }
    let stopping = CancellationToken::new();
    let metrics = telemetry.metrics();
    let render: internal::Render = Arc::new(move || metrics.render());
    let routes = internal::router(gateway.clone(), render, stopping.clone());
    supervisor.start(Server::new("internal listener", internal, routes, &config.limits));
    if let Some(Public { listener, pages, staff }) = public {
        let tls = config.listen.tls()?;
        let capabilities =
            botbuilder_adapters::registry().all().map(|channel| (channel.kind(), channel.capabilities()));
        let rates = botbuilder_adapters::registry().all().map(|channel| (channel.kind(), channel.rates()));
        let changed = gateway.clone();
        let sender = dispatcher::ProviderHttp::new(http::Client::new(&config.outbound)?);
        let connecting = Connecting::new(gateway.clone(), sender, config.listen.base_url());
        let client = http::Client::new(&config.outbound)?;
        let mails =
            Sender { platform: config.email.from.clone(), may_be_theirs: config.email.organizations_senders };
        let outside =
            Outside::new(Some(client), name_server(config), config.listen.base_url()).sending(mails);
        let taking = gateway.clone();
        let api = Api::new(store, root.clone(), capabilities)
            .with_rates(rates)
            .with_media(gateway.media.clone())
            .telling(move || changed.forget())
            .understanding(understandings)
            .connecting(move |opened, act| {
                let connecting = connecting.clone();
                async move { connecting.act(opened, act).await }
            })
            .taking_again(move |org, channel, payload| {
                let gateway = taking.clone();
                async move { ingress::take_again(&gateway, org, channel, &payload).await }
            })
            .reaching(outside);
        let api = api.streaming(Arc::clone(&gateway.stream));
        if let Some(listener) = staff {
            let routes = botbuilder_api::admin::router(api.clone());
            let server = Server::new("listener of staff", listener, routes, &config.limits);
            supervisor.start(server.with_tls(tls.clone()));
        }
        let api = botbuilder_api::router(api);
        let routes = public::router(gateway.clone(), api.merge(pages));
        let proxies = config.listen.proxies().map_err(|network| anyhow!("{network} is no network"))?;
        let server = Server::new("public listener", listener, routes, &config.limits).behind(proxies);
        supervisor.start(server.with_tls(tls));
        if let Some(url) = config.redis.server()? {
            let redis = Redis::open(&url, &config.redis.prefix)?;
            let (hub, clock) = (Arc::clone(&gateway.hub), Arc::clone(&gateway.clock));
            supervisor.start(hub::instances::Instances::join(hub, redis, clock, gateway.ids.next()));
        }
        supervisor.start(hub::Goodbye(Arc::clone(&gateway.hub)));
    }
    supervisor.start(Readiness { stopping });
    Ok((gateway, root))
}

/// The configured name server, or the machine's own.
fn name_server(config: &Config) -> Option<Resolver> {
    let of_machine = || Resolver::of_resolv_conf(&std::fs::read_to_string("/etc/resolv.conf").ok()?);
    config.outbound.name_server.map(Resolver::new).or_else(of_machine)
}

/// The job that sends mails: to the configured server, or into a folder.
fn mailer(config: &Config, runtime: Runtime, root: &RootKey) -> anyhow::Result<Mailer> {
    let transport = match config.email.server()? {
        Some(url) => Transport::smtp(&url)?,
        None => Transport::outbox(config.email.outbox(&config.data_dir()))?,
    };
    let base_url = config.listen.base_url();
    Ok(Mailer::new(runtime, root.platform_keys(), transport, &config.email.from, base_url)?)
}

/// The bounds of the database's connections.
fn pool(config: &Config) -> PoolOptions {
    let settings = &config.database;
    PoolOptions {
        size: settings.connections(),
        wait: settings.pool_wait,
        statement_timeout: settings.statement_timeout,
        lock_timeout: settings.lock_timeout,
        idle_in_transaction_timeout: settings.idle_in_transaction_timeout,
    }
}

/// The root key. Several nodes share one, so a program that is one of several does not make its own.
pub fn root_key(config: &Config) -> anyhow::Result<RootKey> {
    let data_dir = config.data_dir();
    let key = match config.stream.chosen_backend() {
        Backend::Kafka => config.secrets.root_key(&data_dir)?.context(
            "secrets.root_key is not set; nodes that share a database need the same key, so none is made",
        )?,
        Backend::Auto | Backend::Memory | Backend::Embedded => {
            config.secrets.root_key_or_generate(&data_dir)?
        }
    };
    let root = RootKey::new(key);
    Ok(match config.secrets.previous_root_key()? {
        Some(previous) => root.replacing(previous),
        None => root,
    })
}

/// Closes what the services share, after all of them have ended.
struct Connections {
    store: Store,
    stream: Arc<dyn Stream>,
}

#[async_trait]
impl Service for Connections {
    fn name(&self) -> &'static str {
        "connections"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        stop.cancelled().await;
        self.stream.close().await;
        self.store.close().await;
        Ok(())
    }
}

/// Started last and so stopped first: tells whoever asks that the program takes no more work.
struct Readiness {
    stopping: CancellationToken,
}

#[async_trait]
impl Service for Readiness {
    fn name(&self) -> &'static str {
        "readiness"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        stop.cancelled().await;
        self.stopping.cancel();
        Ok(())
    }
}

/// Takes as many open files as the system grants: each socket is one, and many systems begin with 1 024.
fn open_files() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(most) if most < FILES_WANTED => {
            warn!(
                most,
                "few files may be open at once, so few sockets: raise the limit (ulimit -n, LimitNOFILE)"
            );
        }
        Ok(most) => info!(most, "files that may be open at once"),
        Err(error) => warn!(error = %error, "the limit of open files cannot be raised"),
    }
}
