//! The whole platform: first in one process, with fake providers; then the program itself, as processes.

mod bulk;
mod changes;
mod connecting;
mod conversation;
mod dead_letters;
mod duplicates;
mod experiments;
mod flows;
mod live;
mod networks;
mod orchestrations;
mod order;
mod provider;
mod schemathesis;
mod sources;
mod statuses;
mod tenants;
mod timers;
mod trail;
mod understanding;
mod webhooks;
mod windows;

mod program;

mod commands;
mod configuration;
mod crash;
mod root_key;
mod several_processes;
mod shutdown;

use serde_json::{Value, json};

/// A flow that repeats what it hears, and counts.
fn echo_flow() -> Value {
    serde_json::from_str(botbuilder_flow::TEN_NODE_FLOW).expect("the flow is JSON")
}

/// A flow that asks, and waits so many seconds for an answer.
fn impatient_flow(seconds: u32) -> Value {
    let node = |id: &str, kind: &str, data: Value| json!({ "id": id, "type": kind, "position": { "x": 0, "y": 0 }, "data": data });
    let edge = |source: &str, port: &str, target: &str| json!({ "id": format!("{source}-{port}"), "source": source, "target": target, "port": port });
    json!({
        "schema": 1,
        "nodes": [
            node("start", "start", json!({})),
            node("ask", "question", json!({
                "text": "What is your name?", "variable": "name", "timeout_seconds": seconds,
            })),
            node("hello", "message", json!({ "text": "Hello {{name}}." })),
            node("late", "message", json!({ "text": "You did not answer." })),
            node("end", "end", json!({})),
        ],
        "edges": [
            edge("start", "next", "ask"),
            edge("ask", "next", "hello"),
            edge("ask", "timeout", "late"),
            edge("hello", "next", "end"),
            edge("late", "next", "end"),
        ],
        "variables": [{ "name": "name", "type": "string" }],
    })
}
