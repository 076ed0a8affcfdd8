//! Filters (RFC 7644, 3.4.2.2): read once, then asked of each object.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    attributes::{Attribute, Object},
    error::Error,
};

/// The longest filter, in bytes.
const LONGEST: usize = 4096;
/// The deepest nesting.
const DEEPEST: usize = 16;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// The attribute has a value.
    Present(Attribute),
    /// One of its values compares so.
    Compare(Attribute, Operator, Value),
    /// One of its values, an object, passes a filter of its own.
    Among(Attribute, Box<Filter>),
    /// Both.
    And(Box<Filter>, Box<Filter>),
    /// One of the two.
    Or(Box<Filter>, Box<Filter>),
    /// Not this.
    Not(Box<Filter>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    OpenList,
    CloseList,
    Word(String),
    Text(Value),
}

/// Words, brackets and quoted texts.
fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    if text.len() > LONGEST {
        return Err(Error::filter("the filter is too long"));
    }
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::OpenList, 1),
            ']' => (Token::CloseList, 1),
            '"' => {
                let end = end_of_text(rest).ok_or_else(|| Error::filter("a text has no end"))?;
                let value = serde_json::from_str(&rest[..end])
                    .map_err(|_| Error::filter("a text is no JSON string"))?;
                (Token::Text(value), end)
            }
            _ => {
                let stop = |character: char| character.is_whitespace() || "()[]\"".contains(character);
                let end = rest.find(stop).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Behind the closing quote.
fn end_of_text(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    fn word_is(&mut self, word: &str) -> bool {
        let is_it = |token: &Token| matches!(token, Token::Word(text) if text.eq_ignore_ascii_case(word));
        self.tokens.next_if(is_it).is_some()
    }

    fn or(&mut self) -> Result<Filter, Error> {
        let mut one = self.and()?;
        while self.word_is("or") {
            one = Filter::Or(Box::new(one), Box::new(self.and()?));
        }
        Ok(one)
    }

    fn and(&mut self) -> Result<Filter, Error> {
        let mut one = self.term()?;
        while self.word_is("and") {
            one = Filter::And(Box::new(one), Box::new(self.term()?));
        }
        Ok(one)
    }

    fn inner(&mut self, close: &Token) -> Result<Filter, Error> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Error::filter("the filter is nested too deeply"));
        }
        let filter = self.or()?;
        if self.tokens.next().as_ref() != Some(close) {
            return Err(Error::filter("a bracket is not closed"));
        }
        self.depth -= 1;
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter, Error> {
        if self.word_is("not") {
            return match self.tokens.next() {
                Some(Token::Open) => Ok(Filter::Not(Box::new(self.inner(&Token::Close)?))),
                _ => Err(Error::filter("`not` is followed by a filter in brackets")),
            };
        }
        match self.tokens.next() {
            Some(Token::Open) => self.inner(&Token::Close),
            Some(Token::Word(name)) => {
                let attribute = Attribute::parse(&name).map_err(|error| Error::filter(error.detail))?;
                if self.tokens.next_if_eq(&Token::OpenList).is_some() {
                    return Ok(Filter::Among(attribute, Box::new(self.inner(&Token::CloseList)?)));
                }
                self.comparison(attribute)
            }
            _ => Err(Error::filter("an attribute is missing")),
        }
    }

    fn comparison(&mut self, attribute: Attribute) -> Result<Filter, Error> {
        let Some(Token::Word(word)) = self.tokens.next() else {
            return Err(Error::filter("an operator is missing"));
        };
        let operator = match word.to_ascii_lowercase().as_str() {
            "pr" => return Ok(Filter::Present(attribute)),
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "co" => Operator::Co,
            "sw" => Operator::Sw,
            "ew" => Operator::Ew,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return Err(Error::filter(format!("{word:?} is no operator"))),
        };
        let value = match self.tokens.next() {
            Some(Token::Text(text)) => text,
            // Some write True and False.
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("true") => Value::Bool(true),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("false") => Value::Bool(false),
            Some(Token::Word(word)) => match serde_json::from_str(&word) {
                Ok(value @ (Value::Null | Value::Number(_))) => value,
                _ => return Err(Error::filter(format!("{word:?} is no value; texts stand in quotes"))),
            },
            _ => return Err(Error::filter("a value is missing")),
        };
        Ok(Filter::Compare(attribute, operator, value))
    }
}

