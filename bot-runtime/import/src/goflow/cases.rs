//! The tests of a router as expressions of ours.

use super::context::Scope;
use crate::build::{quoted, variable_name};

/// A test as expressions.
#[derive(Debug, PartialEq)]
pub(crate) struct Test {
    /// Whether it passes.
    pub(crate) when: String,
    /// What it found.
    pub(crate) value: String,
    /// What else it found.
    pub(crate) extra: Option<String>,
    /// What is different here.
    pub(crate) note: Option<&'static str>,
}

/// An argument: as an expression, and as a text if it is one.
pub(crate) type Argument = (String, Option<String>);

/// A test of the operand, an expression of ours. `path` is that of a result or of groups.
pub(crate) fn test(
    scope: &mut Scope<'_>,
    kind: &str,
    operand: &str,
    path: Option<&[String]>,
    arguments: &[Argument],
) -> Result<Test, String> {
    let [first, second] = [0, 1].map(|index| arguments.get(index).map_or("\"\"", |(text, _)| text.as_str()));
    let number =
        format!("number(replace(extract(text({operand}), \"(-?[0-9][0-9,]*(?:[.][0-9]+)?)\"), \",\", \"\"))");
    let compared = |sign: &str| of_value(&number, &format!("{number} {sign} number({first})"));
    let (when, value) = match kind {
        "has_any_word" => found(format!("any_word({operand}, {first})")),
        "has_all_words" => found(format!("all_words({operand}, {first})")),
        "has_phrase" => found(format!("phrase({operand}, {first})")),
        "has_only_phrase" => {
            let words = format!("join(words({operand}), \" \")");
            (format!("lower({words}) == lower(join(words({first}), \" \"))"), words)
        }
        "has_only_text" => (format!("text({operand}) == text({first})"), operand.to_owned()),
        "has_beginning" => (
            format!("starts_with(lower(trim({operand})), lower(trim({first})))"),
            format!("substring(trim({operand}), 0, len(trim({first})))"),
        ),
        "has_text" | "has_value" => (format!("not empty({operand})"), format!("trim({operand})")),
        "has_number" => (format!("{number} != null"), number),
        "has_number_between" => {
            of_value(&number, &format!("{number} >= number({first}) and {number} <= number({second})"))
        }
        "has_number_eq" => compared("=="),
        "has_number_gt" => compared(">"),
        "has_number_gte" => compared(">="),
        "has_number_lt" => compared("<"),
        "has_number_lte" => compared("<="),
        "has_email" => found(format!("extract({operand}, \"[^ ,;<>()@]+@[^ ,;<>()@]+[.][a-zA-Z]+\")")),
        "has_error" => (format!("{operand} == null"), "\"\"".to_owned()),
        "has_pattern" => return pattern(operand, arguments),
        "has_date" | "has_date_eq" | "has_date_gt" | "has_date_lt" => return Ok(date(kind, operand, first)),
        "has_time" => {
            let time = found(format!(
                "extract(lower({operand}), \"([0-9]{{1,2}}[:.][0-9]{{2}} ?(?:[ap]m)?|[0-9]{{1,2}} ?[ap]m)\")"
            ));
            return Ok(changed(time, "the time is kept as it was written"));
        }
        "has_phone" => return Ok(phone(operand, arguments)),
        "has_category" => return category(scope, path, arguments),
        "has_group" => return Ok(group(scope, arguments)),
        "has_intent" | "has_top_intent" => return Err("it asks a classifier; use an `nlu_router`".to_owned()),
        "has_state" | "has_district" | "has_ward" => {
            return Err("places are not looked up in a hierarchy".to_owned());
        }
        _ => return Err("there is nothing like it".to_owned()),
    };
    Ok(Test { when, value, extra: None, note: None })
}

/// A test that passes where an expression has a value.
fn found(value: String) -> (String, String) {
    (format!("{value} != null"), value)
}

fn of_value(value: &str, condition: &str) -> (String, String) {
    (format!("{value} != null and {condition}"), value.to_owned())
}

fn changed((when, value): (String, String), note: &'static str) -> Test {
    Test { when, value, extra: None, note: Some(note) }
}

fn pattern(operand: &str, arguments: &[Argument]) -> Result<Test, String> {
    let pattern = arguments.first().and_then(|(_, text)| text.as_deref());
    let pattern = pattern.ok_or("its pattern is not written out")?;
    let (inner, whole) = (quoted(&format!("(?mi){pattern}")), quoted(&format!("(?mi)({pattern})")));
    let value = format!("extract(trim({operand}), {whole})");
    let extra = pattern
        .contains('(')
        .then(|| format!("object(\"0\", {value}, \"1\", extract(trim({operand}), {inner}))"));
    Ok(Test { when: format!("matches(trim({operand}), {inner})"), value, extra, note: None })
}

fn date(kind: &str, operand: &str, argument: &str) -> Test {
    let day = format!("parse_date(extract({operand}, \"[0-9]{{1,4}}[-./][0-9]{{1,2}}[-./][0-9]{{1,4}}\"))");
    let sign = match kind {
        "has_date_eq" => "==",
        "has_date_gt" => ">",
        "has_date_lt" => "<",
        _ => return changed(found(day), "the day alone is kept, without a time"),
    };
    let other = format!("default(parse_date({argument}), date({argument}))");
    changed(of_value(&day, &format!("{day} {sign} {other}")), "the day alone is kept, without a time")
}

fn phone(operand: &str, arguments: &[Argument]) -> Test {
    let country = arguments.first().and_then(|(_, text)| text.as_deref()).unwrap_or_default();
    let digits = format!("digits({operand})");
    let number = if ["US", "CA"].contains(&country) {
        format!("if(len({digits}) == 10, \"+1\" ~ {digits}, \"+\" ~ {digits})")
    } else {
        format!("\"+\" ~ {digits}")
    };
    let when = format!("len({digits}) >= 7 and len({digits}) <= 15");
    changed((when, number), "a number without its country's code is taken as it is")
}

/// Whether a result has one of these categories.
fn category(scope: &mut Scope<'_>, path: Option<&[String]>, arguments: &[Argument]) -> Result<Test, String> {
    let result = match path {
        Some([root, name]) if root == "results" => scope.result(name),
        Some([root, list, name]) if root == "child" && list == "results" => {
            let key = variable_name("", name);
            scope.child_results.insert(key.clone());
            scope.variable(&variable_name("child_result_", &key), "object")
        }
        _ => return Err("it is asked of something else than a result".to_owned()),
    };
    let names: Vec<String> = arguments.iter().map(|(name, _)| format!("lower({name})")).collect();
    let value = format!("{result}.category");
    Ok(Test { when: format!("lower({value}) in [{}]", names.join(", ")), value, extra: None, note: None })
}

fn group(scope: &mut Scope<'_>, arguments: &[Argument]) -> Test {
    let groups = scope.groups();
    let [uuid, name] = [0, 1].map(|index| arguments.get(index).map(|(text, _)| text.clone()));
    let uuid = uuid.unwrap_or_else(|| "\"\"".to_owned());
    let value = name.unwrap_or_else(|| uuid.clone());
    let note = "groups are those that this conversation has added; groups by query are empty";
    changed((format!("{groups}[{uuid}] == true"), value), note)
}
