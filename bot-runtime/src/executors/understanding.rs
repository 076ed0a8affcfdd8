//! What a text means: recognition by the bot's understanding, noted in `nlu_logs`.
//!
//! Notes are written in batches beside the answers, so that nobody waits for them. They tell authors what people say;
//! those of the last moment are lost if the program is killed.

use std::{collections::HashMap, time::Duration};

use botbuilder_domain::{Envelope, Id, MessageId, OrgId};
use botbuilder_flow::{Answer, AskFailure, Close, Value};
use botbuilder_nlu::{
    Decision, Engine,
    entities::{Found, mask},
};
use botbuilder_store::{OrgScope, nlu::nlu_logs};
use botbuilder_understanding::{Error, Read, Said};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{error, warn};

use super::{Answering, Asked};
use crate::Runtime;

/// Notes that wait to be written; more are dropped.
const WAITING: usize = 10_000;
/// Most notes of one statement.
const BATCH: usize = 500;
/// How long notes are gathered.
const GATHER: Duration = Duration::from_millis(500);

/// A note with whose it is.
pub(super) type Note = (OrgId, nlu_logs::New);
/// Where notes are left.
pub(super) type Notes = Sender<Note>;
/// Where notes are taken up.
pub(super) type Noted = Receiver<Note>;

/// A place for notes, with its two ends.
pub(super) fn notes() -> (Notes, Noted) {
    channel(WAITING)
}

/// Says what a text means. A bot to which nothing was taught has no engine for it.
pub(super) async fn recognise(
    answering: &Answering,
    asked: &Envelope<Asked>,
    text: &str,
    language: Option<&str>,
    intents: &[String],
) -> Answer {
    let failed = |failure| Answer::Failed { failure };
    let runtime = &answering.runtime;
    let Some(bot) = asked.bot else { return failed(AskFailure::NotAvailable) };
    let scope = OrgScope::of_service(asked.org);
    let said =
        Said { text: text.to_owned(), language: language.map(str::to_owned), expected: intents.to_vec() };
    let seconds = Duration::from_secs(asked.body.question.seconds.into());
    let reading = runtime.understandings.read(&scope, bot, said, runtime.clock.now());
    let read = match tokio::time::timeout(seconds, reading).await {
        Err(_) => return failed(AskFailure::TimedOut),
        Ok(Ok(Some(read))) => read,
        Ok(Ok(None)) => return failed(AskFailure::NotAvailable),
        Ok(Err(error)) => {
            error!(bot.id = %bot, error = %error, "text cannot be recognised");
            return failed(match error {
                Error::Store(_) => AskFailure::Unreachable,
                Error::Embedding(_) | Error::GivenUp => AskFailure::NotAvailable,
            });
        }
    };
    let note = nlu_logs::New {
        id: Id::new(runtime.ids.next()),
        bot,
        channel: Some(asked.channel),
        conversation: Some(asked.body.conversation),
        message: asked.body.message,
        ..note(&read, text, bot)
    };
    let noted = note.id;
    if read.reading.recognition.decision == Decision::Ask {
        // What the person chooses is written to this note, so it is there before they are asked.
        store(runtime, vec![(asked.org, note)]).await;
    } else if answering.notes.try_send((asked.org, note)).is_err() {
        warn!(bot.id = %bot, "a recognition is not noted, too many wait");
    }
    answer(&read, Some(noted))
}

/// What a flow is told.
fn answer(read: &Read, noted: Option<MessageId>) -> Answer {
    let recognition = &read.reading.recognition;
    Answer::Recognized {
        intent: recognition.intent.clone().filter(|_| recognition.decision != Decision::Fallback),
        confidence: f64::from(recognition.confidence),
        entities: Value::from_json(&values(&read.reading.entities)).unwrap_or_default(),
        accepted: recognition.decision == Decision::Accept,
        close: read
            .close
            .iter()
            .map(|(intent, title)| Close { intent: intent.clone(), title: title.clone() })
            .collect(),
        note: noted.map(|note| note.to_string()),
    }
}

/// The values by their entities; of several of one kind the first.
fn values(found: &[Found]) -> serde_json::Value {
    let mut values = serde_json::Map::new();
    for one in found {
        values.entry(one.entity.clone()).or_insert_with(|| one.value.clone());
    }
    values.into()
}