/// Attributes whose texts are compared letter for letter.
fn is_exact(name: &str) -> bool {
    ["id", "externalId", "value", "$ref", "version"].iter().any(|exact| exact.eq_ignore_ascii_case(name))
}

impl Filter {
    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), depth: 0 };
        let filter = parser.or()?;
        match parser.tokens.next() {
            None => Ok(filter),
            Some(_) => Err(Error::filter("something stands behind the filter's end")),
        }
    }

    /// Whether an object passes.
    pub fn matches(&self, object: &Object) -> bool {
        match self {
            Self::Present(attribute) => attribute.values(object).into_iter().any(is_present),
            Self::Compare(attribute, operator, wanted) => {
                let values = values(attribute, object);
                let exact = is_exact(attribute.sub.as_deref().unwrap_or(&attribute.name))
                    && !attribute.name.eq_ignore_ascii_case("emails");
                if *operator == Operator::Ne {
                    return !values.iter().any(|value| compare(value, Operator::Eq, wanted, exact));
                }
                let absent = values.is_empty() && wanted.is_null() && *operator == Operator::Eq;
                absent || values.iter().any(|value| compare(value, *operator, wanted, exact))
            }
            Self::Among(attribute, filter) => attribute
                .values(object)
                .into_iter()
                .filter_map(Value::as_object)
                .any(|inner| filter.matches(inner)),
            Self::And(one, other) => one.matches(object) && other.matches(object),
            Self::Or(one, other) => one.matches(object) || other.matches(object),
            Self::Not(filter) => !filter.matches(object),
        }
    }

    /// The text that an attribute must be equal to for an object to pass, if the filter is that simple.
    pub fn wants(&self, name: &str) -> Option<&str> {
        match self {
            Self::Compare(attribute, Operator::Eq, Value::String(text))
                if attribute.sub.is_none() && attribute.name.eq_ignore_ascii_case(name) =>
            {
                Some(text)
            }
            Self::And(one, other) => one.wants(name).or_else(|| other.wants(name)),
            _ => None,
        }
    }

    /// The attributes that must be equal to something for an object to pass, and to what: what a new one is made of.
    pub fn wanted(&self) -> Vec<(&Attribute, &Value)> {
        match self {
            Self::Compare(attribute, Operator::Eq, value) => vec![(attribute, value)],
            Self::And(one, other) => [one.wanted(), other.wanted()].concat(),
            _ => Vec::new(),
        }
    }
}

/// The values that are compared: of an object in a list its `value`, where none below it is named.
fn values<'o>(attribute: &Attribute, object: &'o Object) -> Vec<&'o Value> {
    let values = attribute.values(object).into_iter();
    values.filter_map(|value| value.as_object().map_or(Some(value), |inner| inner.get("value"))).collect()
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(all) => !all.is_empty(),
        _ => true,
    }
}

fn compare(found: &Value, operator: Operator, wanted: &Value, exact: bool) -> bool {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) => {
            if exact {
                compare_texts(found, operator, wanted)
            } else {
                compare_texts(&found.to_lowercase(), operator, &wanted.to_lowercase())
            }
        }
        (Value::Number(found), Value::Number(wanted)) => {
            let (Some(found), Some(wanted)) = (found.as_f64(), wanted.as_f64()) else { return false };
            found.partial_cmp(&wanted).is_some_and(|order| holds(operator, order))
        }
        (Value::Bool(_) | Value::Null, _) => operator == Operator::Eq && found == wanted,
        // Some send truth as a text.
        _ => false,
    }
}

fn compare_texts(found: &str, operator: Operator, wanted: &str) -> bool {
    match operator {
        Operator::Co => found.contains(wanted),
        Operator::Sw => found.starts_with(wanted),
        Operator::Ew => found.ends_with(wanted),
        // Instants of one form are in the order of their letters.
        other => holds(other, found.cmp(wanted)),
    }
}

