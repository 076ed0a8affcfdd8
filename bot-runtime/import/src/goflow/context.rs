//! What the expressions of a flow can name, and where it is here.
//!
//! | There | Here |
//! | --- | --- |
//! | `results.color.value` | the variable `result_color`, an object |
//! | `fields.age`, `contact.fields.age` | the variable `field_age` |
//! | `locals.count` | the variable `local_count` |
//! | `urns.tel`, `contact.urn` | the variables `urn_tel`, `contact_urn` |
//! | `contact.groups` | the variable `contact_groups`: an object of group ids and true or false |
//! | `child.results.x`, `parent.results.x` | the variables `child_result_x`, `parent_result_x`, filled by the call |
//! | `trigger.params` | the variable `trigger_params` |
//! | `webhook` | the variable `webhook`: an object of `status`, `headers`, `json` |
//! | `globals.x` | `bot.x`, the bot's constants |

use std::collections::{BTreeMap, BTreeSet};

use super::{excellent::Expr, functions};
use crate::build::{quoted, variable_name};

/// What holds for all flows of a document.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Whether any flow sets the contact's name.
    pub(crate) sets_name: bool,
    /// Whether any flow sets the contact's language.
    pub(crate) sets_language: bool,
    /// The keys of the contact's fields, where the document says them.
    pub(crate) field_keys: BTreeSet<String>,
}

/// What one flow uses.
#[derive(Debug)]
pub(crate) struct Scope<'s> {
    pub(crate) shared: &'s Shared,
    /// The first number of the flow's spec.
    pub(crate) major: u32,
    pub(crate) flow_name: String,
    /// The variables it uses, with their types.
    pub(crate) variables: BTreeMap<String, &'static str>,
    /// The results of flows it calls that it reads.
    pub(crate) child_results: BTreeSet<String>,
    /// The results of the flow that called it that it reads.
    pub(crate) parent_results: BTreeSet<String>,
}

impl<'s> Scope<'s> {
    pub(crate) fn new(shared: &'s Shared, major: u32, flow_name: &str) -> Self {
        Self {
            shared,
            major,
            flow_name: flow_name.to_owned(),
            variables: BTreeMap::new(),
            child_results: BTreeSet::new(),
            parent_results: BTreeSet::new(),
        }
    }

    /// Uses a variable.
    pub(crate) fn variable(&mut self, name: &str, kind: &'static str) -> String {
        self.variables.entry(name.to_owned()).or_insert(kind);
        name.to_owned()
    }

    /// The variable of a result.
    pub(crate) fn result(&mut self, name: &str) -> String {
        self.variable(&variable_name("result_", name), "object")
    }

    /// The variable of a field of the contact.
    pub(crate) fn field(&mut self, key: &str) -> String {
        self.variable(&variable_name("field_", key), "string")
    }

    /// The variable of something the run keeps for itself.
    pub(crate) fn local(&mut self, name: &str) -> String {
        self.variable(&variable_name("local_", name), "string")
    }

    /// The contact's groups.
    pub(crate) fn groups(&mut self) -> String {
        self.variable("contact_groups", "object")
    }

    fn contact_name(&mut self) -> String {
        if !self.shared.sets_name {
            return "contact.name".to_owned();
        }
        format!("default({}, contact.name)", self.variable("contact_name", "string"))
    }

    fn contact_language(&mut self) -> String {
        if !self.shared.sets_language {
            return "contact.locale".to_owned();
        }
        format!("default({}, contact.locale)", self.variable("contact_language", "string"))
    }

    /// Ours for an expression of theirs, or what of it we do not have.
    pub(crate) fn translate(&mut self, expression: &Expr) -> Result<String, String> {
        match expression {
            Expr::Text(text) => Ok(quoted(text)),
            Expr::Number(number) => Ok(number.clone()),
            Expr::Word(word) => Ok((*word).to_owned()),
            Expr::Name(_) | Expr::Dot(..) | Expr::Index(..) => self.place(expression),
            Expr::Call(name, arguments) => functions::translate(self, name, arguments),
            Expr::Function => Err("functions of one's own".to_owned()),
            Expr::Negate(inner) => Ok(format!("(-{})", self.translate(inner)?)),
            Expr::Binary(sign, left, right) => {
                let (left, right) = (self.translate(left)?, self.translate(right)?);
                let sign = match *sign {
                    "=" => "==",
                    "&" => "~",
                    "^" => return power(&left, &right),
                    other => other,
                };
                Ok(format!("({left} {sign} {right})"))
            }
        }
    }

