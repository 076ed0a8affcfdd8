//! Delivers events to webhooks: eight tries over a day, each signed anew, under one delivery id.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use botbuilder_domain::{Clock, Ids, Secret};
use botbuilder_service::{
    http::{self, Client, Request},
    lifecycle::{Backoff, OnExit, Service, ServiceError},
};
use botbuilder_store::{
    Error, OrgScope, Store, Tx,
    bots::bots,
    integrations::{
        email_notifications::{self, Category},
        integrations,
        webhook_logs::{self, Due, Ended, Target},
    },
    secret::RootKey,
    signature::sign,
    system::events::{self, Batch, Event, Used},
    tenancy::{organization_members, organizations},
};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::schedule::{Breakers, wait_after};

/// How often deliveries are looked for.
const EVERY: Duration = Duration::from_millis(500);
/// Most attempts at a time.
const AT_ONCE: usize = 64;
/// Most of them to one endpoint.
const AT_ONE_ENDPOINT: usize = 8;
/// How long an attempt is nobody else's. Longer than one can take.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer is kept, in characters.
const KEPT: usize = 8192;

/// What attempts work with.
struct Inner {
    store: Store,
    client: Client,
    root: RootKey,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    breakers: Breakers,
}

/// The job.
pub struct Deliveries(Arc<Inner>);

impl Deliveries {
    /// Deliveries from this database by this client, which refuses addresses inside our own networks.
    pub fn new(
        store: Store,
        client: Client,
        root: RootKey,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self(Arc::new(Inner { store, client, root, clock, ids, breakers: Breakers::default() }))
    }
}

#[async_trait]
impl Service for Deliveries {
    fn name(&self) -> &'static str {
        "webhooks"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut under_way: JoinSet<Uuid> = JoinSet::new();
        let mut busy: HashMap<Uuid, usize> = HashMap::new();
        loop {
            while let Some(ended) = under_way.try_join_next() {
                forget(&mut busy, ended.ok());
            }
            let room = AT_ONCE.saturating_sub(under_way.len());
            let due = if room == 0 { Ok(Vec::new()) } else { self.0.claim(&busy, room).await };
            let found = match due {
                Ok(due) => due,
                Err(error) => {
                    warn!(error = %error, "webhooks wait");
                    Vec::new()
                }
            };
            let full = !found.is_empty();
            for due in found {
                let (inner, endpoint) = (Arc::clone(&self.0), due.target.id());
                *busy.entry(endpoint).or_default() += 1;
                under_way.spawn(async move {
                    if let Err(error) = inner.attempt(&due).await {
                        // Its lease ends, and it is made again.
                        warn!(error = %error, delivery = %due.delivery, "a delivery could not be noted");
                    }
                    endpoint
                });
            }
            let pause = if full { Duration::from_millis(20) } else { EVERY };
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = under_way.join_next() => forget(&mut busy, ended.ok()),
                () = tokio::time::sleep(pause) => {}
            }
        }
        // What is under way ends within its patience; what does not is made again.
        while under_way.join_next().await.is_some() {}
        Ok(())
    }
}

/// One attempt less at an endpoint. One that panicked keeps its place until the program starts again.
fn forget(busy: &mut HashMap<Uuid, usize>, endpoint: Option<Uuid>) {
    let Some(endpoint) = endpoint else { return };
    if let Some(count) = busy.get_mut(&endpoint) {
        *count -= 1;
        if *count == 0 {
            busy.remove(&endpoint);
        }
    }
}

/// How an attempt went.
struct Answer {
    status: Option<StatusCode>,
    headers: HeaderMap,
    body: String,
    error: Option<String>,
    /// Whether trying again cannot help.
    for_good: bool,
}

impl Answer {
    fn failed(error: impl Into<String>, for_good: bool) -> Self {
        let error = Some(error.into());
        Self { status: None, headers: HeaderMap::new(), body: String::new(), error, for_good }
    }

