//! The flow engine: a pure step from a session and an input to a new session and what is to be done.
//!
//! ```text
//! Bot      one published version: flow, texts, limits          immutable, shared
//! Session  where a conversation stands                         saved with the turn
//! step(&bot, session, input, now) -> Sprint { session, effects, events, next }
//! ```
//!
//! Nothing here does I/O or asks for the time: the same arguments give the same result, so a turn can be
//! replayed. `docs/flows.md` describes definitions, the expression language and the limits for authors.
//!
//! To add a node kind: a file in `nodes/` that implements `Behaviour` (and `Waiting` if it waits for the
//! person), a variant of `NodeKind`, and what the compiler then asks for; golden sessions in `testdata/`.
//! To add an effect: a variant of [`Effect`], and the commit's match over it.

pub mod bot;
pub mod clock;
pub mod definition;
pub mod demo;
pub mod expression;
pub mod flow;
pub mod hours;
pub mod input;
pub mod locale;
mod nodes;
pub mod problem;
mod reading;
pub mod session;
pub mod sprint;
pub mod template;
mod turn;
mod validate;

pub use bot::{Bot, Keyword, KeywordMatch, Limits, Settings};
pub use demo::{DEMO_FLOW, TEN_NODE_FLOW};
pub use expression::Value;
pub use flow::{Flow, NodeId};
pub use input::{Context, Input};
pub use problem::{Code, Problem};
pub use session::Session;
pub use sprint::{Effect, Event, Limit, Next, Question, Reason, Sprint};
pub use turn::step;
