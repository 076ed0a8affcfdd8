//! Functions that choose.

use super::{Spec, Value, argument, text_of};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "boolean",
        signature: "x",
        arguments: (1, 1),
        about: "Whether the value counts as true: `true`, a number other than 0, anything that is not empty. The \
                texts `false`, `no`, `off` and `0` do not.",
        examples: &[("boolean(\"yes\") and not boolean(\"No\") and not boolean(0)", "true")],
        run: |arguments, _| {
            let text = text_of(arguments, 0).trim().to_lowercase();
            let denied = ["false", "no", "off", "0", ""].contains(&text.as_str());
            Ok(Value::Bool(argument(arguments, 0).is_true() && !denied))
        },
    },
    Spec {
        name: "default",
        signature: "x, otherwise",
        arguments: (2, 2),
        about: "The first value, or the second where the first is nothing, blank or empty.",
        examples: &[("default(\" \", \"there\")", "\"there\""), ("default(0, 5)", "0")],
        run: |arguments, _| {
            let index = usize::from(argument(arguments, 0).is_empty());
            Ok(argument(arguments, index).clone())
        },
    },
    Spec {
        name: "empty",
        signature: "x",
        arguments: (1, 1),
        about: "Whether the value is nothing, a blank text, or a list or object without anything in it.",
        examples: &[("empty(\"  \") and empty(null) and empty([])", "true"), ("empty(0)", "false")],
        run: |arguments, _| Ok(Value::Bool(argument(arguments, 0).is_empty())),
    },
    Spec {
        name: "if",
        signature: "condition, then, otherwise",
        arguments: (3, 3),
        about: "The second value where the condition counts as true, else the third. The other is not looked at.",
        examples: &[("if(2 > 1, \"more\", 1 / 0)", "\"more\"")],
        // The parser makes a node of its own of it; it is listed here for the reference.
        run: |arguments, _| {
            let index = if argument(arguments, 0).is_true() { 1 } else { 2 };
            Ok(argument(arguments, index).clone())
        },
    },
    Spec {
        name: "kind",
        signature: "x",
        arguments: (1, 1),
        about: "`null`, `boolean`, `number`, `string`, `list` or `object`.",
        examples: &[("kind([1])", "\"list\""), ("kind(\"a\")", "\"string\"")],
        run: |arguments, _| {
            Ok(Value::text(match argument(arguments, 0) {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::Text(_) => "string",
                Value::List(_) => "list",
                Value::Object(_) => "object",
            }))
        },
    },
];
