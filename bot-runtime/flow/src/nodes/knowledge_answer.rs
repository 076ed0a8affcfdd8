//! Answers out of documents.
//!
//! ```json
//! {"id": "faq", "type": "knowledge_answer", "data": {
//!   "knowledge_bases": ["0198f7d2-0000-7000-8000-000000000002"], "question": "{{ input.text }}",
//!   "variable": "answer", "say": true}}
//! ```
//!
//! All fields may be left out: without `knowledge_bases` those of the bot are searched, without `question` what the
//! person wrote is looked for.
//!
//! Ports: `next`, `not_found` (nothing about it in the documents; required), `error` (with `not_available` where no
//! search is set up).

use serde::Deserialize;

use super::{
    About, Asking, Behaviour, Port, Reference, Role, ai_response::SECONDS, api_call::check_time, keep_said,
};
use crate::{
    question::{Answer, Ask},
    template::Template,
    turn::{Failure, Move, Turn},
};

/// Most knowledge bases of one search.
const BASES_MAX: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnowledgeAnswer {
    #[serde(default)]
    knowledge_bases: Vec<String>,
    question: Option<Template>,
    variable: Option<String>,
    say: Option<bool>,
    timeout_seconds: Option<u32>,
}

impl Behaviour for KnowledgeAnswer {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next"), Port::required("not_found")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.question.iter().for_each(|question| question.variables(&mut about.shows));
        about.writes.extend(self.variable.as_deref());
        about.uses.extend(self.knowledge_bases.iter().map(|base| Reference::KnowledgeBase(base)));
    }

    fn check(&self) -> Vec<String> {
        let mut faults: Vec<String> = check_time(self.timeout_seconds).into_iter().collect();
        if self.knowledge_bases.len() > BASES_MAX {
            faults.push(format!("there are more than {BASES_MAX} knowledge bases"));
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Asks(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let question = super::text_or_input(turn, self.question.as_ref())?;
        let ask = Ask::Knowledge { bases: self.knowledge_bases.clone(), question };
        Ok(Move::Ask(ask, self.timeout_seconds.unwrap_or(SECONDS)))
    }
}

impl Asking for KnowledgeAnswer {
    fn answered(&self, turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure> {
        if *answer == Answer::NotFound {
            return Ok(Move::Leave("not_found"));
        }
        keep_said(turn, answer, self.variable.as_deref(), self.say)?;
        Ok(Move::Leave("next"))
    }
}
