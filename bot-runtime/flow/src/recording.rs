//! What is kept of a step so that it can be made again: the input with what the world answered, and a digest of what came
//! of it. The rest follows: the same version under the same [`crate::circumstances`] does the same again.
//!
//! What a secret variable holds is hidden wherever it occurs, letter by letter, so that a text stays a text of its length
//! and a number a number: played again, the conversation takes the same way with what is hidden in the secret's place.

use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::{
    bot::Bot,
    flow::Flow,
    input::Input,
    question::Ask,
    session::{Session, Variables},
    sprint::{Next, Sprint},
};

/// Shortest secret that is hidden, in bytes: a shorter one occurs everywhere.
const SECRET_MIN: usize = 4;
/// Trips through JSON that an input may take until it does not change any more.
const TRIPS_MAX: usize = 8;
/// Bytes of a digest for each part.
const PART: usize = 8;

/// What came of a step, in brief: eight bytes each of what was done, what happened, what follows, and the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 4 * PART]);

/// A part of what comes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What is said and done.
    Effects,
    /// What happened: nodes that were entered, and the rest.
    Events,
    /// What is asked or waited for.
    Next,
    /// The session, with its variables.
    Session,
}

/// The parts, in the order of a digest.
const PARTS: [Part; 4] = [Part::Effects, Part::Events, Part::Next, Part::Session];

impl Digest {
    /// The parts in which two differ.
    pub fn differences(&self, other: &Self) -> Vec<Part> {
        let pairs = self.0.chunks(PART).zip(other.0.chunks(PART));
        PARTS.into_iter().zip(pairs).filter(|(_, (own, other))| own != other).map(|(part, _)| part).collect()
    }
}

/// A step as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What came in.
    pub input: Json,
    /// The session before it, where it is to be kept.
    pub before: Option<Json>,
    /// What came of it.
    pub digest: Digest,
}

/// An input as it will be read again, and its document. A number with more digits than JSON carries for certain is
/// settled before the step is made, so that both times it is the same.
pub fn settle(mut input: Input) -> (Input, Json) {
    for _ in 0..TRIPS_MAX {
        let text = serde_json::to_string(&input).unwrap_or_default();
        match serde_json::from_str::<Input>(&text) {
            Ok(again) if again != input => input = again,
            _ => break,
        }
    }
    let json = serde_json::to_value(&input).unwrap_or_default();
    (input, json)
}

/// A step that is about to be made.
#[derive(Debug)]
pub struct Recording {
    input: Json,
    before: Option<Json>,
    /// The session before it, where something of it may be secret.
    session: Option<Session>,
}

impl Recording {
    /// Of a step with this input, as [`settle`] wrote it. `before` is the document of the session, where it is to be kept.
    pub fn begin(bot: &Bot, session: &Session, input: Json, before: Option<Json>) -> Self {
        Self { input, before, session: has_secrets(bot).then(|| session.clone()) }
    }

    /// What is to be kept of it.
    pub fn end(mut self, bot: &Bot, sprint: &Sprint) -> Record {
        let sessions = self.session.iter().chain(has_secrets(bot).then_some(&sprint.session));
        let secrets = secrets(bot, sessions);
        if !secrets.is_empty() {
            hide(&mut self.input, &secrets);
            self.before.iter_mut().for_each(|before| hide(before, &secrets));
        }
        Record { input: self.input, before: self.before, digest: digest(&secrets, sprint) }
    }
}

/// The digest of a step that is made again.
pub fn digest_again(bot: &Bot, before: &Session, sprint: &Sprint) -> Digest {
    let sessions = [before, &sprint.session].into_iter().filter(|_| has_secrets(bot));
    digest(&secrets(bot, sessions), sprint)
}

fn digest(secrets: &[Secret], sprint: &Sprint) -> Digest {
    let next = match &sprint.next {
        // What goes to a service may hold a secret in another form.
        Next::Ask { question, until } if !secrets.is_empty() && matches!(question.ask, Ask::Http(_)) => {
            (None, Some((question.id, until)))
        }
        next => (Some(next), None),
    };
    let parts = [
        brief(&sprint.effects, secrets),
        brief(&sprint.events, secrets),
        brief(&next, secrets),
        brief(&sprint.session, secrets),
    ];
    let mut digest = [0; 4 * PART];
    for (place, part) in digest.chunks_mut(PART).zip(parts) {
        place.copy_from_slice(&part);
    }
    Digest(digest)
}

