//! Texts with places to fill: `Hello {{ contact.name | trim | default("there") }}!`
//!
//! A tag holds an expression (see [`crate::expression`]) and filters behind bars. A filter is a function; what stands
//! before the bar is its first argument. Nothing, and an expression without a value, renders as an empty text, for
//! which `default` stands in. To write two braces: `{{ "{{" }}`. What comes out is plain text: the channel's adapter
//! escapes it for its network.

use serde::{Deserialize, Deserializer};

use crate::expression::{
    Budget, Call, EvalError, Expression, Function, Lexer, ParseError, Scope, Token, Value, parse,
    parse_arguments, url_encode,
};

/// Longest source of a template, in bytes.
pub const SOURCE_MAX: usize = 16_384;
/// Most tags of one template.
pub const TAGS_MAX: usize = 64;
/// Most filters of one tag.
pub const FILTERS_MAX: usize = 8;

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(Box<str>),
    Tag { expression: Expression, filters: Vec<Filter> },
}

/// What changes a tag's value.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    function: Function,
    /// Those behind the value itself.
    arguments: Vec<Expression>,
}

impl Template {
    /// Parses a source.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        if source.len() > SOURCE_MAX {
            return Err(ParseError {
                offset: SOURCE_MAX,
                message: format!("longer than {SOURCE_MAX} bytes"),
            });
        }
        let mut parts = Vec::new();
        let mut tags = 0;
        let mut at = 0;
        while let Some(before) = source[at..].find("{{") {
            tags += 1;
            if tags > TAGS_MAX {
                return Err(ParseError {
                    offset: at + before,
                    message: format!("more than {TAGS_MAX} tags"),
                });
            }
            if before > 0 {
                parts.push(Part::Text(source[at..at + before].into()));
            }
            let (tag, end) = parse_tag(source, at + before + 2)?;
            parts.push(tag);
            at = end;
        }
        if at < source.len() {
            parts.push(Part::Text(source[at..].into()));
        }
        Ok(Self { parts })
    }

    /// The text with an ellipsis in every place.
    pub fn outline(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(prose) => prose.to_string(),
            Part::Tag { .. } => "…".to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// Adds the names of the variables it reads.
    pub fn variables<'a>(&'a self, names: &mut Vec<&'a str>) {
        for part in &self.parts {
            match part {
                Part::Text(_) => {}
                Part::Tag { expression, filters } => {
                    expression.variables(names);
                    let arguments = filters.iter().flat_map(|filter| &filter.arguments);
                    arguments.for_each(|argument| argument.variables(names));
                }
            }
        }
    }

    /// As a web address: what fills a place is escaped as a part of one, but for a place at its beginning.
    pub fn render_url(
        &self,
        scope: &Scope<'_>,
        max: usize,
        budget: &mut Budget,
    ) -> Result<String, EvalError> {
        let mut url = String::new();
        for (index, part) in self.parts.iter().enumerate() {
            let room = max - url.len();
            match part {
                Part::Text(prose) => url.push_str(cut(prose, room)),
                Part::Tag { expression, filters } => {
                    let value = fill(expression, filters, scope, budget)?.to_string();
                    budget.spend(value.len())?;
                    let value = if index == 0 { value } else { url_encode(&value) };
                    url.push_str(cut(&value, room));
                }
            }
        }
        Ok(url)
    }

    /// The text with its places filled, at most `max` bytes of it. What it costs is taken from `budget`; the
    /// only error is that the budget is used up.
    pub fn render(&self, scope: &Scope<'_>, max: usize, budget: &mut Budget) -> Result<String, EvalError> {
        let mut text = String::new();
        for part in &self.parts {
            let room = max - text.len();
            match part {
                Part::Text(prose) => {
                    budget.spend(prose.len())?;
                    text.push_str(cut(prose, room));
                }
                Part::Tag { expression, filters } => {
                    let value = fill(expression, filters, scope, budget)?.to_string();
                    budget.spend(value.len())?;
                    text.push_str(cut(&value, room));
                }
            }
        }
        Ok(text)
    }
}

/// The value of a tag that makes up the whole template, so that `{{ count + 1 }}` stays a number; the text of any
/// other template. Without filters, an expression without a value is an error.
pub(crate) fn value_of(
    template: &Template,
    scope: &Scope<'_>,
    max: usize,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    match template.parts.as_slice() {
        [Part::Tag { expression, filters }] if filters.is_empty() => expression.evaluate(scope, budget),
        [Part::Tag { expression, filters }] => fill(expression, filters, scope, budget),
        _ => template.render(scope, max, budget).map(Value::text),
    }
}

