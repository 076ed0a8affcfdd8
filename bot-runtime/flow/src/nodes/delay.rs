//! Pauses.
//!
//! ```json
//! {"id": "later", "type": "delay", "data": {"seconds": 86400, "messages": "keep"}}
//! {"id": "tomorrow", "type": "delay", "data": {"until": "{{ opens_at(add_days(date(), 1)) }}"}}
//! ```
//!
//! Either `seconds` (thirty days at most) or `until`, a template that gives an instant; one that is over does not
//! pause, one further away than thirty days is an error. A pause survives restarts. A message that comes meanwhile
//! leaves by the port `interrupted`, if that leads anywhere; else `messages` says whether it waits (`keep`, the default)
//! or is not seen by the flow (`ignore`). Keywords are answered in any case.
//!
//! Ports: `next`, `interrupted`, `error`.

use chrono::TimeDelta;
use serde::Deserialize;

use super::{About, Behaviour, Pausing, Port, Role, While, patience::check_seconds};
use crate::{
    clock::parse_instant,
    definition::SECONDS_MAX,
    sprint::Reason,
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delay {
    seconds: Option<u32>,
    until: Option<Template>,
    #[serde(default)]
    messages: While,
}

impl Behaviour for Delay {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next"), Port::optional("interrupted")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.until.iter().for_each(|until| until.variables(&mut about.shows));
    }

    fn check(&self) -> Vec<String> {
        let mut faults: Vec<String> = check_seconds("seconds", self.seconds).into_iter().collect();
        if self.seconds.is_some() == self.until.is_some() {
            faults.push("a delay has either `seconds` or `until`".to_owned());
        }
        faults
    }

    fn role(&self) -> Role<'_> {
        Role::Pauses(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let Some(template) = &self.until else {
            return Ok(Move::Pause(turn.after(self.seconds.unwrap_or(0))));
        };
        let text = turn.render(template)?;
        let until = parse_instant(&text, turn.moment().zone).ok_or(Failure::Error(Reason::Unusable))?;
        if until > turn.now() + TimeDelta::seconds(SECONDS_MAX.into()) {
            return Err(Failure::Error(Reason::Unusable));
        }
        // A pause that is over is none: the timer would fire at once.
        Ok(if until <= turn.now() { Move::Leave("next") } else { Move::Pause(Some(until)) })
    }
}

impl Pausing for Delay {
    fn meanwhile(&self) -> While {
        self.messages
    }

    fn over(&self) -> &'static str {
        "next"
    }

    fn happened(&self, _turn: &mut Turn<'_>, _name: &str) -> Option<Result<Move<'_>, Failure>> {
        None
    }
}
