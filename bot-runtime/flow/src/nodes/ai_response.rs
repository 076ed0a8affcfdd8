//! Has an agent's model reply.
//!
//! ```json
//! {"id": "chat", "type": "ai_response", "data": {
//!   "agent": "0198f7d2-0000-7000-8000-000000000001", "prompt": "{{ input.text }}",
//!   "variable": "reply", "say": true, "timeout_seconds": 25}}
//! ```
//!
//! All fields may be left out: `agent` for the bot's own, `prompt` for what the person wrote, `variable` to keep the
//! reply nowhere, `say` to say it.
//!
//! Ports: `next`, `error` (with `not_available` where no model is set up).

use serde::Deserialize;

use super::{About, Asking, Behaviour, Port, Reference, Role, api_call::check_time, keep_said};
use crate::{
    question::{Answer, Ask},
    template::Template,
    turn::{Failure, Move, Turn},
};

/// The time of a model that names none, in seconds.
pub(super) const SECONDS: u32 = 25;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AiResponse {
    agent: Option<String>,
    prompt: Option<Template>,
    variable: Option<String>,
    say: Option<bool>,
    timeout_seconds: Option<u32>,
}

impl Behaviour for AiResponse {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.prompt.iter().for_each(|prompt| prompt.variables(&mut about.shows));
        about.writes.extend(self.variable.as_deref());
        about.uses.extend(self.agent.as_deref().map(Reference::Agent));
    }

    fn check(&self) -> Vec<String> {
        check_time(self.timeout_seconds).into_iter().collect()
    }

    fn role(&self) -> Role<'_> {
        Role::Asks(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let prompt = super::text_or_input(turn, self.prompt.as_ref())?;
        let ask = Ask::Respond { agent: self.agent.clone(), prompt };
        Ok(Move::Ask(ask, self.timeout_seconds.unwrap_or(SECONDS)))
    }
}

impl Asking for AiResponse {
    fn answered(&self, turn: &mut Turn<'_>, answer: &Answer) -> Result<Move<'_>, Failure> {
        keep_said(turn, answer, self.variable.as_deref(), self.say)?;
        Ok(Move::Leave("next"))
    }
}
