//! Conditions and switches: expressions of ours, or variables, operators and values.

use serde_json::{Value as Json, json};

use super::nodes::first;
use crate::{
    build::{Builder, quoted, variable_name},
    items,
    report::Notes,
};

/// An expression: one of ours, or a variable, an operator and a value.
pub(super) fn condition(builder: &mut Builder, data: &Json, notes: &mut Notes<'_>) -> String {
    let written = first(data, &["expression", "condition"]);
    let written = written.trim().trim_start_matches("{{").trim_end_matches("}}").trim().to_owned();
    if !written.is_empty() {
        let ours =
            written.replace("===", "==").replace("!==", "!=").replace("&&", " and ").replace("||", " or ");
        if botbuilder_flow::expression::Expression::parse(&ours).is_ok() {
            return ours;
        }
        notes.not_supported(format!("the expression `{written}` cannot be read; it never holds"));
        return "false".to_owned();
    }
    let rules = ["conditions", "rules"].iter().map(|list| items(data, list)).find(|list| !list.is_empty());
    let joined = if first(data, &["logic", "operatorType", "match"]).eq_ignore_ascii_case("or") {
        " or "
    } else {
        " and "
    };
    let rules = rules.unwrap_or(std::slice::from_ref(data));
    rules.iter().map(|rule| compared(builder, rule, notes)).collect::<Vec<_>>().join(joined)
}

fn compared(builder: &mut Builder, rule: &Json, notes: &mut Notes<'_>) -> String {
    let name = first(rule, &["variable", "field", "left", "variableName"]);
    if name.is_empty() {
        notes.not_supported("a condition without a variable; it never holds");
        return "false".to_owned();
    }
    let left = variable_name("", name.trim_start_matches("{{").trim_end_matches("}}"));
    builder.variable(&left, "string", Json::Null);
    let right = match rule.get("value").or_else(|| rule.get("right")) {
        Some(Json::String(text)) => quoted(text),
        Some(other @ (Json::Number(_) | Json::Bool(_))) => other.to_string(),
        _ => "\"\"".to_owned(),
    };
    let operator = first(rule, &["operator", "op", "comparison"]).to_lowercase();
    match operator.replace([' ', '-'], "_").as_str() {
        "" | "=" | "==" | "===" | "equals" | "equal" | "eq" | "is" => format!("({left} == {right})"),
        "!=" | "!==" | "not_equals" | "not_equal" | "ne" | "neq" | "is_not" => format!("({left} != {right})"),
        ">" | "greater_than" | "gt" => format!("({left} != null and number({left}) > {right})"),
        ">=" | "greater_or_equal" | "gte" => format!("({left} != null and number({left}) >= {right})"),
        "<" | "less_than" | "lt" => format!("({left} != null and number({left}) < {right})"),
        "<=" | "less_or_equal" | "lte" => format!("({left} != null and number({left}) <= {right})"),
        "contains" | "includes" => format!("contains(lower({left}), lower({right}))"),
        "not_contains" => format!("(not contains(lower({left}), lower({right})))"),
        "starts_with" => format!("starts_with({left}, {right})"),
        "ends_with" => format!("ends_with({left}, {right})"),
        "is_empty" | "empty" | "not_exists" => format!("empty({left})"),
        "is_not_empty" | "not_empty" | "exists" | "is_set" => format!("(not empty({left}))"),
        other => {
            notes.not_supported(format!("the operator `{other}`; the condition never holds"));
            "false".to_owned()
        }
    }
}

/// The cases of a variable's values.
pub(super) fn switch(builder: &mut Builder, data: &Json, notes: &mut Notes<'_>) -> Json {
    let name = first(data, &["variable", "value", "field", "expression"]);
    let mut cases = Vec::new();
    for (index, case) in items(data, "cases").iter().enumerate() {
        let id = first(case, &["id", "key"]);
        let id = if id.is_empty() { format!("case_{}", index + 1) } else { id };
        let value = case.get("value").or_else(|| case.get("equals")).cloned();
        let value = value
            .unwrap_or_else(|| json!(case.as_str().map_or_else(|| first(case, &["label"]), str::to_owned)));
        cases.push(json!({ "id": id, "equals": value }));
    }
    if name.is_empty() {
        notes.not_supported("it names no variable, and never applies");
        return json!({ "cases": [{ "id": "case_1", "when": "false" }] });
    }
    let name = variable_name("", name.trim_start_matches("{{").trim_end_matches("}}"));
    builder.variable(&name, "string", Json::Null);
    json!({ "value": name, "cases": cases })
}