/// The longest beginning of `text` of at most `max` bytes that does not split a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Reads from behind `{{`; returns the tag and where the text behind `}}` begins.
fn parse_tag(source: &str, offset: usize) -> Result<(Part, usize), ParseError> {
    let mut lexer = Lexer::new(source, offset)?;
    let expression = parse(&mut lexer)?;
    let mut filters = Vec::new();
    while lexer.take_sign("|")? {
        filters.push(parse_filter(&mut lexer)?);
        if filters.len() > FILTERS_MAX {
            return Err(lexer.error(&format!("more than {FILTERS_MAX} filters")));
        }
    }
    if !lexer.at("}}") {
        return Err(lexer.error("expected `}}`"));
    }
    Ok((Part::Tag { expression, filters }, lexer.offset() + 2))
}

fn parse_filter(lexer: &mut Lexer<'_>) -> Result<Filter, ParseError> {
    let unknown = lexer.error("expected a filter, which is the name of a function");
    let Token::Word(word) = lexer.take()? else { return Err(unknown) };
    let function = Function::parse(&word).ok_or(unknown)?;
    let arguments = if lexer.at("(") { parse_arguments(lexer)? } else { Vec::new() };
    function.check(arguments.len() + 1).map_err(|message| lexer.error(&message))?;
    Ok(Filter { function, arguments })
}

/// The value of a tag. The only error is that the budget is used up: what has no value is nothing.
fn fill(
    expression: &Expression,
    filters: &[Filter],
    scope: &Scope<'_>,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let mut value = nothing_if_failed(expression.evaluate(scope, budget))?;
    for Filter { function, arguments } in filters {
        let mut values = vec![value];
        for argument in arguments {
            values.push(nothing_if_failed(argument.evaluate(scope, budget))?);
        }
        value = nothing_if_failed(function.call(&values, &mut Call { scope, budget }))?;
    }
    Ok(value)
}

fn nothing_if_failed(outcome: Result<Value, EvalError>) -> Result<Value, EvalError> {
    match outcome {
        Err(EvalError::Kinds { .. } | EvalError::NotFinite | EvalError::TooLarge) => Ok(Value::Null),
        outcome => outcome,
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::parse(&source).map_err(|error| serde::de::Error::custom(format!("bad template: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::expression::{Facts, Moment};

    fn render_within(source: &str, max: usize) -> Result<String, String> {
        let variables =
            BTreeMap::from([("name".into(), Value::text("Ada")), ("count".into(), Value::Number(3.0))]);
        let defaults = BTreeMap::from([("unset".into(), Value::Null)]);
        let facts = Facts { contact_name: Value::text(" Åsa "), ..Facts::default() };
        let scope = Scope {
            variables: &variables,
            defaults: &defaults,
            facts: &facts,
            moment: Moment {
                now: chrono::DateTime::UNIX_EPOCH,
                zone: crate::clock::Zone::default(),
                hours: None,
            },
        };
        let template = Template::parse(source).map_err(|error| error.to_string())?;
        template.render(&scope, max, &mut Budget::new(100_000)).map_err(|error| error.to_string())
    }

    fn render(source: &str) -> String {
        render_within(source, 1_000).unwrap()
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(render("Hi {{name}}, {{ contact.name | trim | upper }}!"), "Hi Ada, ÅSA!");
        assert_eq!(render("{{ count + 1 }} of {{count}}"), "4 of 3");
        assert_eq!(render("no places } } {"), "no places } } {");
        assert_eq!(render(""), "");
    }

    #[test]
    fn default_stands_in_for_nothing() {
        assert_eq!(render("Hi {{ unset | default(\"you\") }}{{unset}}."), "Hi you.");
        assert_eq!(render("{{ name + 1 | default('?') }}"), "?");
        assert_eq!(render("{{ name | default('?') | lower }}"), "ada");
        assert_eq!(render("{{ unset | default(name ~ '!') }}"), "Ada!");
        assert_eq!(render("{{ [count, 'x', name] | sort | join(' ') }}"), "3 Ada x");
    }

    #[test]
    fn braces_can_be_written() {
        assert_eq!(render("{{ \"{{x}}\" }}}}"), "{{x}}}}");
    }

    #[test]
    fn the_text_is_cut_between_characters() {
        assert_eq!(render_within("ab{{ contact.name | trim }}", 3).unwrap(), "ab");
        assert_eq!(render_within("ab{{ contact.name | trim }}", 4).unwrap(), "abÅ");
    }

    #[test]
    fn faults_are_errors_that_say_where() {
        for (source, message) in [
            ("Hi {{name", "expected `}}` (at byte 9)"),
            ("Hi {{}}", "expected a value, found `}}` (at byte 5)"),
            ("{{ name | loud }}", "expected a filter, which is the name of a function (at byte 10)"),
            ("{{ name | default }}", "`default` takes 2 arguments (at byte 18)"),
            ("{{ a b }}", "expected `}}` (at byte 5)"),
        ] {
            assert_eq!(render_within(source, 1_000).unwrap_err(), message, "{source}");
        }
    }
}