/// What is kept of a recognition, with sensitive values hidden.
fn note(read: &Read, text: &str, bot: botbuilder_domain::BotId) -> nlu_logs::New {
    let recognition = &read.reading.recognition;
    let entities = read.reading.entities.iter().map(|one| {
        let hidden = json!(format!("[{}]", one.entity));
        let value = if one.sensitive { hidden } else { one.value.clone() };
        json!({ "entity": one.entity, "start": one.start, "end": one.end, "value": value })
    });
    nlu_logs::New {
        id: Id::new(uuid::Uuid::nil()),
        bot,
        channel: None,
        conversation: None,
        message: None,
        text: mask(text, &read.reading.entities),
        language: recognition.language.as_str().to_owned(),
        engine: match recognition.engine {
            Engine::Exact => "exact",
            Engine::Keyword => "keyword",
            Engine::Fast => "fast",
            Engine::Embedding => "embedding",
            Engine::None => "none",
        },
        corrected: recognition.corrected.is_some(),
        model_version: read.version,
        intent: read.intent,
        intent_name: recognition.intent.clone(),
        confidence: f64::from(recognition.confidence).clamp(0.0, 1.0),
        score: f64::from(recognition.score).clamp(-9.999, 9.999),
        alternatives: json!(recognition.alternatives),
        entities: entities.collect(),
        matched: recognition.decision == Decision::Accept,
        latency_ms: i32::try_from(read.took.as_millis()).unwrap_or(i32::MAX),
    }
}

/// Writes notes until nobody can leave any more.
pub(super) async fn write(runtime: &Runtime, noted: &mut Noted) {
    let mut batch: Vec<Note> = Vec::new();
    while noted.recv_many(&mut batch, BATCH).await > 0 {
        let until = tokio::time::Instant::now() + GATHER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            match tokio::time::timeout_at(until, noted.recv_many(&mut batch, room)).await {
                Ok(more) if more > 0 => {}
                // The time is over, or nobody can leave any more.
                _ => break,
            }
        }
        store(runtime, std::mem::take(&mut batch)).await;
    }
}

async fn store(runtime: &Runtime, batch: Vec<Note>) {
    let mut by_org: HashMap<OrgId, Vec<nlu_logs::New>> = HashMap::new();
    for (org, note) in batch {
        by_org.entry(org).or_default().push(note);
    }
    for (org, notes) in by_org {
        let written = async {
            let scope = OrgScope::of_service(org);
            let mut tx = runtime.store.begin(&scope).await?;
            nlu_logs::insert_many(&mut tx, &scope, &notes).await?;
            tx.commit().await
        };
        let written: Result<(), botbuilder_store::Error> = written.await;
        if let Err(error) = written {
            warn!(error = %error, notes = notes.len(), "recognitions are not noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_nlu::{Reading, Recognition, text::Language};

    use super::*;

    fn read(decision: Decision) -> Read {
        let found = |entity: &str, start, end, sensitive| Found {
            entity: entity.to_owned(),
            start,
            end,
            text: "12"[..end - start].to_owned(),
            value: json!("12"),
            sensitive,
        };
        let recognition = Recognition {
            decision,
            engine: Engine::Fast,
            intent: Some("order".to_owned()),
            confidence: 0.7,
            score: 1.0,
            alternatives: Vec::new(),
            corrected: Some("order 12 12".to_owned()),
            language: Language::default(),
            degraded: false,
        };
        let entities = vec![found("number", 6, 8, true), found("count", 9, 11, false)];
        Read {
            reading: Reading { recognition, entities },
            intent: None,
            close: Vec::new(),
            version: 3,
            took: Duration::from_millis(2),
        }
    }

    #[test]
    fn a_flow_is_told_what_was_decided_and_the_values() {
        let Answer::Recognized { intent, entities, accepted, .. } = answer(&read(Decision::Ask), None) else {
            panic!("no answer")
        };
        assert_eq!((intent.as_deref(), accepted), (Some("order"), false));
        assert_eq!(entities.field("number"), Value::text("12"));
        let Answer::Recognized { intent, .. } = answer(&read(Decision::Fallback), None) else {
            panic!("no answer")
        };
        assert_eq!(intent, None);
    }

    #[test]
    fn sensitive_values_are_not_noted() {
        let note = note(&read(Decision::Accept), "ordre 12 12", Id::new(uuid::Uuid::nil()));
        assert_eq!(note.text, "ordre [number] 12");
        assert_eq!(note.entities[0]["value"], "[number]");
        assert_eq!(note.entities[1]["value"], "12");
        assert!(note.matched && note.corrected);
    }
}
