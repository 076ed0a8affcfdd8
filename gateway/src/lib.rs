//! The gateway: what the outside world talks to, and what talks to the outside world.
//!
//! [`ingress`] takes providers' callbacks and answers only after the stream has them; [`sources`] fetches what providers
//! do not call with. [`widget`] is the same for
//! visitors of a website. The [`dispatcher`] takes what the runtime wants sent and hands it to the providers, or to
//! the [`hub`], which knows who is connected. [`public`] and [`internal`] put the routes together.

pub mod accounts;
pub mod changes;
pub mod checks;
pub mod connecting;
pub mod dispatcher;
pub mod hub;
pub mod ingress;
pub mod internal;
pub mod media;
pub mod names;
pub mod pages;
pub mod public;
pub mod sources;
pub mod stamps;
pub mod templates;
pub mod tokens;
pub mod visits;
pub mod webhooks_out;
pub mod widget;

use std::sync::Arc;

use botbuilder_adapters::Registry;
use botbuilder_domain::{Clock, Ids};
use botbuilder_media::{LINK_KEY, Media, UPLOAD_KEY};
use botbuilder_service::config::{self, Limits};
use botbuilder_store::{Store, secret::RootKey};
use botbuilder_stream::Stream;

/// What every part of the gateway works with.
#[derive(Clone)]
pub struct Gateway {
    /// The database.
    pub store: Store,
    /// The stream.
    pub stream: Arc<dyn Stream>,
    /// The list of channels.
    pub channels: Registry,
    /// The connected accounts.
    pub accounts: Arc<accounts::Accounts>,
    /// The widgets that were asked for lately.
    pub widgets: Arc<widget::Widgets>,
    /// What visitors' tokens are made with.
    pub tokens: Arc<widget::Tokens>,
    /// Files that visitors upload.
    pub uploads: Arc<widget::Uploads>,
    /// Files of messages.
    pub media: Media,
    /// Files that were uploaded to providers.
    pub sent_files: Arc<media::Uploads>,
    /// Pictures that were turned into another form.
    pub pictures: Arc<media::Pictures>,
    /// Names of people who write.
    pub names: Arc<names::Names>,
    /// When something last came in and went out by each channel.
    pub stamps: Arc<stamps::Stamps>,
    /// How many callbacks are taken in at once.
    pub load: ingress::load::Load,
    /// Callbacks that were not taken.
    pub refused: Arc<ingress::refused::RefusedCallbacks>,
    /// Who is connected.
    pub hub: Arc<hub::Hub>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// Bounds on what callers may send.
    pub limits: Arc<Limits>,
    /// How messages are sent.
    pub sending: Arc<config::Dispatcher>,
    /// Provider apps of the platform.
    pub apps: Arc<ingress::app::PlatformApps>,
}

impl Gateway {
    /// A gateway over this database and stream, with the usual limits. Files stay in memory.
    pub fn new(
        store: Store,
        stream: Arc<dyn Stream>,
        root: RootKey,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            tokens: Arc::new(widget::Tokens::new(root.clone())),
            widgets: Arc::default(),
            uploads: Arc::new(widget::Uploads::new(root.derive(UPLOAD_KEY))),
            sent_files: Arc::default(),
            pictures: Arc::default(),
            names: Arc::default(),
            stamps: Arc::default(),
            load: ingress::load::Load::default(),
            refused: Arc::default(),
            media: Media::in_memory("", root.derive(LINK_KEY)),
            accounts: Arc::new(accounts::Accounts::new(store.clone(), root)),
            hub: Arc::new(hub::Hub::new(&Limits::default().websocket, Arc::clone(&clock))),
            channels: botbuilder_adapters::registry(),
            store,
            stream,
            clock,
            ids,
            limits: Arc::default(),
            sending: Arc::default(),
            apps: Arc::default(),
        }
    }

    /// The same gateway with provider apps of the platform.
    #[must_use]
    pub fn with_apps(self, apps: ingress::app::PlatformApps) -> Self {
        Self { apps: Arc::new(apps), ..self }
    }

    /// The same gateway, which sends like this.
    #[must_use]
    pub fn sending_by(self, sending: config::Dispatcher) -> Self {
        Self { sending: Arc::new(sending), ..self }
    }

    /// The same gateway with files kept there.
    #[must_use]
    pub fn with_media(self, media: Media) -> Self {
        Self { media, ..self }
    }

    /// Looks everything up anew that is remembered of channels and widgets: one was changed.
    pub fn forget(&self) {
        self.accounts.forget();
        self.widgets.forget();
    }

    /// The same gateway with other limits, before anybody is connected to it.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let hub = Arc::new(hub::Hub::new(&limits.websocket, Arc::clone(&self.clock)));
        Self { hub, limits: Arc::new(limits), ..self }
    }
}
