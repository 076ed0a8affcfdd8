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
//! Ports: the id of each variant, `error`.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{About, Behaviour, Port, Role, check_ports};
use crate::{
    Event, Value,
    turn::{Failure, Move, Turn},
};

/// Most variants of one split.
const VARIANTS_MAX: usize = 20;
/// Into how many parts contacts are laid.
const BUCKETS: u64 = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AbSplit {
    test: Option<String>,
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

fn bucket(salt: &str, subject: &str) -> u64 {
    let digest = Sha256::digest(format!("{salt}:{subject}").as_bytes());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    first % BUCKETS
}

impl Behaviour for AbSplit {
    fn ports(&self) -> Vec<Port<'_>> {
        self.variants.iter().map(|variant| Port::required(&variant.id)).collect()
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        about.writes.extend(self.variable.as_deref());
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
        let salt = self.test.as_deref().unwrap_or_else(|| node.as_str());
        let subject = turn.facts().contact_id.to_string();
        let Some(variant) = self.choose(salt, &subject) else { return Err(super::odd_answer()) };
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

    #[test]
    fn the_bucket_is_the_documented_one() {
        // sha256("salt:subject") begins with these bytes.
        let digest = Sha256::digest(b"salt:subject");
        let bytes: [u8; 8] = digest[..8].try_into().unwrap();
        assert_eq!(bucket("salt", "subject"), u64::from_be_bytes(bytes) % 10_000);
    }
}
