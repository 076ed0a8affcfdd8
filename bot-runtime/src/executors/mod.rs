//! Answers to what flows ask the world.
//!
//! A turn that asks leaves a record in `questions`, written with the turn. One executor owns a partition of it, works on
//! several questions at a time, and appends each answer to `inbound` under the conversation's key: the turn goes on with
//! it like with a message, and the answer is in the stream, so a turn that is run again asks nobody. A question that is
//! delivered twice is asked again under the same idempotency key, and its second answer is a duplicate.
//!
//! To answer another kind of question: a file here, and the arm of [`Executors`] that says `not_available` today.

mod http;
mod secrets;
mod understanding;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use botbuilder_domain::{ConversationId, Envelope, Id, Inbound, InboundEvent, MessageId, Sender, Times};
use botbuilder_flow::{Answer, Ask, AskFailure, Question};
use botbuilder_service::{
    http::Client,
    lifecycle::{Backoff, OnExit, Service, ServiceError},
};
use botbuilder_store::secret::RootKey;
use botbuilder_stream::{ConsumeError, Partition, Record};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{INBOUND, QUESTIONS, Runtime};

/// The consumer group of the executors on `questions`.
pub const GROUP: &str = "executors";
/// Most questions of one partition that are asked at a time.
const AT_A_TIME: usize = 64;
/// The pause after the stream was not available.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// A question with the conversation that waits for its answer: what a record in `questions` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asked {
    /// Whose conversation it is.
    pub address: String,
    /// The thread within the address.
    #[serde(default)]
    pub thread: String,
    /// The conversation that waits.
    pub conversation: ConversationId,
    /// The message that the turn is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The question.
    pub question: Question,
}

/// The service that takes partitions of `questions`.
pub struct Executors {
    answering: Answering,
    /// What was recognised, to be noted; taken while they run.
    noted: Option<understanding::Noted>,
}

impl Executors {
    /// Executors that call services with this client, and open secrets with this key.
    pub fn new(runtime: Runtime, client: Client, root: RootKey) -> Self {
        let (notes, noted) = understanding::notes();
        Self { answering: Answering { runtime, client: Arc::new(client), root, notes }, noted: Some(noted) }
    }
}

#[async_trait]
impl Service for Executors {
    fn name(&self) -> &'static str {
        "executors"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        // After a failure the place for notes is a new one: the owners of the old one are gone.
        let mut noted = self.noted.take().unwrap_or_else(|| {
            let (notes, noted) = understanding::notes();
            self.answering.notes = notes;
            noted
        });
        let runtime = self.answering.runtime.clone();
        let writer = async move { understanding::write(&runtime, &mut noted).await };
        let writer = tokio::spawn(writer);
        let answered = self.own_partitions(stop).await;
        // Nobody leaves notes any more: the writer writes what it has, and ends.
        self.answering.notes = understanding::notes().0;
        writer.await?;
        answered
    }
}

impl Executors {
    async fn own_partitions(&self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut subscription = self.answering.runtime.stream.subscribe(QUESTIONS, GROUP).await?;
        let mut owners = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                assigned = subscription.assigned() => match assigned? {
                    Some(partition) => {
                        owners.spawn(own(self.answering.clone(), partition, stop.clone()));
                    }
                    None => break,
                },
                Some(ended) = owners.join_next() => ended?,
            }
        }
        while owners.join_next().await.is_some() {}
        Ok(())
    }
}

/// Positions of a partition whose questions are in hand.
#[derive(Debug, Default)]
struct Progress {
    open: BTreeSet<u64>,
    /// One behind the last that was taken.
    end: Option<u64>,
}

impl Progress {
    fn take(&mut self, offset: u64) {
        self.open.insert(offset);
        self.end = Some(offset + 1);
    }

    /// Marks one as done; the position up to which all are.
    fn done(&mut self, offset: u64) -> Option<u64> {
        self.open.remove(&offset);
        self.open.first().copied().or(self.end)
    }
}

