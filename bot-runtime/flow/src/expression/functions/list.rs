//! Functions on lists and objects.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use super::{EvalError, MANY, Spec, Value, argument, count, count_of, number_of, text_of};
use crate::expression::evaluate::{is_same, order};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "append",
        signature: "list, x, …",
        arguments: (2, MANY),
        about: "The list with more items behind its own; nothing counts as an empty list.",
        examples: &[("append([1], 2, 3)", "[1, 2, 3]"), ("append(null, \"a\")", "[\"a\"]")],
        run: |arguments, _| {
            let more = arguments.get(1..).unwrap_or_default();
            Ok(Value::list(items(arguments, 0).iter().chain(more).cloned()))
        },
    },
    Spec {
        name: "filter",
        signature: "list, field, value",
        arguments: (3, 3),
        about: "The objects of the list whose field has that value.",
        examples: &[(
            "filter([object(\"id\", 1, \"open\", true), object(\"id\", 2, \"open\", false)], \"open\", true)",
            "[object(\"id\", 1, \"open\", true)]",
        )],
        run: |arguments, call| {
            let (name, value) = (text_of(arguments, 1), argument(arguments, 2));
            let items = items(arguments, 0);
            call.budget.spend(items.len().saturating_mul(value.size()))?;
            Ok(Value::list(items.iter().filter(|item| is_same(&item.field(&name), value)).cloned()))
        },
    },
    Spec {
        name: "first",
        signature: "list",
        arguments: (1, 1),
        about: "The first item.",
        examples: &[("first([1, 2])", "1"), ("first([])", "null")],
        run: |arguments, _| Ok(items(arguments, 0).first().cloned().unwrap_or_default()),
    },
    Spec {
        name: "get",
        signature: "x, key, [otherwise]",
        arguments: (2, 3),
        about: "The field of an object or the item of a list, counted from 0, or from the end where it is negative; a \
                text that is JSON counts as what it holds. `order.items[0]` is the same without `otherwise`.",
        examples: &[
            ("get(object(\"size\", \"L\"), \"size\")", "\"L\""),
            ("get(['a', 'b'], -1)", "\"b\""),
            ("get(object(), \"size\", \"M\")", "\"M\""),
        ],
        run: |arguments, _| {
            let parsed;
            let from = match argument(arguments, 0) {
                Value::Text(text) => {
                    parsed = parse_json(text);
                    &parsed
                }
                other => other,
            };
            let found = from.at(argument(arguments, 1));
            Ok(if found == Value::Null { argument(arguments, 2).clone() } else { found })
        },
    },
    Spec {
        name: "join",
        signature: "list, [between], [before_last]",
        arguments: (1, 3),
        about: "The items of the list as one text, with `, ` or that text between them.",
        examples: &[
            ("join([1, 2, 3])", "\"1, 2, 3\""),
            ("join([\"a\", \"b\", \"c\"], \", \", \" and \")", "\"a, b and c\""),
        ],
        run: |arguments, call| {
            let between = if arguments.len() > 1 { text_of(arguments, 1) } else { ", ".into() };
            let last = if arguments.len() > 2 { text_of(arguments, 2) } else { between.clone() };
            let texts: Vec<String> = items(arguments, 0).iter().map(Value::to_string).collect();
            let longest = between.len().max(last.len());
            call.room(texts.iter().map(|text| text.len() + longest).sum())?;
            Ok(Value::text(match texts.split_last() {
                Some((end, rest)) if !rest.is_empty() => format!("{}{last}{end}", rest.join(&between)),
                _ => texts.concat(),
            }))
        },
    },
    Spec {
        name: "json",
        signature: "x",
        arguments: (1, 1),
        about: "The value as JSON.",
        examples: &[("json(object(\"a\", [1, null, \"x\"]))", "'{\"a\":[1,null,\"x\"]}'")],
        run: |arguments, _| Ok(Value::text(argument(arguments, 0).to_json().to_string())),
    },
    Spec {
        name: "keys",
        signature: "object",
        arguments: (1, 1),
        about: "The names of an object's fields, in the order of the alphabet.",
        examples: &[("keys(object(\"b\", 1, \"a\", 2))", "[\"a\", \"b\"]")],
        run: |arguments, _| Ok(Value::list(fields(arguments, 0).keys().map(Value::text))),
    },
    Spec {
        name: "last",
        signature: "list",
        arguments: (1, 1),
        about: "The last item.",
        examples: &[("last([1, 2])", "2")],
        run: |arguments, _| Ok(items(arguments, 0).last().cloned().unwrap_or_default()),
    },
    Spec {
        name: "len",
        signature: "x",
        arguments: (1, 1),
        about: "How many characters a text, items a list, or fields an object has.",
        examples: &[("len(\"grün\")", "4"), ("len([1, 2])", "2"), ("len(object(\"a\", 1))", "1")],
        run: |arguments, _| {
            Ok(count(match argument(arguments, 0) {
                Value::List(items) => items.len(),
                Value::Object(fields) => fields.len(),
                _ => text_of(arguments, 0).chars().count(),
            }))
        },
    },
    Spec {
        name: "merge",
        signature: "object, object, …",
        arguments: (1, MANY),
        about: "The fields of all; those of a later object stand in for those of an earlier one.",
        examples: &[("merge(object(\"a\", 1), object(\"a\", 2, \"b\", 3))", "object(\"a\", 2, \"b\", 3)")],
        run: |arguments, _| {
            let mut merged = BTreeMap::new();
            for index in 0..arguments.len() {
                merged.extend(
                    fields(arguments, index).iter().map(|(name, value)| (Arc::clone(name), value.clone())),
                );
            }
            Ok(Value::Object(Arc::new(merged)))
        },
    },
    Spec {
        name: "object",
        signature: "name, value, …",
        arguments: (0, MANY),
        about: "An object of names and values in turn.",
        examples: &[("object(\"id\", 7, \"tags\", [\"a\"])", "parse_json('{\"id\": 7, \"tags\": [\"a\"]}')")],
        run: |arguments, _| {
            let pairs = (0..arguments.len()).step_by(2);
            let fields =
                pairs.map(|at| (Arc::from(text_of(arguments, at)), argument(arguments, at + 1).clone()));
            Ok(Value::Object(Arc::new(fields.collect())))
        },
    },
    Spec {
        name: "parse_json",
        signature: "text",
        arguments: (1, 1),
        about: "What a text of JSON holds; nothing where it is none.",
        examples: &[("parse_json('{\"a\": [1, 2]}').a[1]", "2"), ("parse_json(\"{\")", "null")],
        run: |arguments, call| {
            let text = text_of(arguments, 0);
            // An item may take far more room than the two letters it is written with.
            call.room(text.len() * 4)?;
            Ok(parse_json(&text))
        },
    },
    Spec {
        name: "pluck",
        signature: "list, field",
        arguments: (2, 2),
        about: "That field of every object of the list.",
        examples: &[(
            "join(pluck(parse_json('[{\"name\": \"Tea\"}, {\"name\": \"Milk\"}]'), \"name\"))",
            "\"Tea, Milk\"",
        )],
        run: |arguments, _| {
            let name = text_of(arguments, 1);
            Ok(Value::list(items(arguments, 0).iter().map(|item| item.field(&name))))
        },
    },
    Spec {
        name: "range",
        signature: "from, to",
        arguments: (2, 2),
        about: "The whole numbers from one to another, both included; 1 000 at most.",
        examples: &[("range(1, 3)", "[1, 2, 3]"), ("range(2, 1)", "[]")],
        run: |arguments, call| {
            let ends = number_of(arguments, 0).zip(number_of(arguments, 1));
            let Some((from, to)) = ends.filter(|(from, to)| from.fract() == 0.0 && to.fract() == 0.0) else {
                return Ok(Value::Null);
            };
            let length = (to - from + 1.0).max(0.0);
            if length > 1_000.0 {
                return Err(EvalError::TooLarge);
            }
            call.room(count_of(&[Value::Number(length)], 0, 1_000).unwrap_or(0) * 16)?;
            let numbers = std::iter::successors(Some(from), |number| Some(number + 1.0));
            Ok(Value::list(numbers.take_while(|number| *number <= to).take(1_000).map(Value::Number)))
        },
    },
    Spec {
        name: "reverse",
        signature: "list",
        arguments: (1, 1),
        about: "The items from the last to the first.",
        examples: &[("reverse([1, 2, 3])", "[3, 2, 1]")],
        run: |arguments, _| Ok(Value::list(items(arguments, 0).iter().rev().cloned())),
    },
    Spec {
        name: "slice",
        signature: "list, start, [length]",
        arguments: (2, 3),
        about: "The items from `start` on, counted from 0.",
        examples: &[("slice([1, 2, 3, 4], 1, 2)", "[2, 3]"), ("slice([1, 2], 5)", "[]")],
        run: |arguments, _| {
            let start = count_of(arguments, 1, u32::MAX).unwrap_or(0);
            let most = count_of(arguments, 2, u32::MAX).unwrap_or(usize::MAX);
            Ok(Value::list(items(arguments, 0).iter().skip(start).take(most).cloned()))
        },
    },
    Spec {
        name: "sort",
        signature: "list, [field]",
        arguments: (1, 2),
        about: "The items in order, by their field if one is named: numbers by size before texts by their letters, \
                other things last. Items of the same place keep their order.",
        examples: &[
            ("sort([10, 9, \"b\", \"a\"])", "[9, 10, \"a\", \"b\"]"),
            ("pluck(sort(parse_json('[{\"n\": \"b\"}, {\"n\": \"a\"}]'), \"n\"), \"n\")", "[\"a\", \"b\"]"),
        ],
        run: |arguments, call| {
            let name = arguments.get(1).map(|_| text_of(arguments, 1));
            let mut sorted: Vec<(Value, Value)> = items(arguments, 0)
                .iter()
                .map(|item| {
                    (name.as_ref().map_or_else(|| item.clone(), |name| item.field(name)), item.clone())
                })
                .collect();
            // Some twenty comparisons for each of the largest list.
            call.budget.spend(argument(arguments, 0).size().saturating_mul(20))?;
            sorted.sort_by(|(left, _), (right, _)| in_order(left, right));
            Ok(Value::list(sorted.into_iter().map(|(_, item)| item)))
        },
    },
    Spec {
        name: "unique",
        signature: "list",
        arguments: (1, 1),
        about: "The list without items that are there before.",
        examples: &[("unique([1, 2, 1])", "[1, 2]")],
        run: |arguments, call| {
            let mut kept: Vec<&Value> = Vec::new();
            for item in items(arguments, 0) {
                call.budget.spend(kept.len() + item.size())?;
                if !kept.iter().any(|before| is_same(before, item)) {
                    kept.push(item);
                }
            }
            Ok(Value::list(kept.into_iter().cloned()))
        },
    },
    Spec {
        name: "values",
        signature: "object",
        arguments: (1, 1),
        about: "The values of an object's fields, in the order of their names.",
        examples: &[("values(object(\"b\", 1, \"a\", 2))", "[2, 1]")],
        run: |arguments, _| Ok(Value::list(fields(arguments, 0).values().cloned())),
    },
];

/// The items of a list; anything else has none.
fn items(arguments: &[Value], index: usize) -> &[Value] {
    match argument(arguments, index) {
        Value::List(items) => items,
        _ => &[],
    }
}

/// The fields of an object; anything else has none.
fn fields(arguments: &[Value], index: usize) -> &BTreeMap<Arc<str>, Value> {
    static NONE: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    match argument(arguments, index) {
        Value::Object(fields) => fields,
        _ => &NONE,
    }
}

fn parse_json(text: &str) -> Value {
    serde_json::from_str(text).ok().and_then(|json| Value::from_json(&json)).unwrap_or_default()
}

/// A total order: kinds one after the other, within a kind by their own.
fn in_order(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Number(_) => 0,
        Value::Text(_) => 1,
        Value::Bool(_) => 2,
        Value::List(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    };
    rank(left).cmp(&rank(right)).then_with(|| order(left, right).unwrap_or(Ordering::Equal))
}