    fn of(result: Result<http::Response, http::Error>) -> Self {
        match result {
            Ok(answer) => Self {
                error: (!answer.status.is_success()).then(|| format!("answered {}", answer.status.as_u16())),
                status: Some(answer.status),
                body: String::from_utf8_lossy(&answer.body).replace('\0', "").chars().take(KEPT).collect(),
                headers: answer.headers,
                // The endpoint says that it is gone for good.
                for_good: answer.status == StatusCode::GONE,
            },
            Err(error) => Self::failed(error.to_string(), matches!(error, http::Error::Refused(_))),
        }
    }

    fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }
}

impl Inner {
    async fn claim(&self, busy: &HashMap<Uuid, usize>, room: usize) -> Result<Vec<Due>, Error> {
        let full: Vec<Uuid> =
            busy.iter().filter(|(_, count)| **count >= AT_ONE_ENDPOINT).map(|(id, _)| *id).collect();
        // A few at a time, so that one endpoint does not take all places at once.
        let limit = i64::try_from(room.min(AT_ONE_ENDPOINT)).unwrap_or(1);
        let mut tx = self.store.begin_worker().await?;
        let due = webhook_logs::claim(&mut tx, &full, LEASE, limit).await?;
        tx.commit().await?;
        Ok(due)
    }

    async fn attempt(&self, due: &Due) -> Result<(), Error> {
        let endpoint = due.target.id();
        let scope = OrgScope::of_service(due.org);
        if let Some(pause) = self.breakers.ask(endpoint, Instant::now()) {
            let until = self.clock.now() + TimeDelta::from_std(pause).unwrap_or(LEASE);
            let mut tx = self.store.begin(&scope).await?;
            webhook_logs::put_off(&mut tx, &scope, due.id, until).await?;
            return tx.commit().await;
        }
        let secrets = self.secrets(&scope, due.target).await?;
        let begun = Instant::now();
        let (headers, answer) = self.call(due, &secrets).await;
        self.breakers.report(endpoint, answer.is_success() || answer.for_good, Instant::now());
        self.settle(&scope, due, &headers, &answer, begun.elapsed()).await
    }

    async fn secrets(&self, scope: &OrgScope, target: Target) -> Result<Vec<Secret<String>>, Error> {
        let mut tx = self.store.begin(scope).await?;
        let keys = organizations::data_keys(&mut tx, scope, &self.root).await?;
        let secrets = match target {
            Target::Integration(id) => integrations::webhook_secrets(&mut tx, scope, &keys, id).await?,
            Target::Bot(id) => bots::webhook_secrets(&mut tx, scope, &keys, id).await?,
        };
        tx.commit().await?;
        Ok(secrets)
    }

    /// Sends it. The headers come back without signatures, for the log.
    async fn call(&self, due: &Due, secrets: &[Secret<String>]) -> (Map<String, Value>, Answer) {
        let at = self.clock.now().timestamp();
        let mut shown = Map::from_iter([
            ("webhook-id".to_owned(), json!(due.delivery)),
            ("webhook-timestamp".to_owned(), json!(at.to_string())),
            ("botbuilder-event".to_owned(), json!(due.event_type)),
            ("botbuilder-attempt".to_owned(), json!(due.attempt.to_string())),
        ]);
        if secrets.is_empty() {
            // It was deleted in the meantime.
            return (shown, Answer::failed("the webhook is not there any more", true));
        }
        let body = due.body.to_string();
        let signed = sign(secrets, &due.delivery.to_string(), at, body.as_bytes());
        let request = Request::new(Method::POST, &due.url).and_then(|request| {
            let mut request = request.timeout(PATIENCE).json(body);
            for (name, value) in &shown {
                let Ok(name) = HeaderName::try_from(name.as_str()) else { continue };
                request = request.header(name, value.as_str().unwrap_or_default())?;
            }
            request
                .header(HeaderName::from_static("webhook-signature"), &signed.standard)?
                .header(HeaderName::from_static("botbuilder-signature"), &signed.timed)
        });
        let answer = match request {
            Ok(request) => Answer::of(self.client.send(request).await),
            Err(error) => Answer::of(Err(error)),
        };
        shown.insert("content-type".to_owned(), json!("application/json"));
        (shown, answer)
    }

