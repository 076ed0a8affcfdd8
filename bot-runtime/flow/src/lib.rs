//! The flow engine: a pure step from a session and an input to a new session and what is to be done.
//!
//! ```text
//! Bot      one published version: flow, flows it calls, texts, limits     immutable, shared
//! Session  where a conversation stands                                    saved with the turn
//! step(&bot, session, input, now) -> Sprint { session, effects, events, next: Wait | Ask(Question) | Done }
//! ```
//!
//! Nothing here does I/O or asks for the time: the same arguments give the same result, so a turn can be replayed. What
//! a node needs from the world is a question in the sprint; its answer is the input of the next step. `docs/flows.md`
//! describes definitions, the expression language and the limits for authors.
//!
//! To add a node kind: a file in `nodes/` that implements `Behaviour` and names its `Role`, a variant of `NodeKind`, and
//! what the compiler then asks for; golden sessions in `testdata/`. To add an effect: a variant of [`Effect`], and the
//! commit's match over it. To ask something new: a variant of [`Ask`], and the executors' match over it.

pub mod authored;
pub mod bot;
pub mod circumstances;
pub mod clock;
pub mod definition;
pub mod demo;
pub mod diff;
pub mod experiment;
pub mod expression;
pub mod flow;
pub mod hours;
pub mod input;
mod json_template;
pub mod lint;
pub mod locale;
pub mod merge;
pub mod migrate;
mod nodes;
pub mod orchestration;
pub mod problem;
pub mod question;
mod reading;
pub mod recording;
pub mod references;
pub mod replay;
mod request_template;
mod saying;
pub mod session;
pub mod simulate;
pub mod sprint;
pub mod template;
mod turn;
mod validate;
pub mod variable;

pub use authored::{Authored, IntentAnswer, Keyword, KeywordMatch, Messages};
pub use bot::{Bot, Library, Limits, Settings};
pub use demo::{DEMO_FLOW, TEN_NODE_FLOW};
pub use expression::Value;
pub use flow::{Flow, NodeId};
pub use input::{Context, Input};
pub use orchestration::Orchestration;
pub use problem::{Code, Problem};
pub use question::{Answer, Ask, AskFailure, Close, Gap, HttpMethod, HttpRequest, Question, Signing, Usage};
pub use session::Session;
pub use sprint::{Effect, Email, Event, Limit, Next, Priority, Reason, Sprint};
pub use turn::step;
