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
//! leaves by `other`, and so does one that is less sure than `min_confidence`. Where that is not given, the thresholds
//! of the bot's training decide.
//!
//! Ports: each intent, `other`, `error` (with `not_available` where the bot was not trained).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{About, Asking, Behaviour, Port, Reference, Role, check_ports};
use crate::{
    Event, Value,
    question::{Answer, Ask},
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Most intents that lead to different places.
const INTENTS_MAX: usize = 100;
/// The time of a recognition, in seconds.
const SECONDS: u32 = 5;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NluRouter {
    text: Option<Template>,
    intents: Vec<String>,
    min_confidence: Option<f64>,
    variable: Option<String>,
    #[serde(default)]
    entities: BTreeMap<String, String>,
}

impl Behaviour for NluRouter {
    fn ports(&self) -> Vec<Port<'_>> {
        let intents = self.intents.iter().map(|intent| Port::required(intent));
        intents.chain([Port::required("other")]).collect()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.text.iter().for_each(|text| text.variables(&mut about.shows));
        about.writes.extend(self.variable.as_deref());
        about.writes.extend(self.entities.keys().map(String::as_str));
        about.uses.extend(self.intents.iter().map(|intent| Reference::Intent(intent)));
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
        Role::Asks(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let text = super::text_or_input(turn, self.text.as_ref())?;
        let language = turn.facts().contact_locale.as_text().map(str::to_owned);
        Ok(Move::Ask(Ask::Recognize { text, language, intents: self.intents.clone() }, SECONDS))
    }
}

impl Asking for NluRouter {
    fn answered(&self, turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure> {
        let Answer::Recognized { intent, confidence, entities, accepted } = answer else {
            return Err(super::odd_answer());
        };
        let is_enough = self.min_confidence.map_or(*accepted, |least| *confidence >= least);
        let sure = intent.as_ref().filter(|_| is_enough);
        let node = turn.node().id.clone();
        turn.event(Event::Recognized { node, intent: sure.cloned() });
        if let Some(variable) = &self.variable {
            turn.set(variable, sure.map_or(Value::Null, Value::text))?;
        }
        for (variable, entity) in &self.entities {
            let value = entities.field(entity);
            if value != Value::Null {
                turn.set(variable, value)?;
            }
        }
        let port = self.intents.iter().find(|known| Some(*known) == sure);
        Ok(Move::Leave(port.map_or("other", String::as_str)))
    }
}
