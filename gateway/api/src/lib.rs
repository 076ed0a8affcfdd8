//! The management API: every `/v1` route, served by the public listener.
//!
//! One folder per domain, one file per resource. Every route stands in one table ([`routes::Routes`]) with what it asks
//! of its caller; the guard in front of the router, the OpenAPI document and the tests over all routes are made of it.
//! A handler takes a scope ([`auth::Caller`]) and so cannot run without one; it answers JSON, or a problem
//! ([`error::ApiError`], `application/problem+json` with a stable code). `docs/API-DESIGN.md` has the conventions,
//! `docs/adding-a-resource.md` the way from a table to its routes.

pub mod admin;
pub mod agents;
pub mod analytics;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod bots;
pub mod channels;
pub mod clones;
mod csv;
pub mod error;
pub mod etag;
pub mod events;
mod guard;
pub mod idempotency;
pub mod identity;
pub mod input;
pub mod integrations;
pub mod knowledge;
pub mod live;
pub mod models;
pub mod nlu;
pub mod openapi;
pub mod outside;
pub mod permission;
mod pictures;
pub mod plugins;
pub mod recovery;
pub mod request_id;
pub mod resource;
pub mod routes;
pub mod scim;
pub mod shape;
mod span;
pub mod sso;
pub mod tenancy;
pub mod voice;
pub mod widget;

use std::{pin::Pin, sync::Arc};

use axum::Router;
use botbuilder_adapter_kit::{Act, NotTaken, Outcome, Rates, Trouble};
use botbuilder_domain::{Capabilities, ChannelId, ChannelKind, Clock, Ids, OrgId, SystemClock, SystemIds};
use botbuilder_media::{LINK_KEY, Media};
use botbuilder_store::{Store, channels::channels::Opened, secret::RootKey};
use botbuilder_stream::Stream;
use botbuilder_understanding::{Models, Understandings};
use serde_json::Value;

use crate::routes::Routes;

/// Does something about an account at its provider.
pub type AtProvider =
    Arc<dyn Fn(Opened, Act) -> Pin<Box<dyn Future<Output = Result<Outcome, Trouble>> + Send>> + Send + Sync>;

/// Takes a kept callback of a channel in again, and says how many events it holds.
pub type TakeAgain = Arc<
    dyn Fn(OrgId, ChannelId, Value) -> Pin<Box<dyn Future<Output = Result<usize, NotTaken>> + Send>>
        + Send
        + Sync,
>;

/// What the handlers work with.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// What each kind of channel can show, in the order they are listed.
    pub capabilities: Arc<[(ChannelKind, Capabilities)]>,
    /// How fast each kind of channel may be sent to; a kind that is not here has no rate.
    pub rates: Arc<[(ChannelKind, Rates)]>,
    /// The key that secrets are sealed with.
    pub root: RootKey,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// Passwords, delays and rates of this process.
    pub identity: Arc<identity::Identity>,
    /// What the bots understand.
    pub understandings: Arc<Understandings>,
    /// Live views.
    pub live: Arc<live::Live>,
    /// Files.
    pub media: Media,
    /// Told when a channel or a widget changed, so that a running program forgets what it knew of it.
    pub channels_changed: Arc<dyn Fn() + Send + Sync>,
    /// Connects and disconnects accounts at their providers.
    pub at_provider: AtProvider,
    /// Takes callbacks in again.
    pub take_again: TakeAgain,
    /// The stream, for staff to look at; none in a process that has no business with it.
    pub stream: Option<Arc<dyn Stream>>,
    /// What is reached beyond the database.
    pub outside: outside::Outside,
}

impl Api {
    /// An API over this database, with the clock and the identifiers of the machine, that tells nobody of changes, no
    /// provider of accounts, and has no models. Files stay in memory.
    pub fn new(
        store: Store,
        root: RootKey,
        capabilities: impl IntoIterator<Item = (ChannelKind, Capabilities)>,
    ) -> Self {
        Self {
            identity: Arc::new(identity::Identity::new(&root)),
            understandings: Arc::new(Understandings::new(store.clone(), Arc::new(Models::none()))),
            live: Arc::default(),
            media: Media::in_memory("", root.derive(LINK_KEY)),
            store,
            capabilities: capabilities.into_iter().collect(),
            rates: Arc::default(),
            root,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            channels_changed: Arc::new(|| {}),
            at_provider: Arc::new(|_, _| Box::pin(async { Ok(Outcome::default()) })),
            take_again: Arc::new(|_, _, _| Box::pin(async { Err(NotTaken::NotConnected) })),
            stream: None,
            outside: outside::Outside::none(),
        }
    }

    /// The same, sending in bulk at these rates.
    #[must_use]
    pub fn with_rates(self, rates: impl IntoIterator<Item = (ChannelKind, Rates)>) -> Self {
        Self { rates: rates.into_iter().collect(), ..self }
    }

    /// The same, with files kept there.
    #[must_use]
    pub fn with_media(self, media: Media) -> Self {
        Self { media, ..self }
    }

    /// The same, with the stream for staff to look at.
    #[must_use]
    pub fn streaming(self, stream: Arc<dyn Stream>) -> Self {
        Self { stream: Some(stream), ..self }
    }

    /// The same, with a way out.
    #[must_use]
    pub fn reaching(self, outside: outside::Outside) -> Self {
        Self { outside, ..self }
    }

    /// The same, telling this one when a channel or a widget changed.
    #[must_use]
    pub fn telling(self, channels_changed: impl Fn() + Send + Sync + 'static) -> Self {
        Self { channels_changed: Arc::new(channels_changed), ..self }
    }

    /// The same, with these understandings, which it shares with the runtime.
    #[must_use]
    pub fn understanding(self, understandings: Arc<Understandings>) -> Self {
        Self { understandings, ..self }
    }

    /// The same, connecting accounts by this.
    #[must_use]
    pub fn connecting<F>(self, at_provider: impl Fn(Opened, Act) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Outcome, Trouble>> + Send + 'static,
    {
        Self { at_provider: Arc::new(move |opened, act| Box::pin(at_provider(opened, act))), ..self }
    }

    /// The same, taking callbacks in again by this.
    #[must_use]
    pub fn taking_again<F>(
        self,
        take_again: impl Fn(OrgId, ChannelId, Value) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<usize, NotTaken>> + Send + 'static,
    {
        let take_again: TakeAgain =
            Arc::new(move |org, channel, payload| Box::pin(take_again(org, channel, payload)));
        Self { take_again, ..self }
    }
}

/// Every route.
pub fn routes() -> Routes {
    [
        openapi::routes(),
        identity::routes(),
        tenancy::routes(),
        integrations::routes(),
        audit::routes(),
        live::routes(),
        bots::routes(),
        nlu::routes(),
        agents::routes(),
        knowledge::routes(),
        models::routes(),
        channels::routes(),
        voice::routes(),
        widget::routes(),
        clones::routes(),
        billing::routes(),
        plugins::routes(),
        sso::routes(),
        recovery::routes(),
        analytics::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}

/// The router of the management API, of single sign-on and of provisioning.
pub fn router(api: Api) -> Router {
    let preflights = models::public_experiments::preflights().with_state(api.clone());
    routes()
        .into_router(api.clone())
        .merge(preflights)
        .merge(sso::router(api.clone()))
        .merge(scim::router(api))
}
