//! From events to what follows of them: deliveries to webhooks, the feed of activities, the meter of use. Each event is
//! taken once, in one transaction with all that follows of it.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_domain::{Clock, Ids, OrgId};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope, Store, Tx,
    audit::activity_logs,
    integrations::{
        integrations::{self, Endpoint},
        webhook_logs::{self, New},
    },
    system::events::{self, Event, Noted},
};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

/// How often events are looked for.
const EVERY: Duration = Duration::from_millis(250);
/// Most batches of events taken in one transaction.
const MOST: i64 = 200;
/// How long a minute is waited for after its end: longer than the transaction that takes events may last.
const SETTLED: TimeDelta = TimeDelta::seconds(30);
/// How far back minutes are looked for at start: as long as the outbox keeps what was taken.
const LOOK_BACK: TimeDelta = TimeDelta::hours(23);

/// The job.
pub struct Fanout {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// Up to where use was added up, by the database's clock.
    metered: Option<DateTime<Utc>>,
}

impl Fanout {
    /// Fan-out over this database.
    pub fn new(store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids, metered: None }
    }

    /// Takes what there is. Whether more may be left.
    async fn look(&self) -> Result<bool, Error> {
        let mut tx = self.store.begin_worker().await?;
        let orgs = events::waiting(&mut tx).await?;
        tx.commit().await?;
        let mut more = false;
        for org in orgs {
            more |= self.take(org).await?;
        }
        Ok(more)
    }

    async fn take(&self, org: OrgId) -> Result<bool, Error> {
        let scope = OrgScope::of_service(org);
        let mut tx = self.store.begin(&scope).await?;
        let mut noted = events::take(&mut tx, &scope, MOST).await?;
        name_bots(&mut tx, &scope, &mut noted).await?;
        let endpoints = integrations::endpoints(&mut tx, &scope).await?;
        let mut deliveries = Vec::new();
        let mut activities = Vec::new();
        for batch in noted.iter().map(|noted| &noted.batch) {
            for event in &batch.events {
                let wanting = endpoints.iter().filter(|endpoint| wants(endpoint, event));
                deliveries.extend(wanting.map(|endpoint| self.delivery(org, endpoint, event)));
            }
            activities.extend_from_slice(&batch.activity);
        }
        webhook_logs::insert_many(&mut tx, &scope, &deliveries, &*self.ids).await?;
        activity_logs::insert_many(&mut tx, &scope, &activities, &*self.ids).await?;
        tx.commit().await?;
        if !deliveries.is_empty() {
            debug!(deliveries = deliveries.len(), "events go to webhooks");
        }
        Ok(i64::try_from(noted.len()).unwrap_or(MOST) >= MOST)
    }

    fn delivery(&self, org: OrgId, endpoint: &Endpoint, event: &Event) -> New {
        New {
            delivery: self.ids.next(),
            event: event.id,
            event_type: event.kind.clone(),
            target: endpoint.target,
            url: endpoint.url.clone(),
            body: json!({
                "id": event.id,
                "type": event.kind,
                "created_at": event.at,
                "organization_id": org,
                "bot_id": event.bot_id,
                "data": event.data,
            }),
        }
    }

    /// Adds up the minutes that are over.
    async fn meter(&mut self) -> Result<(), Error> {
        let mut tx = self.store.begin_worker().await?;
        let now = events::now(&mut tx).await?;
        let minute = TimeDelta::minutes(1);
        let to = (now - SETTLED).duration_trunc(minute).unwrap_or(now - SETTLED - minute);
        let from = self.metered.unwrap_or(to - LOOK_BACK);
        if from >= to {
            return tx.commit().await;
        }
        let minutes = events::minutes(&mut tx, from, to).await?;
        tx.commit().await?;
        for (org, minute) in minutes {
            let scope = OrgScope::of_service(org);
            let mut tx = self.store.begin(&scope).await?;
            events::meter(&mut tx, &scope, minute, self.clock.now()).await?;
            tx.commit().await?;
        }
        self.metered = Some(to);
        Ok(())
    }
}

/// Events about a message whose bot whoever told of it did not know: a delivery has the message's id at hand, nothing else.
async fn name_bots(tx: &mut Tx, scope: &OrgScope, noted: &mut [Noted]) -> Result<(), Error> {
    let message = |event: &Event| {
        let is_nameless = event.bot_id.is_none() && event.kind.starts_with("message.");
        event.data["message_id"].as_str().filter(|_| is_nameless)?.parse::<Uuid>().ok()
    };
    let wanted: Vec<Uuid> = noted.iter().flat_map(|noted| &noted.batch.events).filter_map(message).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let bots = events::bots_of_messages(tx, scope, &wanted).await?;
    for event in noted.iter_mut().flat_map(|noted| &mut noted.batch.events) {
        if let Some(bot) = message(event).and_then(|message| bots.get(&message)) {
            event.bot_id = Some(*bot);
        }
    }
    Ok(())
}

/// Whether an endpoint wants to hear of an event.
fn wants(endpoint: &Endpoint, event: &Event) -> bool {
    let of_its_bot = endpoint.bot.is_none_or(|bot| event.bot_id == Some(bot));
    let of_its_types = endpoint.events.is_empty()
        || endpoint.events.iter().any(|filter| match filter.strip_suffix('*') {
            Some(start) => event.kind.starts_with(start),
            None => event.kind == *filter,
        });
    of_its_bot && of_its_types && events::is_public(&event.kind)
}

#[async_trait]
impl Service for Fanout {
    fn name(&self) -> &'static str {
        "events"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            let more = match self.look().await {
                Ok(more) => more,
                Err(error) => {
                    warn!(error = %error, "events wait");
                    false
                }
            };
            if let Err(error) = self.meter().await {
                warn!(error = %error, "use is added up later");
            }
            let pause = if more { Duration::ZERO } else { EVERY };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_store::integrations::webhook_logs::Target;

    use super::*;

    #[test]
    fn an_endpoint_hears_what_it_asked_for() {
        let (bot, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let endpoint = |bot: Option<Uuid>, events: &[&str]| Endpoint {
            target: Target::Integration(Uuid::nil()),
            bot,
            url: String::new(),
            events: events.iter().map(|filter| (*filter).to_owned()).collect(),
        };
        let event = |kind: &str, bot_id| Event {
            id: Uuid::nil(),
            kind: kind.to_owned(),
            at: DateTime::UNIX_EPOCH,
            bot_id,
            data: json!({}),
        };
        let sent = event("message.sent", Some(bot));
        for (wanted, endpoint) in [
            (true, endpoint(None, &[])),
            (true, endpoint(Some(bot), &[])),
            (false, endpoint(Some(other), &[])),
            (true, endpoint(None, &["message.*"])),
            (true, endpoint(None, &["bot.updated", "message.sent"])),
            (false, endpoint(None, &["message.read"])),
        ] {
            assert_eq!(wants(&endpoint, &sent), wanted, "{endpoint:?}");
        }
        assert!(wants(&endpoint(None, &["channel.stopped"]), &event("channel.stopped", None)));
        for kind in ["api_tokens.created", "member.invite"] {
            assert!(!wants(&endpoint(None, &[]), &event(kind, None)), "{kind} is for live views only");
        }
    }
}