    /// Something by its path.
    fn place(&mut self, expression: &Expr) -> Result<String, String> {
        if let Some(path) = path_of(expression) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            return self.named(&path);
        }
        match expression {
            Expr::Dot(of, name) => Ok(member(&self.translate(of)?, &[name])),
            Expr::Index(of, key) => {
                let (of, key) = (self.translate(of)?, self.translate(key)?);
                Ok(format!("{of}[{key}]"))
            }
            _ => Err("this expression".to_owned()),
        }
    }

    fn named(&mut self, path: &[&str]) -> Result<String, String> {
        let unknown = || Err(format!("`{}`", path.join(".")));
        match path {
            ["contact", rest @ ..] => self.contact(rest),
            ["fields", key, rest @ ..] => Ok(member(&self.field(key), without_text(rest))),
            ["urns", scheme, ..] => Ok(self.variable(&variable_name("urn_", scheme), "string")),
            ["results", rest @ ..] if !rest.is_empty() => self.results(rest),
            ["input" | "step"] => Ok("input.text".to_owned()),
            ["input" | "step", rest @ ..] => match rest {
                ["text" | "value"] => Ok("input.text".to_owned()),
                ["created_on"] => Ok("now()".to_owned()),
                ["channel", ..] => Ok("channel".to_owned()),
                ["urn", ..] => Ok(self.variable("contact_urn", "string")),
                _ => unknown(),
            },
            ["run", rest @ ..] => self.run(rest),
            ["child", rest @ ..] => self.child(rest),
            ["parent", rest @ ..] => self.parent(rest),
            ["trigger", "params", rest @ ..] => Ok(member(&self.variable("trigger_params", "object"), rest)),
            ["trigger", "type"] => Ok(self.variable("trigger_type", "string")),
            ["trigger", "keyword"] => Ok(self.variable("trigger_keyword", "string")),
            ["webhook", rest @ ..] => {
                let webhook = self.variable("webhook", "object");
                // Until spec 14 the name stood for the body alone.
                Ok(if self.major < 14 {
                    member(&format!("{webhook}.json"), rest)
                } else {
                    member(&webhook, rest)
                })
            }
            ["legacy_extra" | "extra", rest @ ..] => {
                let (webhook, params) =
                    (self.variable("webhook", "object"), self.variable("trigger_params", "object"));
                let (answer, given) = (member(&format!("{webhook}.json"), rest), member(&params, rest));
                Ok(format!("default({answer}, {given})"))
            }
            ["globals", rest @ ..] if !rest.is_empty() => Ok(member("bot", rest)),
            ["locals", name, rest @ ..] => Ok(member(&self.local(name), rest)),
            ["flow", "name"] => Ok(quoted(&self.flow_name.clone())),
            ["channel"] => Ok("channel".to_owned()),
            ["date" | "date.now"] | ["date", "now"] => Ok("now()".to_owned()),
            ["date", "today"] => Ok("date()".to_owned()),
            _ => unknown(),
        }
    }

    fn contact(&mut self, path: &[&str]) -> Result<String, String> {
        match path {
            [] | ["name"] => Ok(self.contact_name()),
            ["first_name"] => Ok(format!("first(words({}))", self.contact_name())),
            ["language"] => Ok(self.contact_language()),
            ["uuid" | "id"] => Ok("contact.id".to_owned()),
            ["fields", rest @ ..] if !rest.is_empty() => {
                Ok(member(&self.field(rest[0]), without_text(&rest[1..])))
            }
            ["urn"] => Ok(self.variable("contact_urn", "string")),
            ["groups"] => Ok(self.groups()),
            ["channel", ..] => Ok("channel".to_owned()),
            ["timezone"] => Ok(self.variable("contact_timezone", "string")),
            ["status"] => Ok("\"active\"".to_owned()),
            // A field by its bare name, as older flows write it.
            [key] if self.shared.field_keys.contains(*key) => Ok(self.field(key)),
            _ => Err(format!("`contact.{}`", path.join("."))),
        }
    }

    fn results(&mut self, path: &[&str]) -> Result<String, String> {
        let result = self.result(path[0]);
        of_result(&result, &path[1..])
    }

    fn run(&mut self, path: &[&str]) -> Result<String, String> {
        match path {
            ["results", rest @ ..] if !rest.is_empty() => self.results(rest),
            ["contact", rest @ ..] => self.contact(rest),
            ["flow"] | ["flow", "name"] => Ok(quoted(&self.flow_name.clone())),
            ["status"] => Ok("\"active\"".to_owned()),
            ["created_on"] => Ok("now()".to_owned()),
            _ => Err(format!("`run.{}`", path.join("."))),
        }
    }

    fn child(&mut self, path: &[&str]) -> Result<String, String> {
        match path {
            ["run", rest @ ..] if !rest.is_empty() => self.child(rest),
            ["results", name, rest @ ..] => {
                let key = variable_name("", name);
                self.child_results.insert(key.clone());
                of_result(&self.variable(&variable_name("child_result_", &key), "object"), rest)
            }
            ["contact", rest @ ..] => self.contact(rest),
            ["fields", key, ..] => Ok(self.field(key)),
            ["status"] => Ok(self.variable("child_status", "string")),
            _ => Err(format!("`child.{}`", path.join("."))),
        }
    }

    fn parent(&mut self, path: &[&str]) -> Result<String, String> {
        match path {
            ["run", rest @ ..] if !rest.is_empty() => self.parent(rest),
            ["results", name, rest @ ..] => {
                let key = variable_name("", name);
                self.parent_results.insert(key.clone());
                of_result(&self.variable(&variable_name("parent_result_", &key), "object"), rest)
            }
            ["contact", rest @ ..] => self.contact(rest),
            ["fields", key, ..] => Ok(self.field(key)),
            ["status"] => Ok("\"active\"".to_owned()),
            _ => Err(format!("`parent.{}`", path.join("."))),
        }
    }
}