fn holds(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Eq => order.is_eq(),
        Operator::Ne => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn ada() -> Object {
        let user = json!({
            "id": "Ab1", "userName": "Ada@example.org", "active": true, "title": "",
            "name": { "familyName": "O'Malley" },
            "emails": [{ "type": "work", "value": "ada@example.org", "primary": true }, { "type": "home", "value": "a@b" }],
            "meta": { "lastModified": "2026-05-13T04:42:34Z" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R&D" },
        });
        user.as_object().unwrap().clone()
    }

    #[test]
    fn the_filters_of_the_rfc_are_understood() {
        for (expected, filter) in [
            (true, r#"userName eq "ADA@example.org""#),
            (false, r#"id eq "ab1""#),
            (true, r#"ID eq "Ab1""#),
            (true, r#"name.familyName co "O'Malley""#),
            (true, r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "A""#),
            (true, r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d""#),
            (false, "title pr"),
            (true, "emails pr and not (title pr)"),
            (true, r#"meta.lastModified gt "2011-05-13T04:42:34Z""#),
            (false, r#"meta.lastModified lt "2011-05-13T04:42:34Z""#),
            (true, r#"title pr or userName ew "ORG" and active eq true"#),
            (false, "(title pr or active eq true) and active eq false"),
            (true, r#"emails[type eq "work" and value co "@example.org"]"#),
            (false, r#"emails[type eq "home" and value co "@example.org"]"#),
            (true, r#"emails.type eq "home""#),
            (true, r#"emails eq "a@b""#),
            (true, "active eq True"),
            (true, "nickName eq null"),
            (true, r#"userName ne "bob""#),
            (true, r#"name.familyName eq "o\u0027malley""#),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().matches(&ada()), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}a pr{}", "(".repeat(40), ")".repeat(40));
        for filter in [
            "",
            "userName",
            "userName eq",
            "userName is \"a\"",
            "userName eq a",
            "userName eq \"a",
            "(a pr",
            "a pr)",
            "a pr b pr",
            "not a pr",
            "emails[type eq \"work\"",
            "and",
            "1 eq 1",
            "a eq {}",
            &deep,
        ] {
            let refused = Filter::parse(filter).unwrap_err();
            assert_eq!(refused.kind, Some("invalidFilter"), "{filter}");
        }
    }

    #[test]
    fn an_equality_can_be_looked_up() {
        let filter = Filter::parse(r#"active eq true and userName eq "bob""#).unwrap();
        assert_eq!(filter.wants("username"), Some("bob"));
        assert_eq!(Filter::parse(r#"userName eq "a" or userName eq "b""#).unwrap().wants("userName"), None);
    }

    /// A filter over two attributes, and whether an object with these values passes, worked out beside the parser.
    fn filters() -> impl Strategy<Value = (String, bool)> {
        let leaf = (any::<bool>(), 0..3_i32).prop_map(|(is_a, wanted)| {
            let (name, value) = if is_a { ("a", 1) } else { ("b", 2) };
            (format!("{name} eq {wanted}"), value == wanted)
        });
        leaf.prop_recursive(4, 24, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone())
                    .prop_map(|(x, y)| (format!("({}) and ({})", x.0, y.0), x.1 && y.1)),
                (inner.clone(), inner.clone())
                    .prop_map(|(x, y)| (format!("({}) or ({})", x.0, y.0), x.1 || y.1)),
                inner.prop_map(|x| (format!("not ({})", x.0), !x.1)),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_filter_says_what_its_parts_say((filter, expected) in filters()) {
            let object = json!({ "a": 1, "b": 2 });
            prop_assert_eq!(Filter::parse(&filter).unwrap().matches(object.as_object().unwrap()), expected);
        }

        #[test]
        fn whatever_is_sent_is_read_or_refused(filter in ".{0,60}") {
            if let Ok(filter) = Filter::parse(&filter) {
                filter.matches(&ada());
            }
        }
    }
}
