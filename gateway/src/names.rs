//! Names of people, on networks that tell them only when they are asked.
//!
//! No message waits for a name. Whoever writes and has none gets the one that is remembered; where none is, the question
//! is queued, if there is room, and the answer comes as an event of its own after the message, on the same way. A network
//! that does not answer leaves the name empty.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use botbuilder_adapter_kit::{Account, Name, SendError};
use botbuilder_domain::{ChannelId, Inbound, InboundEvent, OrgId, Sender};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{Gateway, dispatcher::ProviderHttp, ingress};

/// How long a name is believed, and how long nobody is asked again.
const KEPT: Duration = Duration::from_hours(24);
/// More people than this are not remembered.
const MOST: usize = 50_000;
/// Most questions that wait. Who is not asked for now is asked for with the next message.
const WAITING: usize = 1_000;
/// Questions at once.
const AT_ONCE: usize = 4;
/// Time for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pause of an account that is asked too often, or does not answer.
const PAUSE: Duration = Duration::from_mins(1);
/// The pause of an account that may not ask.
const LONG_PAUSE: Duration = Duration::from_hours(1);

/// A person on an account.
type Key = (ChannelId, String);

/// What is known of people's names.
pub struct Names {
    known: Mutex<Known>,
    queue: mpsc::Sender<Question>,
    questions: tokio::sync::Mutex<mpsc::Receiver<Question>>,
}

#[derive(Default)]
struct Known {
    people: HashMap<Key, (Name, Instant)>,
    /// Until when nobody of an account is asked for.
    paused: HashMap<ChannelId, Instant>,
}

struct Question {
    org: OrgId,
    person: Key,
    /// Whether the person is a contact; else a speaker of a group.
    is_contact: bool,
}

impl Default for Names {
    fn default() -> Self {
        let (queue, questions) = mpsc::channel(WAITING);
        Self { known: Mutex::default(), queue, questions: tokio::sync::Mutex::new(questions) }
    }
}

impl Names {
    /// Fills in the names of those who say something, and has those asked for that are not known.
    pub(crate) fn fill(&self, account: &Account, event: &mut InboundEvent) {
        let says = matches!(
            event.what,
            Inbound::Message { .. }
                | Inbound::Part { .. }
                | Inbound::Postback { .. }
                | Inbound::Reaction { .. }
                | Inbound::Opened { .. }
        );
        if !says {
            return;
        }
        let sender = &mut event.sender;
        if let Some(speaker) = sender.speaker.as_deref_mut() {
            if speaker.display_name.is_none()
                && let Some(name) = self.of(account, &speaker.id, false)
            {
                speaker.display_name = name.display_name;
                speaker.username = speaker.username.take().or(name.username);
            }
        } else if sender.display_name.is_none()
            && let Some(name) = self.of(account, &sender.address, true)
        {
            sender.display_name = name.display_name;
            sender.username = sender.username.take().or(name.username);
        }
    }

    /// The name that is remembered. Where none is, it is asked for.
    fn of(&self, account: &Account, person: &str, is_contact: bool) -> Option<Name> {
        if person.is_empty() {
            return None;
        }
        let key = (account.channel, person.to_owned());
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, until)) = known.people.get(&key)
            && now < *until
        {
            return Some(name.clone());
        }
        if known.paused.get(&account.channel).is_some_and(|until| now < *until) {
            return None;
        }
        let question = Question { org: account.org, person: key.clone(), is_contact };
        if self.queue.try_send(question).is_ok() {
            if known.people.len() >= MOST {
                known.people.clear();
            }
            // Nameless while the question is on its way, so that it is asked once.
            known.people.insert(key, (Name::default(), now + KEPT));
        }
        None
    }

    fn remember(&self, person: &Key, name: Name) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.people.insert(person.clone(), (name, Instant::now() + KEPT));
    }

    /// Forgets that a person was asked for, and leaves the account alone for a while.
    fn not_now(&self, person: &Key, pause: Duration) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.people.remove(person);
        known.paused.insert(person.0, Instant::now() + pause);
    }
}

/// The service that asks.
pub struct Asking {
    gateway: Gateway,
    http: Arc<ProviderHttp>,
}

impl Asking {
    /// A service of this gateway that asks through this client.
    pub fn new(gateway: Gateway, http: ProviderHttp) -> Self {
        Self { gateway, http: Arc::new(http) }
    }

    async fn answer(&self, question: Question) {
        let (channel, person) = &question.person;
        let names = &self.gateway.names;
        match self.ask(&question).await {
            Ok(Some((account, name))) if name != Name::default() => {
                names.remember(&question.person, name.clone());
                if question.is_contact
                    && let Err(error) = self.tell(&account, person, name).await
                {
                    warn!(channel.id = %channel, error = ?error, "name of a contact was not noted");
                    names.not_now(&question.person, PAUSE);
                }
            }
            // Nobody, or somebody who has no name to show.
            Ok(_) | Err(SendError::Permanent { .. } | SendError::RecipientGone { .. }) => {}
            Err(error) => {
                let pause = match &error {
                    SendError::RetryAfter { after, .. } => after.unwrap_or(PAUSE),
                    SendError::AuthBroken { .. } | SendError::NotConfigured { .. } => LONG_PAUSE,
                    _ => PAUSE,
                };
                debug!(channel.id = %channel, error = %error, "name of a person was not told");
                names.not_now(&question.person, pause);
            }
        }
    }

    async fn ask(&self, question: &Question) -> Result<Option<(Arc<Account>, Name)>, SendError> {
        let (channel, person) = &question.person;
        let account = self.gateway.accounts.by_channel(question.org, *channel).await;
        let account = account.map_err(|error| SendError::Transient {
            code: "account".to_owned(),
            message: error.to_string(),
        })?;
        let Some(account) = account else { return Ok(None) };
        let Some(names) = self.gateway.channels.channel(account.kind).names() else { return Ok(None) };
        let Some(request) = names.ask(&account, person)? else { return Ok(None) };
        let answer = self.http.call_within(request, TIMEOUT).await?;
        let name = names.told(&answer)?;
        Ok(Some((account, name)))
    }

    /// Says how a contact is called, behind the message that made us ask.
    async fn tell(&self, account: &Arc<Account>, person: &str, name: Name) -> Result<(), ingress::Refusal> {
        let now = self.gateway.clock.now();
        let Name { display_name, username } = name;
        let event = InboundEvent {
            sender: Sender { address: person.to_owned(), display_name, username, ..Sender::default() },
            thread: String::new(),
            dedupe: format!("name:{person}:{}", now.timestamp_millis()),
            occurred_at: None,
            what: Inbound::ContactChanged { new_address: None, blocked: None },
        };
        ingress::append(&self.gateway, account, vec![event], &Bytes::new(), now, now).await
    }
}

#[async_trait]
impl Service for Asking {
    fn name(&self) -> &'static str {
        "names"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let names = Arc::clone(&self.gateway.names);
        let mut questions = names.questions.lock().await;
        let mut asked = futures_util::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = futures_util::StreamExt::next(&mut asked), if !asked.is_empty() => {}
                Some(question) = questions.recv(), if asked.len() < AT_ONCE => asked.push(self.answer(question)),
            }
        }
    }
}
