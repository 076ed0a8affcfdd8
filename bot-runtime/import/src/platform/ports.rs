//! Which of our ports an exit of the canvas is.

use super::nodes::Read;

/// The port that one of these names means; the node's only way on where there are none.
pub(super) fn port(node: &Read, exits: &[String]) -> Option<String> {
    let own: Vec<&str> = node.ports.iter().map(String::as_str).collect();
    for exit in exits {
        if own.contains(&exit.as_str()) || exit == "error" && !own.is_empty() {
            return Some(exit.clone());
        }
    }
    for exit in exits {
        let plain = exit.trim().to_lowercase();
        if let Some(option) = option(node, &plain) {
            return Some(option);
        }
        let meant = match plain.as_str() {
            "true" | "yes" | "if" | "then" | "match" | "matched" => &["true", "case_1"][..],
            "false" | "no" | "else" | "nomatch" | "no_match" => &["false", "other"],
            "default" | "fallback" | "otherwise" | "unknown" => &["other", "false", "next"],
            "success" | "ok" | "done" | "complete" | "completed" | "out" | "output" | "source" | "next"
            | "right" | "bottom" => &["next"],
            "fail" | "failed" | "failure" => &["failed", "error"],
            "error" | "on_error" | "onerror" => &["error"],
            "timeout" | "timed_out" | "no_response" => &["timeout"],
            _ => &[],
        };
        let meant = meant.iter().find(|name| own.contains(name) || (**name == "error" && !own.is_empty()));
        if let Some(meant) = meant {
            return Some((*meant).to_owned());
        }
    }
    // What the editor calls the only exit of a node does not matter.
    match own.as_slice() {
        [] => None,
        _ if own.contains(&"next") => Some("next".to_owned()),
        [only] => Some((*only).to_owned()),
        _ if exits.is_empty() && own.contains(&"other") => Some("other".to_owned()),
        _ => None,
    }
}

/// An option by its title, or by its number from 0 as editors write it: `option-0`.
fn option(node: &Read, exit: &str) -> Option<String> {
    let options = node.data["options"].as_array()?;
    let by_title = options
        .iter()
        .find(|option| option["title"].as_str().is_some_and(|title| title.trim().to_lowercase() == exit));
    let by_number = || {
        let digits = exit.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let is_numbered = digits.len() < exit.len() && exit.contains(['-', '_']);
        digits.parse::<usize>().ok().filter(|_| is_numbered).and_then(|number| options.get(number))
    };
    by_title.or_else(by_number).and_then(|option| option["id"].as_str()).map(str::to_owned)
}

/// The ports that have to lead somewhere.
pub(super) fn required(node: &Read) -> Vec<String> {
    match node.kind {
        "start" => vec!["next".to_owned()],
        "condition" | "switch" | "nlu_router" | "ab_split" => node.ports.clone(),
        "menu" => node
            .ports
            .iter()
            .filter(|port| !["timeout", "other"].contains(&port.as_str()) || needs(node, port))
            .cloned()
            .collect(),
        "knowledge_answer" => vec!["not_found".to_owned()],
        "question" | "input" | "wait_for_event" => {
            node.ports.iter().filter(|port| needs(node, port)).cloned().collect()
        }
        _ => Vec::new(),
    }
}

fn needs(node: &Read, port: &str) -> bool {
    match port {
        "timeout" => node.data.get("timeout_seconds").is_some(),
        "other" => node.data.get("retries").is_some(),
        _ => false,
    }
}
