//! Functions on numbers.

use super::{EvalError, MANY, Spec, Value, argument, count_of, number_of, text_of};
use crate::locale::Locale;

/// Most decimals.
const PLACES_MAX: u32 = 12;

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "abs",
        signature: "x",
        arguments: (1, 1),
        about: "The number without its sign.",
        examples: &[("abs(-3)", "3")],
        run: |arguments, _| Ok(with(arguments, f64::abs)),
    },
    Spec {
        name: "average",
        signature: "list",
        arguments: (1, 1),
        about: "The mean of the numbers of the list; nothing for a list without numbers.",
        examples: &[("average([2, 3, 7])", "4"), ("average([])", "null")],
        run: |arguments, _| {
            let numbers = numbers(arguments);
            #[expect(clippy::cast_precision_loss, reason = "lists are short")]
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            Ok(Value::number(mean).unwrap_or_default())
        },
    },
    Spec {
        name: "ceil",
        signature: "x",
        arguments: (1, 1),
        about: "The next whole number that is not smaller.",
        examples: &[("ceil(2.1)", "3")],
        run: |arguments, _| Ok(with(arguments, f64::ceil)),
    },
    Spec {
        name: "floor",
        signature: "x",
        arguments: (1, 1),
        about: "The next whole number that is not larger.",
        examples: &[("floor(2.9)", "2"), ("floor(-0.5)", "-1")],
        run: |arguments, _| Ok(with(arguments, f64::floor)),
    },
    Spec {
        name: "format_money",
        signature: "x, currency, [language]",
        arguments: (2, 3),
        about: "An amount of a currency, given by its three letters, as people write it in the contact's language, \
                or in that one.",
        examples: &[
            ("format_money(1234.5, \"USD\")", "\"$1,234.50\""),
            ("format_money(1234.5, \"EUR\", \"de\") == \"1.234,50\u{a0}€\"", "true"),
        ],
        run: |arguments, call| {
            let locale = locale(arguments, 2, call.scope.locale());
            let currency = text_of(arguments, 1).to_ascii_uppercase();
            let is_code = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase());
            let amount = number_of(arguments, 0).filter(|_| is_code);
            Ok(amount.map_or(Value::Null, |amount| Value::text(locale.money(amount, &currency))))
        },
    },
    Spec {
        name: "format_number",
        signature: "x, [decimals], [language]",
        arguments: (1, 3),
        about: "The number as people write it in the contact's language, or in that one. Languages: de, en, en-GB, \
                es, fr, it, nl, pt; others as in English.",
        examples: &[
            ("format_number(1234567.891, 2)", "\"1,234,567.89\""),
            ("format_number(1234.5, 2, \"de\")", "\"1.234,50\""),
            ("format_number(1234.5)", "\"1,234.5\""),
        ],
        run: |arguments, call| {
            let locale = locale(arguments, 2, call.scope.locale());
            let places = count_of(arguments, 1, PLACES_MAX);
            let number = number_of(arguments, 0);
            Ok(number.map_or(Value::Null, |number| Value::text(locale.number(number, places))))
        },
    },
    Spec {
        name: "format_percent",
        signature: "x, [decimals], [language]",
        arguments: (1, 3),
        about: "A part of one as so many in a hundred.",
        examples: &[("format_percent(0.256, 1)", "\"25.6%\""), ("format_percent(1)", "\"100%\"")],
        run: |arguments, call| {
            let locale = locale(arguments, 2, call.scope.locale());
            let places = count_of(arguments, 1, PLACES_MAX).unwrap_or(0);
            let part = number_of(arguments, 0);
            Ok(part.map_or(Value::Null, |part| Value::text(locale.percent(part, places))))
        },
    },
    Spec {
        name: "max",
        signature: "a, b, … or list",
        arguments: (1, MANY),
        about: "The largest of the numbers.",
        examples: &[("max(2, 7, 3)", "7"), ("max([2, 7, 3])", "7")],
        run: |arguments, _| Ok(best(arguments, f64::max)),
    },
    Spec {
        name: "min",
        signature: "a, b, … or list",
        arguments: (1, MANY),
        about: "The smallest of the numbers.",
        examples: &[("min(2, 7, 3)", "2"), ("min([])", "null")],
        run: |arguments, _| Ok(best(arguments, f64::min)),
    },
    Spec {
        name: "number",
        signature: "x",
        arguments: (1, 1),
        about: "The number that a text spells; nothing where it spells none.",
        examples: &[("number(\" 12.50\")", "12.5"), ("number(\"twelve\")", "null")],
        run: |arguments, _| Ok(with(arguments, |number| number)),
    },
    Spec {
        name: "power",
        signature: "x, exponent",
        arguments: (2, 2),
        about: "The number to the power of another; nothing where that is no number that can be held.",
        examples: &[
            ("power(2, 10)", "1024"),
            ("round(1000 * power(1.05, 3), 2)", "1157.63"),
            ("power(9, 0.5)", "3"),
        ],
        run: |arguments, _| {
            let power = number_of(arguments, 0).zip(number_of(arguments, 1)).map(|(x, by)| x.powf(by));
            Ok(power.and_then(Value::number).unwrap_or_default())
        },
    },
    Spec {
        name: "round",
        signature: "x, [decimals]",
        arguments: (1, 2),
        about: "The number with so many decimals, without any if none are named. Halves are rounded away from zero.",
        examples: &[("round(2.345, 2)", "2.35"), ("round(2.5)", "3"), ("round(-2.5)", "-3")],
        run: |arguments, _| {
            let places = count_of(arguments, 1, PLACES_MAX).unwrap_or(0);
            let scale = 10_f64.powi(i32::try_from(places).unwrap_or(0));
            Ok(with(arguments, |number| {
                let scaled = number * scale;
                // The neighbour of a half that a decimal fraction becomes is a half to who wrote it.
                let rounded = (scaled + scaled.signum() * scaled.abs() * f64::EPSILON).round();
                if rounded.is_finite() { rounded / scale } else { number }
            }))
        },
    },
    Spec {
        name: "sum",
        signature: "list",
        arguments: (1, 1),
        about: "The numbers of the list together.",
        examples: &[("sum([2, \"3\", 7])", "12"), ("sum([])", "0")],
        run: |arguments, _| Value::number(numbers(arguments).iter().sum()).ok_or(EvalError::NotFinite),
    },
];

/// The locale that an argument names, else the contact's.
pub(super) fn locale(arguments: &[Value], index: usize, contact: &'static Locale) -> &'static Locale {
    match argument(arguments, index) {
        Value::Text(tag) => Locale::of(tag),
        _ => contact,
    }
}

fn with(arguments: &[Value], change: impl Fn(f64) -> f64) -> Value {
    number_of(arguments, 0).and_then(|number| Value::number(change(number))).unwrap_or_default()
}

/// The numbers among the arguments, or in the list that is the only one.
fn numbers(arguments: &[Value]) -> Vec<f64> {
    let items = match arguments {
        [Value::List(items)] => items.as_slice(),
        items => items,
    };
    items.iter().filter_map(Value::as_number).collect()
}

fn best(arguments: &[Value], choose: impl Fn(f64, f64) -> f64) -> Value {
    numbers(arguments).into_iter().reduce(choose).map_or(Value::Null, Value::Number)
}
