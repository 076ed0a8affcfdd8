//! Natural-language understanding (chapter 4.5 of the schema).

pub mod entities;
pub mod entity_values;
pub mod intent_examples;
pub mod intents;
pub mod nlu_logs;
pub mod nlu_trainings;
pub mod taught;
