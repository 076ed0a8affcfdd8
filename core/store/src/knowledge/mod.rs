//! Knowledge bases and retrieval (chapter 4.7 of the schema).

pub mod agent_knowledge_bases;
pub mod chunks;
pub mod documents;
pub mod embedding_queue;
pub mod knowledge_bases;
