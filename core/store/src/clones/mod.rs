//! Work clones (chapter 4.12 of the schema).

pub mod clone_responses;
pub mod clone_sessions;
pub mod clone_training_data;
pub mod work_clones;