/// What is kept of a result; its value where nothing is named.
fn of_result(result: &str, path: &[&str]) -> Result<String, String> {
    match path {
        [] | ["values", "0"] => Ok(format!("{result}.value")),
        ["value" | "category" | "category_localized" | "name" | "input"] | ["extra", ..] => {
            Ok(member(result, path))
        }
        ["text"] => Ok(format!("{result}.input")),
        ["categories", "0"] => Ok(format!("{result}.category")),
        ["values"] => Ok(format!("[{result}.value]")),
        ["categories"] => Ok(format!("[{result}.category]")),
        _ => Err(format!("`{}` of a result", path.join("."))),
    }
}

/// A field's own text is the field.
fn without_text<'p>(path: &'p [&'p str]) -> &'p [&'p str] {
    match path {
        ["text" | "value" | "__default__"] => &[],
        _ => path,
    }
}

/// The path of a place whose every step is named.
pub(crate) fn path_of(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Name(name) => Some(vec![name.clone()]),
        Expr::Dot(of, name) => {
            let mut path = path_of(of)?;
            path.push(name.clone());
            Some(path)
        }
        Expr::Index(of, key) => {
            let mut path = path_of(of)?;
            match &**key {
                Expr::Text(name) => path.push(name.to_lowercase()),
                Expr::Number(number) => path.push(number.clone()),
                _ => return None,
            }
            Some(path)
        }
        _ => None,
    }
}

/// What is in a value, step by step.
pub(crate) fn member(of: &str, path: &[&str]) -> String {
    let mut place = of.to_owned();
    for name in path {
        let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if is_word {
            place.push('.');
            place.push_str(name);
        } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
            // An item of a list, or a field that is called so.
            place = format!("default({place}[{name}], {place}[\"{name}\"])");
        } else {
            place = format!("{place}[{}]", quoted(name));
        }
    }
    place
}

/// Powers that are a product of few factors.
fn power(base: &str, exponent: &str) -> Result<String, String> {
    match exponent.parse::<usize>() {
        Ok(times @ 1..=6) => Ok(format!("({})", vec![base; times].join(" * "))),
        _ => Err("powers".to_owned()),
    }
}
