//! Agents, workflows and tools (chapter 4.6 of the schema).

pub mod agent_execution_steps;
pub mod agent_messages;
pub mod agent_tasks;
pub mod agent_tools;
pub mod agent_workflows;
#[expect(clippy::module_inception, reason = "the domain and its main table have the same name")]
pub mod agents;
pub mod autonomous_agents;
pub mod task_steps;
pub mod tool_executions;
pub mod tools;
pub mod workflow_executions;
