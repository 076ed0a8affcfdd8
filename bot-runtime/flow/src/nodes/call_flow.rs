//! Runs another flow and goes on when it has ended.
//!
//! ```json
//! {"id": "get_address", "type": "call_flow", "data": {
//!   "flow": "0198f7d2-0000-7000-8000-000000000004",
//!   "parameters": {"country": "{{ country }}"}, "returns": {"street": "street", "city": "town"}}}
//! ```
//!
//! `parameters` sets variables of the flow that is called, `returns` names variables of this flow and those of the other
//! that they receive at its end. The two share no variables beside these. A call takes the version that is published
//! when it is made, and keeps it. Parameters keep the rules of the variables that they set, and set all that are `required`. An error that the other flow does not handle leaves by this node's `error` port.
//!
//! Ports: `next`, `error`.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{About, Behaviour, Calling, Port, Reference, Role};
use crate::{
    Value,
    session::Variables,
    sprint::Reason,
    template::Template,
    turn::{Failure, Move, Turn, held},
};

/// Most parameters, or returns, of one call.
const NAMES_MAX: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallFlow {
    flow: String,
    #[serde(default)]
    parameters: BTreeMap<String, Template>,
    #[serde(default)]
    returns: BTreeMap<String, String>,
}

impl Behaviour for CallFlow {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        self.parameters.values().for_each(|value| value.variables(&mut about.shows));
        about.writes.extend(self.returns.keys().map(String::as_str));
        let variables = self.parameters.keys().chain(self.returns.values()).map(String::as_str).collect();
        let given = self.parameters.keys().map(String::as_str).collect();
        about.uses.push(Reference::Flow { id: &self.flow, variables, given });
    }

    fn check(&self) -> Vec<String> {
        if self.parameters.len().max(self.returns.len()) > NAMES_MAX {
            return vec![format!("`parameters` and `returns` hold up to {NAMES_MAX} names each")];
        }
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Calls(self)
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let bot = turn.bot();
        let missing = Failure::Error(Reason::MissingFlow);
        let (version, flow) = turn.entered(&self.flow).ok_or(missing)?;
        let mut variables = Variables::new();
        for (name, template) in &self.parameters {
            let value = turn.value(template)?;
            let (name, value) = held(flow, name, value, bot.limits.value_bytes)?;
            variables.insert(name, value);
        }
        let is_given = |name: &Arc<str>| variables.get(name).is_some_and(|value| *value != Value::Null);
        if !flow.required.iter().all(is_given) {
            return Err(Failure::Error(Reason::MissingValue));
        }
        Ok(Move::Call { version, variables })
    }
}

impl Calling for CallFlow {
    fn returned(&self, turn: &mut Turn<'_>, variables: &Variables) -> Result<Move<'_>, Failure> {
        for (mine, theirs) in &self.returns {
            turn.set(mine, variables.get(theirs.as_str()).cloned().unwrap_or(Value::Null))?;
        }
        Ok(Move::Leave("next"))
    }
}
