//! Runs a workflow of agents.
//!
//! ```json
//! {"id": "research", "type": "agent_workflow", "data": {
//!   "workflow": "0198f7d2-0000-7000-8000-000000000003", "input": {"topic": "{{ topic }}"},
//!   "variable": "report", "say": false, "timeout_seconds": 25}}
//! ```
//!
//! Without `input` the workflow begins with what the person wrote; what comes of it is said, unless `say` is false.
//!
//! Ports: `next`, `error` (with `not_available` where no agents are set up).

use serde::Deserialize;

use super::{
    About, Asking, Behaviour, Port, Reference, Role, ai_response::SECONDS, api_call::check_time, keep_said,
};
use crate::{
    Value,
    json_template::JsonTemplate,
    question::{Answer, Ask},
    sprint::Reason,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentWorkflow {
    workflow: String,
    input: Option<JsonTemplate>,
    variable: Option<String>,
    say: Option<bool>,
    timeout_seconds: Option<u32>,
}

impl Behaviour for AgentWorkflow {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.input.iter().for_each(|input| input.variables(&mut about.shows));
        about.writes.extend(self.variable.as_deref());
        about.uses.push(Reference::Workflow(&self.workflow));
    }

    fn check(&self) -> Vec<String> {
        check_time(self.timeout_seconds).into_iter().collect()
    }

    fn role(&self) -> Role<'_> {
        Role::Asks(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let input = match &self.input {
            Some(input) => {
                let json = input.fill(turn)?;
                Value::from_json(&json).ok_or(Failure::Error(Reason::TooLarge))?
            }
            None => turn.facts().input_text.clone(),
        };
        let ask = Ask::Workflow { workflow: self.workflow.clone(), input };
        Ok(Move::Ask(ask, self.timeout_seconds.unwrap_or(SECONDS)))
    }
}

impl Asking for AgentWorkflow {
    fn answered(&self, turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure> {
        keep_said(turn, answer, self.variable.as_deref(), self.say)?;
        Ok(Move::Leave("next"))
    }
}
