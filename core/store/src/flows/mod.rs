//! What is kept of flows that run.

pub mod conversation_turns;
pub mod turn_circumstances;
