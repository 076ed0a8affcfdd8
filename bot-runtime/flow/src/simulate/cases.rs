//! Tests of a bot, as its author writes them.
//!
//! ```yaml
//! flow: shop.json                      # a definition, or `bot.json#Name`: a flow of a bot's file; a path from this file
//! flows: {address: address.json}       # flows that it calls, by the ids that call them
//! settings: {handoff: true}            # texts and settings of the bot, where they are not the usual ones
//! contact: {contact_name: Ada, locale: en, channel: web}
//! now: 2026-03-04T09:00:00Z            # when each case begins
//! cases:
//!   - name: an order on its way
//!     answers:                         # what services say, in their order
//!       - {node: look_up, answer: {answer: http, status: 200, headers: {}, body: {state: sent}}}
//!     steps:
//!       - say: hello
//!         expect:
//!           - contains: How can I help
//!           - buttons: [Where is my order?, Something else]
//!       - tap: Where is my order?
//!       - say: "1002"
//!         expect:
//!           - text: It is on its way.
//!           - variable: {order: 1002}
//!           - path: [look_up, on_its_way]
//!       - wait: 2h
//!         expect: [none]
//! ```
//!
//! A step has one act: `say`, `tap`, `send` (a content), `wait`, `event` (`{name, data}`), `open`. Expectations hold for
//! what came of it: `text` and `contains` for replies, in their order; `buttons` for the titles of one reply; `variable`
//! for values; `path` for nodes that were entered in this order, others between them; `none` says that nothing was said.

use std::collections::BTreeMap;

use botbuilder_domain::Content;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Act, Given, Outcome, Simulation};
use crate::{
    bot::{Bot, Settings},
    expression::Value,
    input::Context,
};

/// A file of tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The file of the definition.
    pub flow: String,
    /// The files of definitions that may be called, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flows: BTreeMap<String, String>,
    /// The bot's texts and settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// Who writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Context>,
    /// When a case begins that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<DateTime<Utc>>,
    /// The tests.
    pub cases: Vec<Case>,
}

/// One conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<DateTime<Utc>>,
    /// Who writes, where that is somebody else than in the other tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Context>,
    /// What the world says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Given>,
    /// What happens.
    pub steps: Vec<Step>,
}

/// What happens, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What happens.
    #[serde(flatten)]
    pub act: Act,
    /// What is expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
}

/// What is expected of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// A reply of this text.
    Text(String),
    /// A reply with this in it.
    Contains(String),
    /// A reply that offers these, by their titles.
    Buttons(Vec<String>),
    /// Variables with their values.
    Variable(BTreeMap<String, Value>),
    /// Nodes that were entered, in this order.
    Path(Vec<String>),
    /// Nothing was said.
    None,
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The case.
    pub name: String,
    /// What was not as expected, by the number of the step, from 1.
    pub failures: Vec<(usize, String)>,
}

impl Report {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Plays a case. After a step that cannot be made the rest is left out.
pub fn run(bot: &Bot, context: &Context, case: &Case, now: DateTime<Utc>) -> Report {
    let context = case.contact.as_ref().unwrap_or(context).clone();
    let mut simulation = Simulation::new(bot.clone(), context, case.answers.clone(), case.now.unwrap_or(now));
    let mut failures = Vec::new();
    for (number, step) in (1..).zip(&case.steps) {
        match simulation.act(&step.act) {
            Ok(outcome) => {
                failures.extend(check(&step.expect, &outcome).into_iter().map(|fault| (number, fault)));
            }
            Err(error) => {
                failures.push((number, error.to_string()));
                break;
            }
        }
    }
    Report { name: case.name.clone(), failures }
}

/// What is not as expected.
pub fn check(expected: &[Expectation], outcome: &Outcome) -> Vec<String> {
    let texts: Vec<&str> =
        outcome.said.iter().map(|content| content.plain_text().unwrap_or_default()).collect();
    let said = || if texts.is_empty() { "nothing was said".to_owned() } else { format!("said: {texts:?}") };
    // Replies are expected in their order.
    let mut from = 0;
    let mut faults = Vec::new();
    for expectation in expected {
        match expectation {
            Expectation::Text(_) | Expectation::Contains(_) => {
                let fits = |text: &&str| match expectation {
                    Expectation::Text(whole) => text.trim() == whole.trim(),
                    Expectation::Contains(part) => text.contains(part.as_str()),
                    _ => false,
                };
                match texts.iter().skip(from).position(fits) {
                    Some(at) => from += at + 1,
                    None => faults.push(format!("no reply as expected: {expectation:?}; {}", said())),
                }
            }
            Expectation::Buttons(titles) => {
                let offers = |content: &Content| match content {
                    Content::Choice(choice) => choice.options.iter().map(|option| &option.title).eq(titles),
                    _ => false,
                };
                if !outcome.said.iter().any(offers) {
                    faults.push(format!("no reply offers {titles:?}; {}", said()));
                }
            }
            Expectation::Variable(values) => {
                for (name, value) in values {
                    let held = outcome.variables.field(name);
                    if held != *value {
                        faults.push(format!("`{name}` holds {held:?}, and not {value:?}"));
                    }
                }
            }
            Expectation::Path(nodes) => {
                let mut entered = outcome.path.iter();
                if let Some(missed) = nodes.iter().find(|node| !entered.any(|entered| entered == *node)) {
                    faults.push(format!("`{missed}` was not entered in its turn; path: {:?}", outcome.path));
                }
            }
            Expectation::None if !texts.is_empty() => faults.push(said()),
            Expectation::None => {}
        }
    }
    faults
}

/// A conversation as a test of what it was: each step expects what was said.
pub fn record(name: &str, now: DateTime<Utc>, answers: Vec<Given>, played: Vec<(Act, Outcome)>) -> Case {
    let steps = played.into_iter().map(|(act, outcome)| {
        let mut expect = Vec::new();
        for content in &outcome.said {
            expect.extend(content.plain_text().map(|text| Expectation::Text(text.to_owned())));
            if let Content::Choice(choice) = content {
                let titles = choice.options.iter().map(|option| option.title.clone());
                expect.push(Expectation::Buttons(titles.collect()));
            }
        }
        if expect.is_empty() {
            expect.push(Expectation::None);
        }
        Step { act, expect }
    });
    Case { name: name.to_owned(), now: Some(now), contact: None, answers, steps: steps.collect() }
}
