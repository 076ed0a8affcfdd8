//! The rules about a flow as a whole.

use crate::{
    flow::Flow,
    nodes::Port,
    problem::{Code, Problem},
};

/// Adds what breaks a rule to `problems`.
pub(crate) fn check(flow: &Flow, problems: &mut Vec<Problem>) {
    check_start(flow, problems);
    check_goto(flow, problems);
    check_ports(flow, problems);
    check_variables(flow, problems);
    check_reach(flow, problems);
    check_cycles(flow, problems);
}

fn check_start(flow: &Flow, problems: &mut Vec<Problem>) {
    for (index, node) in flow.nodes.iter().enumerate() {
        if targets(flow, index).contains(&flow.start) {
            problems.push(Problem::node(Code::StartEntered, &node.id, "leads into the start node"));
        }
    }
}

fn check_goto(flow: &Flow, problems: &mut Vec<Problem>) {
    for node in &flow.nodes {
        let jump = node.kind.behaviour().about().jump;
        if let Some(target) = jump.filter(|target| flow.find(target).is_none()) {
            problems.push(Problem::node(Code::UnknownNode, &node.id, format!("there is no node `{target}`")));
        }
    }
}

fn check_ports(flow: &Flow, problems: &mut Vec<Problem>) {
    for node in &flow.nodes {
        for Port { name, required } in node.kind.behaviour().ports() {
            if required && node.exit(name).is_none() {
                let message = format!("the port `{name}` leads nowhere; connect it or the port `default`");
                problems.push(Problem::node(Code::OpenPort, &node.id, message));
            }
        }
    }
}

fn check_variables(flow: &Flow, problems: &mut Vec<Problem>) {
    for node in &flow.nodes {
        let about = node.kind.behaviour().about();
        let mut names: Vec<&str> =
            about.reads.iter().chain(&about.shows).chain(&about.writes).copied().collect();
        names.sort_unstable();
        names.dedup();
        let problem = |code, name: &str, message: String| Problem {
            variable: Some(name.to_owned()),
            ..Problem::node(code, &node.id, message)
        };
        for name in names {
            if !flow.variables.contains_key(name) {
                let message = format!("the variable `{name}` is not declared");
                problems.push(problem(Code::UndeclaredVariable, name, message));
            }
            if flow.secrets.contains(name) && about.shows.contains(&name) {
                let message = format!("`{name}` is secret; only calls of services and conditions may use it");
                problems.push(problem(Code::SecretShown, name, message));
            }
        }
    }
}

fn check_reach(flow: &Flow, problems: &mut Vec<Problem>) {
    let mut reached = vec![false; flow.nodes.len()];
    let mut open = vec![flow.start];
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(targets(flow, index));
        }
    }
    for (node, _) in flow.nodes.iter().zip(reached).filter(|(_, reached)| !reached) {
        problems.push(Problem::node(Code::Unreachable, &node.id, "no path leads here from the start"));
    }
}

/// Takes away, again and again, nodes that wait and nodes that lead nowhere. What is left lies on, or leads
/// into, a cycle without a wait; taking away from the other side leaves the cycles alone.
fn check_cycles(flow: &Flow, problems: &mut Vec<Problem>) {
    let mut left: Vec<bool> = flow.nodes.iter().map(|node| !node.kind.waits()).collect();
    let forward: Vec<Vec<usize>> = (0..flow.nodes.len()).map(|index| targets(flow, index)).collect();
    let mut backward = vec![Vec::new(); flow.nodes.len()];
    for (index, targets) in forward.iter().enumerate() {
        for target in targets {
            backward[*target].push(index);
        }
    }
    strip(&mut left, &forward, &backward);
    strip(&mut left, &backward, &forward);
    for (node, _) in flow.nodes.iter().zip(left).filter(|(_, left)| *left) {
        let message = "lies on a cycle on which no node waits for the person";
        problems.push(Problem::node(Code::EndlessCycle, &node.id, message));
    }
}

/// Takes away nodes that lead to none that is left.
fn strip(left: &mut [bool], onward: &[Vec<usize>], back: &[Vec<usize>]) {
    let mut degree: Vec<usize> =
        onward.iter().map(|targets| targets.iter().filter(|target| left[**target]).count()).collect();
    let mut open: Vec<usize> = (0..left.len()).filter(|index| left[*index] && degree[*index] == 0).collect();
    while let Some(index) = open.pop() {
        left[index] = false;
        for before in &back[index] {
            degree[*before] = degree[*before].saturating_sub(1);
            if left[*before] && degree[*before] == 0 {
                open.push(*before);
            }
        }
    }
}

/// Indices of the nodes that a node leads to.
fn targets(flow: &Flow, index: usize) -> Vec<usize> {
    let node = &flow.nodes[index];
    let jump = node.kind.behaviour().about().jump.and_then(|target| flow.find(target));
    node.exits.iter().map(|exit| exit.target).chain(jump).collect()
}
