//! Agents, workflows and tools.

pub mod agent_execution_steps;
pub mod agent_messages;
pub mod agent_tasks;
pub mod agent_tools;
pub mod agent_workflows;
#[expect(clippy::module_inception, reason = "the domain and its main resource have the same name")]
pub mod agents;
pub mod autonomous_agents;
pub mod task_steps;
pub mod tool_executions;
pub mod tools;
pub mod workflow_executions;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        agent_execution_steps::routes(),
        agent_messages::routes(),
        agent_tasks::routes(),
        agent_tools::routes(),
        agent_workflows::routes(),
        agents::routes(),
        autonomous_agents::routes(),
        task_steps::routes(),
        tool_executions::routes(),
        tools::routes(),
        workflow_executions::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
