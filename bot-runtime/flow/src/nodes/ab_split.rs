//! Splits contacts into groups, each contact always into the same.
//!
//! ```json
//! {"id": "greeting_test", "type": "ab_split", "data": {
//!   "test": "greeting", "variants": [{"id": "short", "weight": 50}, {"id": "long", "weight": 50}],
//!   "variable": "variant"}}
//! ```
//!
//! The variant is a function of the contact and of `test`, or of the node's id where that is not given: the first eight
//! bytes of SHA-256 of `test:contact`, modulo 10 000, laid over the weights. Nodes with the same `test` and weights
//! agree. `variable` receives the id of the variant.
//!
//! With `experiment`, the id of one, its salt, weights and traffic decide while it runs, the keys of its variants being the
//! ids here; the contact, or the conversation where the experiment tells those apart, is counted as one that was shown the variant. While it does not run, everybody gets the first.
//!
//! Ports: the id of each variant, `error`.

use serde::Deserialize;

use super::{About, Behaviour, Port, Reference, Role, check_ports};
use crate::{
    Event, Value,
    experiment::{BUCKETS, bucket},
    sprint::Effect,
    turn::{Failure, Move, Turn},
};

/// Most variants of one split.
const VARIANTS_MAX: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AbSplit {
    test: Option<String>,
    experiment: Option<String>,
    variants: Vec<Variant>,
    variable: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a variant")]
struct Variant {
    id: String,
    weight: u32,
}

impl AbSplit {
    fn choose(&self, salt: &str, subject: &str) -> Option<&Variant> {
        let total: u64 = self.variants.iter().map(|variant| u64::from(variant.weight)).sum();
        let bucket = bucket(salt, subject);
        let mut below = 0;
        self.variants.iter().find(|variant| {
            below += u64::from(variant.weight);
            bucket * total < below * BUCKETS
        })
    }
}

impl AbSplit {
    /// The variant by an experiment. Who takes no part gets what the others are compared with, and is not counted;
    /// while the experiment does not run, everybody gets the first.
    fn of_experiment(&self, turn: &mut Turn<'_>, id: &str) -> Option<&Variant> {
        let Some(experiment) = turn.bot().settings.experiments.get(id) else { return self.variants.first() };
        let Some(shown) = experiment.variant(&turn.subject(experiment)) else {
            let control = experiment.control()?;
            return self.variants.iter().find(|variant| variant.id == control);
        };
        let variant = self.variants.iter().find(|variant| variant.id == shown.key)?;
        turn.note(Effect::Exposed { experiment: id.to_owned(), variant: shown.key.clone() });
        Some(variant)
    }
}

impl Behaviour for AbSplit {
    fn ports(&self) -> Vec<Port<'_>> {
        self.variants.iter().map(|variant| Port::required(&variant.id)).collect()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        about.writes.extend(self.variable.as_deref());
        about.uses.extend(self.experiment.as_deref().map(Reference::Experiment));
    }

    fn check(&self) -> Vec<String> {
        let names = self.variants.iter().map(|variant| variant.id.as_str());
        let mut faults = check_ports("variant", names, &["error", "default"]);
        if self.variants.len() < 2 || self.variants.len() > VARIANTS_MAX {
            faults
                .push(format!("there are {} variants; 2 to {VARIANTS_MAX} are allowed", self.variants.len()));
        }
        if self.variants.iter().all(|variant| variant.weight == 0)
            || self.variants.iter().any(|variant| variant.weight > 10_000)
        {
            faults.push("weights are whole numbers up to 10000, and not all of them 0".to_owned());
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let node = turn.node().id.clone();
        let variant = if let Some(id) = &self.experiment {
            self.of_experiment(turn, id)
        } else {
            let subject = turn.facts().contact_id.to_string();
            self.choose(self.test.as_deref().unwrap_or_else(|| node.as_str()), &subject)
        };
        let Some(variant) = variant else { return Err(super::odd_answer()) };
        turn.event(Event::Assigned { node: node.clone(), variant: variant.id.clone() });
        if let Some(variable) = &self.variable {
            turn.set(variable, Value::text(&variant.id))?;
        }
        Ok(Move::Leave(&variant.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_laid_over_the_weights() {
        let split: AbSplit = serde_json::from_value(serde_json::json!({
            "variants": [{ "id": "a", "weight": 1 }, { "id": "none", "weight": 0 }, { "id": "b", "weight": 3 }],
        }))
        .unwrap();
        let chosen = |contact: u32| split.choose("salt", &contact.to_string()).unwrap().id.as_str();
        let a = (0..4_000).filter(|contact| chosen(*contact) == "a").count();
        assert!((900..1_100).contains(&a), "{a} of 4000");
        assert!((0..4_000).all(|contact| chosen(contact) != "none"));
        assert_eq!(chosen(7), chosen(7));
    }
}
