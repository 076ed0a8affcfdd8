use std::collections::BTreeMap;

use super::*;
use crate::clock::Zone;

fn moment() -> Moment<'static> {
    Moment {
        now: "2026-03-04T08:05:00Z".parse().unwrap(),
        zone: Zone::parse("Europe/Berlin").unwrap(),
        hours: None,
    }
}

fn evaluate(source: &str) -> Result<Value, String> {
    let variables = BTreeMap::from([
        ("name".into(), Value::text("Ada")),
        ("count".into(), Value::Number(3.0)),
        ("typed".into(), Value::text("12")),
        ("blank".into(), Value::text("  ")),
    ]);
    let defaults = BTreeMap::from([("colour".into(), Value::text("red")), ("unset".into(), Value::Null)]);
    let facts = Facts { channel: Value::text("web"), ..Facts::default() };
    let scope = Scope { variables: &variables, defaults: &defaults, facts: &facts, moment: moment() };
    let expression = Expression::parse(source).map_err(|error| error.to_string())?;
    expression.evaluate(&scope, &mut Budget::new(100_000)).map_err(|error| error.to_string())
}

fn is_true(source: &str) {
    assert_eq!(evaluate(source), Ok(Value::Bool(true)), "{source}");
}

#[test]
fn operators_bind_as_in_school() {
    for (source, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 3 - 2", 5.0),
        ("16 / 4 / 2", 2.0),
        ("17 % 5 + -1 % 7", 8.0),
        ("-2 + 5", 3.0),
        ("2 - -3", 5.0),
    ] {
        assert_eq!(evaluate(source), Ok(Value::Number(expected)), "{source}");
    }
    is_true("true or false and false");
    is_true("not false and true");
    is_true("not 1 == 2");
    is_true("1 + 1 == 2 and 3 > 2");
}

#[test]
fn names_come_from_variables_defaults_and_facts() {
    is_true("name == 'Ada' and colour == \"red\" and channel == 'web' and unset == null");
}

#[test]
fn a_number_and_a_text_that_spells_one_compare_as_numbers() {
    is_true("typed > 9 and typed == 12 and 12.0 == typed");
    is_true("name != 3");
    assert_eq!(evaluate("name < 3").unwrap_err(), "a text and a number do not go together");
}

#[test]
fn functions_do_what_they_say() {
    is_true("contains(name, 'd') and starts_with(name, 'A') and ends_with(name, 'a')");
    is_true("len(name) == 3 and lower(name) == 'ada' and upper(name) == 'ADA' and trim(blank) == ''");
    is_true("empty(blank) and empty(unset) and not empty(0) and default(unset, name) == name");
    is_true("number(typed) == 12 and number(name) == null and text(count) == '3'");
    is_true(
        "hour() == 9 and minute() == 5 and weekday() == 3 and date() == '2026-03-04' and time() == '09:05'",
    );
}

#[test]
fn faults_are_errors_that_say_where() {
    for (source, message) in [
        ("", "expected a value (at byte 0)"),
        ("1 +", "expected a value (at byte 3)"),
        ("a b", "expected an operator (at byte 2)"),
        ("(1", "expected `)` (at byte 2)"),
        ("'a", "the text has no closing quote (at byte 0)"),
        ("1 = 2", "`=` means nothing here (at byte 2)"),
        ("nosuch(1)", "`nosuch` is not known (at byte 0)"),
        ("contact.shoe", "`contact.shoe` is not known (at byte 0)"),
        ("len()", "`len` takes 1 arguments (at byte 5)"),
        ("round(1, 2, 3)", "`round` takes 1 to 2 arguments (at byte 14)"),
        ("if(1)", "`if` takes 3 arguments (at byte 5)"),
        ("matches(name, '(')", "bad pattern: error: unclosed group (at byte 18)"),
        ("name.", "expected a name (at byte 5)"),
        ("[1", "expected `]` (at byte 2)"),
        ("event", "`event` is not known (at byte 0)"),
        ("text([[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]])", "the result is too large"),
        ("1 < 2 < 3", "comparisons cannot be chained; write `a < b and b < c` (at byte 6)"),
        ("1 / 0", "the result is not a number"),
        ("name + 1", "a text and a number do not go together"),
    ] {
        assert_eq!(evaluate(source).unwrap_err(), message, "{source}");
    }
}

#[test]
fn lists_and_objects_are_looked_into() {
    is_true("[1, 'a', null][1] == 'a' and [1, 2][-1] == 2 and [1][5] == null");
    is_true("object('a', object('b', [7])).a.b[0] == 7 and object('a b', 1)['a b'] == 1");
    is_true("2 in [1, 2] and 'da' in name and 'a' in object('a', null) and not ('x' in [1])");
    is_true("[1, [2]] == [1, [2]] and [1] != [2] and object('a', 1) == object('a', 1) and [] != null");
    is_true("name.x.y == null and name ~ '-' ~ count == 'Ada-3'");
    is_true("if(count > 2, name, 1 / 0) == 'Ada' and if(false, 1 / 0, 2) == 2");
}

#[test]
fn depth_size_length_and_cost_are_bounded() {
    let nested = |depth| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(evaluate(&nested(DEPTH_MAX - 1)).is_ok());
    assert!(evaluate(&nested(DEPTH_MAX)).unwrap_err().starts_with("nested deeper"));
    assert!(evaluate(&format!("{}1", "-".repeat(500))).unwrap_err().starts_with("nested deeper"));
    assert!(evaluate(&format!("{}1", "not ".repeat(400))).unwrap_err().starts_with("nested deeper"));
    assert!(evaluate(&format!("1{}", "+1".repeat(SIZE_MAX))).unwrap_err().starts_with("more than"));
    assert!(evaluate(&" ".repeat(SOURCE_MAX + 1)).unwrap_err().starts_with("longer than"));

    let expression = Expression::parse("contains(name, 'x') or contains(name, 'y')").unwrap();
    let variables = BTreeMap::from([("name".into(), Value::text("a".repeat(100)))]);
    let scope = Scope {
        variables: &variables,
        defaults: &BTreeMap::new(),
        facts: &Facts::default(),
        moment: moment(),
    };
    assert_eq!(expression.evaluate(&scope, &mut Budget::new(150)), Err(EvalError::Budget));
    assert_eq!(expression.evaluate(&scope, &mut Budget::new(300)), Ok(Value::Bool(false)));
}