/// Asks the questions of one partition until it is revoked or it is time to stop; what is in hand then is asked again by
/// the next owner.
async fn own(answering: Answering, mut partition: Box<dyn Partition>, stop: CancellationToken) {
    let revoked = partition.revoked();
    let mut progress = Progress::default();
    let mut asking: JoinSet<u64> = JoinSet::new();
    loop {
        let room = AT_A_TIME.saturating_sub(asking.len());
        tokio::select! {
            () = stop.cancelled() => break,
            () = revoked.cancelled() => break,
            next = partition.next(room.max(1)), if room > 0 => match next {
                Ok(delivered) => for record in delivered {
                    let offset = record.position.offset;
                    progress.take(offset);
                    let (answering, stop) = (answering.clone(), stop.clone());
                    asking.spawn(async move {
                        answering.answer(&record.record.payload, &stop).await;
                        offset
                    });
                },
                Err(ConsumeError::Revoked) => break,
                Err(error) => {
                    error!(partition = partition.id(), error = %error, "questions cannot be read");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(done) = asking.join_next(), if !asking.is_empty() => {
                // A question that made its task panic stays open: it is asked again after a restart.
                let Ok(offset) = done else { continue };
                if stop.is_cancelled() {
                    break;
                }
                if let Some(next) = progress.done(offset)
                    && let Err(error) = partition.commit(next).await
                {
                    warn!(partition = partition.id(), error = %error, "position could not be stored");
                }
            }
        }
    }
}

/// Answers questions.
#[derive(Clone)]
struct Answering {
    runtime: Runtime,
    client: Arc<Client>,
    root: RootKey,
    notes: understanding::Notes,
}

impl Answering {
    /// Answers one question and appends the answer; returns when it is durable, or when it is time to stop.
    async fn answer(&self, record: &[u8], stop: &CancellationToken) {
        let asked: Envelope<Asked> = match Envelope::decode(record) {
            Ok(asked) => asked,
            Err(error) => {
                // The conversation's timer lets it go on.
                error!(error = %error, "question cannot be read");
                return;
            }
        };
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            answer = self.ask(&asked) => answer,
        };
        let record = match answer_record(self, &asked, &answer) {
            Ok(record) => record,
            Err(error) => {
                error!(error = %error, "answer cannot be written");
                return;
            }
        };
        while let Err(error) = self.runtime.stream.append(INBOUND, vec![record.clone()]).await {
            warn!(error = %error, "answer waits for the stream");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn ask(&self, asked: &Envelope<Asked>) -> Answer {
        let Asked { question, conversation, .. } = &asked.body;
        match &question.ask {
            Ask::Http(request) => {
                let key = format!("{conversation}:{}", question.id);
                match secrets::fill(self, asked, request, &key).await {
                    Ok((request, secrets)) => {
                        let answer = http::call(&self.client, &request, question.seconds, &key).await;
                        secrets.hide(answer)
                    }
                    Err(failure) => Answer::Failed { failure },
                }
            }
            Ask::Recognize { text, language, intents } => {
                understanding::recognise(self, asked, text, language.as_deref(), intents).await
            }
            // No engine answers these yet: the node takes its error port.
            Ask::Respond { .. } | Ask::Knowledge { .. } | Ask::Workflow { .. } => {
                Answer::Failed { failure: AskFailure::NotAvailable }
            }
        }
    }
}

/// The record in `inbound` that carries an answer. Its key in the table of duplicates is that of the question.
fn answer_record(
    answering: &Answering,
    asked: &Envelope<Asked>,
    answer: &Answer,
) -> Result<Record, serde_json::Error> {
    let now = answering.runtime.clock.now();
    let Asked { address, thread, conversation, message, question } = &asked.body;
    let envelope = Envelope {
        schema: asked.schema,
        id: Id::new(answering.runtime.ids.next()),
        org: asked.org,
        bot: asked.bot,
        channel: asked.channel,
        kind: asked.kind,
        key: asked.key.clone(),
        times: Times { received: now, verified: now },
        trace: asked.trace.clone(),
        body: InboundEvent {
            sender: Sender { address: address.clone(), ..Sender::default() },
            thread: thread.clone(),
            dedupe: format!("answer:{conversation}:{}", question.id),
            occurred_at: Some(now),
            what: Inbound::Answer {
                conversation: *conversation,
                question: question.id,
                answer: serde_json::to_value(answer)?,
                message: *message,
            },
        },
    };
    Ok(Record::new(envelope.key.as_str(), envelope.encode()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_moves_only_behind_what_is_answered() {
        let mut progress = Progress::default();
        (5..8).for_each(|offset| progress.take(offset));
        assert_eq!(progress.done(6), Some(5));
        assert_eq!(progress.done(5), Some(7));
        progress.take(8);
        assert_eq!(progress.done(7), Some(8));
        assert_eq!(progress.done(8), Some(9));
    }
}
