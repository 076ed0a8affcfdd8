//! What flows that run leave, and what they run with.

pub mod conversation_turns;
pub mod flow_secrets;
pub mod turn_circumstances;
