//! The engine as its users see it.

mod authors;
mod experiments;
mod functions;
mod golden;
mod orchestrations;

mod properties;
mod recordings;
mod shipped;
mod simulations;
mod texts;
mod validation;
mod variables;
mod versions;
