//! Functions on texts.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use super::{Call, EvalError, MANY, Spec, Value, argument, count, count_of, number_of, text_of};
use crate::expression::evaluate::{is_in, is_same};

/// Longest pattern, in bytes.
const PATTERN_MAX: usize = 200;
/// What reading a pattern costs.
const PATTERN_COST: usize = 25_000;
/// How much memory a pattern that was read may take, in bytes.
const PATTERN_SIZE: usize = 128 * 1_024;

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "capitalize",
        signature: "text",
        arguments: (1, 1),
        about: "The text with its first letter in upper case.",
        examples: &[("capitalize(\"ada lovelace\")", "\"Ada lovelace\"")],
        run: |arguments, _| {
            let text = text_of(arguments, 0);
            let mut letters = text.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string());
            Ok(Value::text(first.unwrap_or_default() + letters.as_str()))
        },
    },
    Spec {
        name: "concat",
        signature: "a, b, …",
        arguments: (1, MANY),
        about: "The texts one behind the other, as `a ~ b` does it.",
        examples: &[("concat(\"No. \", 7)", "\"No. 7\"")],
        run: |arguments, call| {
            let parts: Vec<_> = (0..arguments.len()).map(|index| text_of(arguments, index)).collect();
            call.room(parts.iter().map(|part| part.len()).sum())?;
            Ok(Value::text(parts.concat()))
        },
    },
    Spec {
        name: "contains",
        signature: "whole, part",
        arguments: (2, 2),
        about: "Whether a text holds another, a list an item, or an object a name; `part in whole` is the same.",
        examples: &[
            ("contains(\"order 12\", \"12\")", "true"),
            ("contains([\"a\", \"b\"], \"c\")", "false"),
            ("\"b\" in [\"a\", \"b\"] and contains(object(\"a\", 1), \"a\")", "true"),
        ],
        run: |arguments, _| Ok(Value::Bool(is_in(argument(arguments, 1), argument(arguments, 0)))),
    },
    Spec {
        name: "digits",
        signature: "text",
        arguments: (1, 1),
        about: "The digits of the text, and nothing else of it.",
        examples: &[("digits(\"+49 (89) 12-34\")", "\"49891234\"")],
        run: |arguments, _| {
            Ok(Value::text(text_of(arguments, 0).chars().filter(char::is_ascii_digit).collect::<String>()))
        },
    },
    Spec {
        name: "ends_with",
        signature: "text, end",
        arguments: (2, 2),
        about: "Whether the text ends so.",
        examples: &[("ends_with(\"photo.png\", \".png\")", "true")],
        run: |arguments, _| Ok(Value::Bool(text_of(arguments, 0).ends_with(text_of(arguments, 1).as_ref()))),
    },
    Spec {
        name: "extract",
        signature: "text, pattern",
        arguments: (2, 2),
        about: "The first part of the text that matches the pattern, or what its first group matched. Nothing if none \
                does. Patterns are regular expressions without look-around and back references, of up to 200 bytes.",
        examples: &[
            ("extract(\"my order is 4711, thanks\", \"[0-9]+\")", "\"4711\""),
            ("extract(\"id=abc;\", \"id=([a-z]+)\")", "\"abc\""),
            ("extract(\"none\", \"[0-9]+\")", "null"),
        ],
        run: |arguments, call| {
            let text = text_of(arguments, 0);
            let Some(pattern) = pattern(&text_of(arguments, 1), &text, call)? else { return Ok(Value::Null) };
            let found = pattern.captures(&text).and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
            Ok(found.map_or(Value::Null, |found| Value::text(found.as_str())))
        },
    },
    Spec {
        name: "lower",
        signature: "text",
        arguments: (1, 1),
        about: "The text in lower case.",
        examples: &[("lower(\"Grün\")", "\"grün\"")],
        run: |arguments, _| Ok(Value::text(text_of(arguments, 0).to_lowercase())),
    },
    Spec {
        name: "matches",
        signature: "text, pattern",
        arguments: (2, 2),
        about: "Whether a part of the text matches the pattern (see `extract`); `^` and `$` stand for its ends.",
        examples: &[
            ("matches(\"AB-1234\", \"^[A-Z]{2}-[0-9]{4}$\")", "true"),
            ("matches(\"hello\", \"(?i)HELL\")", "true"),
        ],
        run: |arguments, call| {
            let text = text_of(arguments, 0);
            let pattern = pattern(&text_of(arguments, 1), &text, call)?;
            Ok(pattern.map_or(Value::Null, |pattern| Value::Bool(pattern.is_match(&text))))
        },
    },
    Spec {
        name: "pad",
        signature: "text, width, [with]",
        arguments: (2, 3),
        about: "The text with blanks, or another character, in front, until it has that many characters.",
        examples: &[("pad(7, 3, \"0\")", "\"007\""), ("pad(\"abcd\", 3)", "\"abcd\"")],
        run: |arguments, call| {
            let text = text_of(arguments, 0);
            let Some(width) = count_of(arguments, 1, 1_000) else { return Ok(Value::Null) };
            let with = text_of(arguments, 2).chars().next().unwrap_or(' ');
            let missing = width.saturating_sub(text.chars().count());
            call.room(text.len() + missing * with.len_utf8())?;
            Ok(Value::text(std::iter::repeat_n(with, missing).collect::<String>() + &text))
        },
    },
    Spec {
        name: "position",
        signature: "whole, part",
        arguments: (2, 2),
        about: "Where a text first holds another, or a list an item, counted from 0; nothing where it does not.",
        examples: &[
            ("position(\"grün 12\", \"12\")", "5"),
            ("position([\"a\", \"b\"], \"b\")", "1"),
            ("position(\"abc\", \"x\")", "null"),
        ],
        run: |arguments, call| {
            let (whole, part) = (argument(arguments, 0), argument(arguments, 1));
            if let Value::List(items) = whole {
                call.budget.spend(items.len().saturating_mul(part.size()))?;
                return Ok(items.iter().position(|item| is_same(item, part)).map_or(Value::Null, count));
            }
            let (whole, part) = (text_of(arguments, 0), text_of(arguments, 1));
            let characters = |at: usize| whole[..at].chars().count();
            Ok(whole.find(&*part).map_or(Value::Null, |at| count(characters(at))))
        },
    },
    Spec {
        name: "repeat",
        signature: "text, times",
        arguments: (2, 2),
        about: "The text so many times, one behind the other.",
        examples: &[("repeat(\"ab\", 3)", "\"ababab\""), ("repeat(\"*\", 0)", "\"\"")],
        run: |arguments, call| {
            let text = text_of(arguments, 0);
            let Some(times) = count_of(arguments, 1, 1_000) else { return Ok(Value::Null) };
            call.room(text.len() * times)?;
            Ok(Value::text(text.repeat(times)))
        },
    },
    Spec {
        name: "replace",
        signature: "text, old, new",
        arguments: (3, 3),
        about: "The text with every `old` replaced by `new`.",
        examples: &[("replace(\"1,234,567\", \",\", \"\")", "\"1234567\"")],
        run: |arguments, call| {
            let (text, old, new) = (text_of(arguments, 0), text_of(arguments, 1), text_of(arguments, 2));
            if old.is_empty() {
                return Ok(Value::text(text));
            }
            call.room(text.len() + text.matches(old.as_ref()).count() * new.len())?;
            Ok(Value::text(text.replace(old.as_ref(), &new)))
        },
    },
    Spec {
        name: "split",
        signature: "text, [at]",
        arguments: (1, 2),
        about: "The parts of the text between blanks, or between that text.",
        examples: &[
            ("split(\"red,green,blue\", \",\")", "[\"red\", \"green\", \"blue\"]"),
            ("split(\" two  words \")", "[\"two\", \"words\"]"),
        ],
        run: |arguments, call| {
            let (text, at) = (text_of(arguments, 0), text_of(arguments, 1));
            // A part of a list costs more than its letters.
            call.room(text.len() * 9)?;
            if at.is_empty() {
                return Ok(Value::list(text.split_whitespace().map(Value::text)));
            }
            Ok(Value::list(text.split(at.as_ref()).map(Value::text)))
        },
    },
    Spec {
        name: "starts_with",
        signature: "text, beginning",
        arguments: (2, 2),
        about: "Whether the text begins so.",
        examples: &[("starts_with(\"+4989\", \"+49\")", "true")],
        run: |arguments, _| {
            Ok(Value::Bool(text_of(arguments, 0).starts_with(text_of(arguments, 1).as_ref())))
        },
    },
    Spec {
        name: "substring",
        signature: "text, start, [length]",
        arguments: (2, 3),
        about: "The characters from `start` on, counted from 0, or from the end where it is negative.",
        examples: &[("substring(\"message\", 0, 4)", "\"mess\""), ("substring(\"message\", -3)", "\"age\"")],
        run: |arguments, _| {
            let text = text_of(arguments, 0);
            let Some(start) = number_of(arguments, 1).filter(|start| start.fract() == 0.0) else {
                return Ok(Value::Null);
            };
            let length = text.chars().count();
            let start = if start < 0.0 {
                length.saturating_sub(count_of(&[Value::Number(-start)], 0, u32::MAX).unwrap_or(length))
            } else {
                count_of(&[Value::Number(start)], 0, u32::MAX).unwrap_or(length)
            };
            let most =
                if arguments.len() > 2 { count_of(arguments, 2, u32::MAX).unwrap_or(0) } else { length };
            Ok(Value::text(text.chars().skip(start).take(most).collect::<String>()))
        },
    },
    Spec {
        name: "text",
        signature: "x",
        arguments: (1, 1),
        about: "The value as text; a list or an object is JSON.",
        examples: &[("text(12.50)", "\"12.5\""), ("text([1, \"a\"])", "'[1,\"a\"]'")],
        run: |arguments, _| Ok(Value::text(text_of(arguments, 0))),
    },
    Spec {
        name: "trim",
        signature: "text",
        arguments: (1, 1),
        about: "The text without blanks at its ends.",
        examples: &[("trim(\"  hello \")", "\"hello\"")],
        run: |arguments, _| Ok(Value::text(text_of(arguments, 0).trim())),
    },
    Spec {
        name: "truncate",
        signature: "text, length, [end]",
        arguments: (2, 3),
        about: "The text, cut to so many characters; one that was cut ends with `…`, or with `end`.",
        examples: &[
            ("truncate(\"a long story\", 7)", "\"a long…\""),
            ("truncate(\"short\", 7)", "\"short\""),
        ],
        run: |arguments, _| {
            let text = text_of(arguments, 0);
            let Some(most) = count_of(arguments, 1, u32::MAX) else { return Ok(Value::Null) };
            if text.chars().count() <= most {
                return Ok(Value::text(text));
            }
            let end = if arguments.len() > 2 { text_of(arguments, 2) } else { "…".into() };
            let kept = most.saturating_sub(end.chars().count());
            Ok(Value::text(text.chars().take(kept).chain(end.chars()).take(most).collect::<String>()))
        },
    },
    Spec {
        name: "upper",
        signature: "text",
        arguments: (1, 1),
        about: "The text in upper case.",
        examples: &[("upper(\"grün\")", "\"GRÜN\"")],
        run: |arguments, _| Ok(Value::text(text_of(arguments, 0).to_uppercase())),
    },
    Spec {
        name: "url_encode",
        signature: "text",
        arguments: (1, 1),
        about: "The text as it stands in a part of a web address.",
        examples: &[("url_encode(\"50% & more\")", "\"50%25%20%26%20more\"")],
        run: |arguments, call| {
            let text = text_of(arguments, 0);
            call.room(text.len() * 3)?;
            Ok(Value::text(url_encode(&text)))
        },
    },
];

/// The text with every byte escaped that does not stand for itself in a part of a web address.
pub(crate) fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Reads a pattern; the engine's time is linear in the text.
pub(crate) fn read_pattern(source: &str) -> Result<Regex, String> {
    if source.len() > PATTERN_MAX {
        return Err(format!("a pattern has up to {PATTERN_MAX} bytes"));
    }
    let pattern = RegexBuilder::new(source).size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE).build();
    pattern.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        // The message draws the pattern over several lines; the last one says what is wrong.
        error => format!("bad pattern: {}", error.to_string().lines().last().unwrap_or_default().trim()),
    })
}

pub(super) fn check_pattern(source: &str) -> Result<(), String> {
    read_pattern(source).map(|_| ())
}

fn pattern(source: &str, text: &str, call: &mut Call<'_, '_>) -> Result<Option<Regex>, EvalError> {
    call.budget.spend(PATTERN_COST)?;
    call.budget.spend(text.len().saturating_mul(10))?;
    Ok(read_pattern(source).ok())
}