fn brief(part: &impl Serialize, secrets: &[Secret]) -> [u8; PART] {
    let bytes = if secrets.is_empty() {
        serde_json::to_vec(part)
    } else {
        serde_json::to_value(part).and_then(|mut json| {
            hide(&mut json, secrets);
            serde_json::to_vec(&json)
        })
    };
    let whole: [u8; 32] = Sha256::digest(bytes.unwrap_or_default()).into();
    let mut brief = [0; PART];
    brief.copy_from_slice(&whole[..PART]);
    brief
}

/// What is hidden, and what stands in its place.
#[derive(Debug)]
struct Secret {
    value: String,
    hidden: String,
}

/// The flows whose variables a session holds.
fn flows<'b>(bot: &'b Bot, session: &Session) -> impl Iterator<Item = &'b Flow> {
    let called: Vec<&Flow> = session.called_versions().filter_map(|id| bot.library.version(id)).collect();
    [&*bot.flow].into_iter().chain(called)
}

fn has_secrets(bot: &Bot) -> bool {
    [&*bot.flow].into_iter().chain(bot.library.flows()).any(|flow| !flow.secrets.is_empty())
}

/// What the secret variables of these sessions hold, the longest first.
fn secrets<'s>(bot: &Bot, sessions: impl IntoIterator<Item = &'s Session>) -> Vec<Secret> {
    let mut found: Vec<Secret> = Vec::new();
    for session in sessions {
        let flows: Vec<&Flow> = flows(bot, session).filter(|flow| !flow.secrets.is_empty()).collect();
        if flows.is_empty() {
            continue;
        }
        let held = |variables: &Variables| -> Vec<String> {
            let secret =
                variables.iter().filter(|(name, _)| flows.iter().any(|flow| flow.secrets.contains(*name)));
            secret.map(|(_, value)| value.to_string()).collect()
        };
        let frames = session.frames.iter().flat_map(|frame| held(&frame.variables));
        for value in held(&session.variables).into_iter().chain(frames) {
            if value.len() >= SECRET_MIN && !found.iter().any(|secret| secret.value == value) {
                let hidden = value.chars().map(hidden).collect();
                found.push(Secret { value, hidden });
            }
        }
    }
    found.sort_by_key(|secret| std::cmp::Reverse(secret.value.len()));
    found
}

/// Of the same kind, so that what fitted fits.
fn hidden(letter: char) -> char {
    if letter.is_numeric() {
        '1'
    } else if letter.is_alphabetic() {
        'x'
    } else {
        letter
    }
}

/// Hides secrets in the texts and numbers of a document.
fn hide(json: &mut Json, secrets: &[Secret]) {
    match json {
        Json::Null | Json::Bool(_) => {}
        Json::Number(number) => {
            let text = number.to_string();
            let secret = secrets.iter().find(|secret| secret.value == text);
            if let Some(Ok(hidden)) = secret.map(|secret| secret.hidden.parse()) {
                *json = Json::Number(hidden);
            }
        }
        Json::String(text) => {
            for secret in secrets {
                if text.contains(&secret.value) {
                    *text = text.replace(&secret.value, &secret.hidden);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Json::Object(fields) => fields.values_mut().for_each(|value| hide(value, secrets)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Answer, Value};

    #[test]
    fn what_is_hidden_keeps_its_shape_and_stays_hidden() {
        let secret =
            |value: &str| Secret { value: value.to_owned(), hidden: value.chars().map(hidden).collect() };
        let secrets = [secret("sk_live-42ä"), secret("4711")];
        let mut json = json!({ "a": ["Bearer sk_live-42ä!", 4711, 471, null, { "b": "4711 4711" }] });
        hide(&mut json, &secrets);
        assert_eq!(json, json!({ "a": ["Bearer xx_xxxx-11x!", 1111, 471, null, { "b": "1111 1111" }] }));
        assert!(secrets.iter().all(|secret| secret.hidden.chars().map(hidden).eq(secret.hidden.chars())));
    }

    #[test]
    fn an_input_is_settled_to_what_is_read_again() {
        for bits in (0_u64..2_000).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
            let number = f64::from_bits(0x3ff0_0000_0000_0000 | (bits >> 12)) * 1e3;
            let input = Input::Answer {
                question: 1,
                answer: Answer::Http { status: 200, headers: [].into(), body: Value::Number(number) },
                context: crate::Context::default(),
            };
            let (input, json) = settle(input);
            assert_eq!(serde_json::from_str::<Input>(&json.to_string()).unwrap(), input, "{number}");
        }
    }
}