    /// Notes how it went, and when it goes again.
    async fn settle(
        &self,
        scope: &OrgScope,
        due: &Due,
        sent: &Map<String, Value>,
        answer: &Answer,
        took: Duration,
    ) -> Result<(), Error> {
        let wait = wait_after(due.attempt).filter(|_| !answer.for_good);
        let status = match (answer.is_success(), wait) {
            (true, _) => "succeeded",
            (false, Some(_)) => "failed",
            (false, None) => "abandoned",
        };
        let headers = answer.headers.iter().take(50).filter_map(|(name, value)| {
            let value: String = value.to_str().ok()?.chars().take(1000).collect();
            // What the endpoint sets for its own browsers is none of our users' business.
            (name.as_str() != "set-cookie").then(|| (name.to_string(), json!(value)))
        });
        let ended = Ended {
            id: due.id,
            status,
            request_headers: Value::Object(sent.clone()),
            response_status: answer.status.map(|status| status.as_u16()),
            response_headers: Value::Object(headers.collect()),
            response_body: answer.status.map(|_| answer.body.as_str()),
            error: answer.error.as_deref(),
            took_ms: i32::try_from(took.as_millis()).unwrap_or(i32::MAX),
        };
        let mut tx = self.store.begin(scope).await?;
        if !webhook_logs::end(&mut tx, scope, &ended).await? {
            // Somebody else made it after our lease was over.
            return tx.commit().await;
        }
        let mut told = Batch::default();
        told.usage.push(Used {
            metric: "webhook_delivery".to_owned(),
            bot_id: None,
            api_token_id: None,
            quantity: 1,
        });
        match (status, wait, due.target) {
            ("failed", Some(wait), _) => {
                let (again, at) = (self.ids.next(), self.clock.now() + wait);
                webhook_logs::again(&mut tx, scope, due.id, again, due.attempt + 1, at).await?;
            }
            ("succeeded", _, Target::Integration(id)) => integrations::took(&mut tx, scope, id).await?,
            ("succeeded", _, Target::Bot(id)) => bots::webhook_took(&mut tx, scope, id).await?,
            ("abandoned", _, target) => {
                let error = answer.error.as_deref().unwrap_or("no answer");
                let off = match target {
                    Target::Integration(id) => integrations::abandoned(&mut tx, scope, id, error).await?,
                    Target::Bot(id) => bots::webhook_abandoned(&mut tx, scope, id).await?,
                };
                if let Some(name) = off {
                    warn!(webhook = %target.id(), "a webhook is switched off after too many failures");
                    self.write_to_administrators(&mut tx, scope, target, &name, error).await?;
                    let (bot_id, webhook_id) = match target {
                        Target::Integration(id) => (None, Some(id)),
                        Target::Bot(id) => (Some(id), None),
                    };
                    told.events.push(Event {
                        id: self.ids.next(),
                        kind: "webhook.disabled".to_owned(),
                        at: self.clock.now(),
                        bot_id,
                        data: json!({ "webhook_id": webhook_id, "bot_id": bot_id, "error": error }),
                    });
                }
            }
            _ => {}
        }
        events::note(&mut tx, scope, self.ids.next(), &told).await?;
        tx.commit().await
    }

    /// Tells those who run the organization that a webhook was switched off.
    async fn write_to_administrators(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        target: Target,
        name: &str,
        error: &str,
    ) -> Result<(), Error> {
        let enable = match target {
            Target::Integration(id) => format!("/v1/webhooks/{id}/enable"),
            Target::Bot(id) => format!("/v1/bots/{id}/webhook/enable"),
        };
        let error: String = error.chars().take(300).collect();
        let keys = self.root.platform_keys();
        for person in organization_members::administrators(tx, scope).await? {
            let mail = email_notifications::New {
                id: self.ids.next(),
                org: Some(scope.org()),
                user: Some(person.user),
                to: &person.email,
                from: None,
                template: "webhook_disabled",
                locale: &person.locale,
                variables: json!({ "name": name, "error": error, "enable": enable }),
                secrets: Map::new(),
                category: Category::Team,
            };
            email_notifications::insert(tx, &keys, mail, self.clock.now()).await?;
        }
        Ok(())
    }
}
