//! Branches by what the person means.
//!
//! ```json
//! {"id": "understand", "type": "nlu_router", "data": {
//!   "intents": ["order_status", "opening_hours"], "min_confidence": 0.6,
//!   "variable": "intent", "entities": {"order": "order_number"}}}
//! ```
//!
//! Without `text` (a template) it is what the person wrote last. `variable` receives the intent, `entities` names
//! variables and the entities they receive; one that is not in the text changes nothing. An intent that is not listed
//! goes to the flow that it names (`intents.target_flow_id`), as anywhere else, or leaves by `other` if it names none, this
//! very flow, or one that is not published. One that is less sure than `min_confidence` leaves by `other`. Where that is
//! not given, the thresholds of the bot's training decide; where they say that it is close, the person is asked which of up to three intents is
//! meant (`clarify_text`, with `clarify_none` as the title of none of them). What they choose waits in the review queue. A
//! person who writes something else is understood anew. `clarify: false` leaves by `other` instead.
//!
//! Ports: each intent, `other`, `error` (with `not_available` where the bot was not trained).

use std::collections::BTreeMap;

use botbuilder_domain::{ChoiceOption, ChoiceStyle};
use serde::Deserialize;

use super::{
    About, Asking, Behaviour, Patience, Port, Reference, Role, Waiting, check_ports,
    options::{chosen, offer},
};
use crate::{
    Event, Input, Value,
    question::{Answer, Ask, Close},
    session::Meant,
    sprint::Effect,
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Most intents that lead to different places.
const INTENTS_MAX: usize = 100;
/// The time of a recognition, in seconds.
const SECONDS: u32 = 5;
/// Most intents that a person is asked to choose from.
const CLOSE_MAX: usize = 3;
/// The port, and the option, of what is none of the intents.
const OTHER: &str = "other";
/// What a person is asked where the author wrote nothing.
const CLARIFY_TEXT: &str = "What did you mean?";
const CLARIFY_NONE: &str = "Something else";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NluRouter {
    text: Option<Template>,
    intents: Vec<String>,
    min_confidence: Option<f64>,
    variable: Option<String>,
    #[serde(default)]
    entities: BTreeMap<String, String>,
    #[serde(default = "yes")]
    clarify: bool,
    clarify_text: Option<Template>,
    clarify_none: Option<Template>,
}

fn yes() -> bool {
    true
}

/// It waits until the person says what was meant.
const PATIENCE: Patience<'static> =
    Patience { retry_text: None, retries: None, timeout_seconds: None, reminders: &[] };

impl NluRouter {
    /// Asks the person which of these intents is meant.
    fn ask_back(
        &self,
        turn: &mut Turn<'_>,
        close: &[&Close],
        note: Option<&String>,
    ) -> Result<Move<'_>, Failure> {
        let mut render = |text: Option<&Template>, usual: &str| match text {
            Some(text) => turn.render(text),
            None => Ok(usual.to_owned()),
        };
        let text = render(self.clarify_text.as_ref(), CLARIFY_TEXT)?;
        let none = render(self.clarify_none.as_ref(), CLARIFY_NONE)?;
        let option = |id: &str, title: &str| ChoiceOption {
            id: id.to_owned(),
            title: title.to_owned(),
            description: None,
        };
        let options = close.iter().map(|one| option(&one.intent, &one.title)).chain([option(OTHER, &none)]);
        let options: Vec<ChoiceOption> = options.collect();
        turn.reply(offer(text, options.clone(), ChoiceStyle::Buttons, None))?;
        let node = turn.node().id.clone();
        turn.event(Event::Unclear { node });
        turn.ask_back(Meant { options, note: note.cloned() });
        Ok(PATIENCE.wait())
    }

    /// Sets the variables that receive values of the text.
    fn keep_values(&self, turn: &mut Turn<'_>, entities: &Value) -> Result<(), Failure> {
        for (variable, entity) in &self.entities {
            let value = entities.field(entity);
            if value != Value::Null {
                turn.set(variable, value)?;
            }
        }
        Ok(())
    }

    /// Leaves by the port of an intent, to the flow of one that has no port here, or by `other`.
    fn leave_with(&self, turn: &mut Turn<'_>, intent: Option<&str>) -> Result<Move<'_>, Failure> {
        let node = turn.node().id.clone();
        turn.event(Event::Recognized { node, intent: intent.map(str::to_owned) });
        if let Some(variable) = &self.variable {
            turn.set(variable, intent.map_or(Value::Null, Value::text))?;
        }
        let Some(intent) = intent else { return Ok(Move::Leave(OTHER)) };
        let port = self.intents.iter().find(|known| *known == intent);
        Ok(port.map_or_else(|| Move::Intent(intent.to_owned(), OTHER), |port| Move::Leave(port)))
    }
}

impl Behaviour for NluRouter {
    fn ports(&self) -> Vec<Port<'_>> {
        let intents = self.intents.iter().map(|intent| Port::required(intent));
        intents.chain([Port::required("other")]).collect()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        let texts = [&self.text, &self.clarify_text, &self.clarify_none];
        texts.into_iter().flatten().for_each(|text| text.variables(&mut about.shows));
        about.writes.extend(self.variable.as_deref());
        about.writes.extend(self.entities.keys().map(String::as_str));
        about.uses.extend(self.intents.iter().map(|intent| Reference::Intent(intent)));
        about.uses.extend(self.entities.values().map(|entity| Reference::Entity(entity)));
    }

    fn check(&self) -> Vec<String> {
        let names = self.intents.iter().map(String::as_str);
        let mut faults = check_ports("intent", names, &["other", "error", "default"]);
        if self.intents.is_empty() || self.intents.len() > INTENTS_MAX {
            faults.push(format!("there are {} intents; 1 to {INTENTS_MAX} are allowed", self.intents.len()));
        }
        if self.min_confidence.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            faults.push("`min_confidence` is not between 0 and 1".to_owned());
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Clarifies(self, self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let text = super::text_or_input(turn, self.text.as_ref())?;
        let language = turn.facts().contact_locale.as_text().map(str::to_owned);
        Ok(Move::Ask(Ask::Recognize { text, language, intents: self.intents.clone() }, SECONDS))
    }
}

impl Asking for NluRouter {
    fn answered(&self, turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure> {
        let Answer::Recognized { intent, confidence, entities, accepted, close, note } = answer else {
            return Err(super::odd_answer());
        };
        let is_enough = self.min_confidence.map_or(*accepted, |least| *confidence >= least);
        if !is_enough && self.clarify && self.min_confidence.is_none() {
            let listed = close.iter().filter(|one| self.intents.contains(&one.intent));
            let listed: Vec<&Close> = listed.take(CLOSE_MAX).collect();
            if !listed.is_empty() {
                self.keep_values(turn, entities)?;
                return self.ask_back(turn, &listed, note.as_ref());
            }
        }
        let way = self.leave_with(turn, intent.as_deref().filter(|_| is_enough))?;
        self.keep_values(turn, entities)?;
        Ok(way)
    }
}

impl Waiting for NluRouter {
    fn offers(&self, turn: &mut Turn<'_>, input: &Input) -> bool {
        turn.meant().is_some_and(|meant| chosen(meant.options.clone(), input).is_some())
    }

    fn takes_free_text(&self) -> bool {
        true
    }

    fn patience(&self) -> Patience<'_> {
        PATIENCE
    }

    fn resume(&self, turn: &mut Turn<'_>, input: &Input) -> Result<Move<'_>, Failure> {
        let Some(Meant { options, note }) = turn.take_meant() else { return self.enter(turn) };
        let Some(option) = chosen(options, input) else {
            // They say it in other words, or something else altogether.
            let is_new = self.text.is_none() && input.answer().is_some();
            return if is_new { self.enter(turn) } else { self.leave_with(turn, None) };
        };
        let intent = Some(option).filter(|option| option != OTHER);
        let node = turn.node().id.clone();
        turn.event(Event::Chosen { node, option: intent.clone().unwrap_or_else(|| OTHER.to_owned()) });
        if let Some(note) = note {
            turn.note(Effect::Meant { note, intent: intent.clone() });
        }
        self.leave_with(turn, intent.as_deref())
    }
}
