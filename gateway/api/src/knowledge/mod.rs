//! Knowledge bases and retrieval.

pub mod agent_knowledge_bases;
pub mod chunks;
pub mod documents;
pub mod embedding_queue;
pub mod knowledge_bases;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        documents::routes(),
        agent_knowledge_bases::routes(),
        chunks::routes(),
        embedding_queue::routes(),
        knowledge_bases::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
