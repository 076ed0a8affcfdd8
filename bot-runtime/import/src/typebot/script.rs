//! The small part of JavaScript that expressions of typebots mostly are: arithmetic, comparisons, texts, a few methods.

use super::source::Source;
use crate::build::quoted;

/// Longest script that is looked at, in bytes, and how deep it may nest.
const SOURCE_MAX: usize = botbuilder_flow::expression::SOURCE_MAX;
const DEPTH_MAX: usize = 16;

/// An expression of ours for a script, or why there is none.
pub(crate) fn translate(source: &Source<'_>, script: &str) -> Result<String, String> {
    if script.len() > SOURCE_MAX {
        return Err(format!("the script is longer than {SOURCE_MAX} bytes"));
    }
    let script = script.trim();
    let script = script.strip_prefix("return ").unwrap_or(script).trim_end_matches(';').trim_end();
    let mut parser = Parser { source, rest: script, depth: 0 };
    let read = parser.choice()?;
    parser.blanks();
    if !parser.rest.is_empty() {
        return Err(format!("`{}` is not read", parser.rest.chars().take(40).collect::<String>()));
    }
    botbuilder_flow::expression::Expression::parse(&read.ours).map_err(|error| error.message)?;
    Ok(read.ours)
}

/// A piece of an expression, and whether it is a text for certain.
struct Piece {
    ours: String,
    is_text: bool,
}

fn plain(ours: impl Into<String>) -> Piece {
    Piece { ours: ours.into(), is_text: false }
}

fn textual(ours: impl Into<String>) -> Piece {
    Piece { ours: ours.into(), is_text: true }
}

struct Parser<'s> {
    source: &'s Source<'s>,
    rest: &'s str,
    depth: usize,
}

impl Parser<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.blanks();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("`{sign}` is missing")) }
    }

    fn choice(&mut self) -> Result<Piece, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("nested too deep".to_owned());
        }
        let condition = self.either()?;
        let piece = if self.take("?") {
            let then = self.choice()?;
            self.expect(":")?;
            let otherwise = self.choice()?;
            Piece {
                ours: format!("if({}, {}, {})", condition.ours, then.ours, otherwise.ours),
                is_text: then.is_text && otherwise.is_text,
            }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(piece)
    }

    fn either(&mut self) -> Result<Piece, String> {
        let mut left = self.both()?;
        loop {
            let right_of_null = self.take("??");
            if !right_of_null && !self.take("||") {
                return Ok(left);
            }
            let right = self.both()?;
            // It gives the first that counts as true, not only whether one does.
            left = plain(if right_of_null {
                format!("if({0} == null, {1}, {0})", left.ours, right.ours)
            } else {
                format!("if({0}, {0}, {1})", left.ours, right.ours)
            });
        }
    }

    fn both(&mut self) -> Result<Piece, String> {
        let mut left = self.compared()?;
        while self.take("&&") {
            let right = self.compared()?;
            left = plain(format!("({} and {})", left.ours, right.ours));
        }
        Ok(left)
    }

    fn compared(&mut self) -> Result<Piece, String> {
        let left = self.sum()?;
        let signs = [
            ("===", "=="),
            ("!==", "!="),
            ("==", "=="),
            ("!=", "!="),
            ("<=", "<="),
            (">=", ">="),
            ("<", "<"),
            (">", ">"),
        ];
        let Some((_, sign)) = signs.iter().find(|(theirs, _)| self.take(theirs)) else { return Ok(left) };
        let right = self.sum()?;
        Ok(plain(format!("({} {sign} {})", left.ours, right.ours)))
    }

    fn sum(&mut self) -> Result<Piece, String> {
        let mut left = self.product()?;
        loop {
            if self.take("+") {
                let right = self.product()?;
                let (a, b) = (&left.ours, &right.ours);
                left = if left.is_text || right.is_text {
                    textual(format!("({a} ~ {b})"))
                } else if is_number(a) && is_number(b) {
                    plain(format!("({a} + {b})"))
                } else {
                    // Numbers are added; anything else is joined.
                    let numbers = [a, b]
                        .into_iter()
                        .filter(|piece| !is_number(piece))
                        .map(|piece| format!("number({piece}) != null"))
                        .collect::<Vec<_>>()
                        .join(" and ");
                    plain(format!("if({numbers}, {a} + {b}, {a} ~ {b})"))
                };
            } else if self.take("-") {
                let right = self.product()?;
                left = plain(format!("({} - {})", left.ours, right.ours));
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self) -> Result<Piece, String> {
        let mut left = self.unary()?;
        while let Some(sign) = ["*", "/", "%"].into_iter().find(|sign| self.take(sign)) {
            let right = self.unary()?;
            left = plain(format!("({} {sign} {})", left.ours, right.ours));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Piece, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("nested too deep".to_owned());
        }
        self.blanks();
        let piece = if self.rest.starts_with('!') && !self.rest.starts_with("!=") {
            self.rest = &self.rest[1..];
            let inner = self.unary()?;
            plain(format!("(not {})", inner.ours))
        } else if self.take("-") {
            let inner = self.unary()?;
            plain(format!("(-{})", inner.ours))
        } else if self.take("+") {
            let inner = self.unary()?;
            plain(format!("number({})", inner.ours))
        } else {
            self.methods()?
        };
        self.depth -= 1;
        Ok(piece)
    }

    /// A value and what is asked of it.
    fn methods(&mut self) -> Result<Piece, String> {
        let mut piece = self.simple()?;
        loop {
            self.blanks();
            if self.take("?.") || self.take(".") {
                let name = self.word();
                piece = if self.rest.starts_with('(') {
                    let arguments = self.arguments()?;
                    method(&piece, &name, &arguments)?
                } else if name == "length" {
                    plain(format!("len({})", piece.ours))
                } else if name.is_empty() {
                    return Err("a name is missing behind the point".to_owned());
                } else {
                    plain(format!("get({}, {})", piece.ours, quoted(&name)))
                };
            } else if self.take("[") {
                let key = self.choice()?;
                self.expect("]")?;
                piece = plain(format!("get({}, {})", piece.ours, key.ours));
            } else {
                return Ok(piece);
            }
        }
    }

    fn word(&mut self) -> String {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$';
        let length = self.rest.find(|letter| !is_name(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word.to_owned()
    }

    fn arguments(&mut self) -> Result<Vec<Piece>, String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.take(")") {
            arguments.push(self.choice()?);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(arguments)
    }

    fn simple(&mut self) -> Result<Piece, String> {
        self.blanks();
        let first = self.rest.chars().next().ok_or("the expression is not complete")?;
        match first {
            '{' if self.rest.starts_with("{{") => self.variable(),
            '"' | '\'' | '`' => self.text(first),
            '0'..='9' => {
                let length = self
                    .rest
                    .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
                    .unwrap_or(self.rest.len());
                let (number, rest) = self.rest.split_at(length);
                number.parse::<f64>().map_err(|_| format!("`{number}` is no number"))?;
                self.rest = rest;
                Ok(plain(number))
            }
            '(' => {
                self.take("(");
                let inner = self.choice()?;
                self.expect(")")?;
                Ok(Piece { ours: format!("({})", inner.ours), ..inner })
            }
            '[' => {
                self.take("[");
                let mut items = Vec::new();
                while !self.take("]") {
                    items.push(self.choice()?.ours);
                    if !self.take(",") {
                        self.expect("]")?;
                        break;
                    }
                }
                Ok(plain(format!("[{}]", items.join(", "))))
            }
            letter if letter.is_ascii_alphabetic() => self.named(),
            other => Err(format!("`{other}` is not read")),
        }
    }

    fn variable(&mut self) -> Result<Piece, String> {
        let behind = &self.rest[2..];
        let (name, rest) = behind.split_once("}}").ok_or("`}}` is missing")?;
        let found =
            self.source.named(name).ok_or_else(|| format!("there is no variable `{}`", name.trim()))?;
        self.rest = rest;
        Ok(plain(found))
    }

    fn text(&mut self, quote: char) -> Result<Piece, String> {
        let mut text = String::new();
        let mut escaped = false;
        for (at, letter) in self.rest.char_indices().skip(1) {
            match letter {
                _ if escaped => {
                    text.push(if letter == 'n' { '\n' } else { letter });
                    escaped = false;
                }
                '\\' => escaped = true,
                _ if letter == quote => {
                    self.rest = &self.rest[at + 1..];
                    if quote == '`' && text.contains("${") {
                        return Err("texts with places to fill".to_owned());
                    }
                    return Ok(textual(self.filled(&text)));
                }
                _ => text.push(letter),
            }
        }
        Err("the text has no closing quote".to_owned())
    }

    /// A text in which variables are named.
    fn filled(&self, text: &str) -> String {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let Some((name, after)) = behind.split_once("}}") else { break };
            pieces.push(quoted(before));
            pieces.push(self.source.named(name).map_or_else(|| "\"\"".to_owned(), str::to_owned));
            rest = after;
        }
        if pieces.is_empty() {
            return quoted(rest);
        }
        pieces.push(quoted(rest));
        format!("({})", pieces.join(" ~ "))
    }

    fn named(&mut self) -> Result<Piece, String> {
        let name = self.word();
        let constant = match name.as_str() {
            "true" | "false" | "null" => Some(name.as_str()),
            "undefined" => Some("null"),
            _ => None,
        };
        if let Some(constant) = constant {
            return Ok(plain(constant));
        }
        let name = if matches!(name.as_str(), "Math" | "JSON" | "Date" | "Number" | "Array") && self.take(".")
        {
            format!("{name}.{}", self.word())
        } else {
            name
        };
        if name == "new" {
            return self.date();
        }
        if !self.rest.starts_with('(') {
            return Err(format!("`{name}` is not known here"));
        }
        let arguments = self.arguments()?;
        let all = arguments.iter().map(|argument| argument.ours.as_str()).collect::<Vec<_>>().join(", ");
        let function = match name.as_str() {
            "Math.round" => "round",
            "Math.floor" | "Math.trunc" | "parseInt" | "Number.parseInt" => "floor",
            "Math.ceil" => "ceil",
            "Math.abs" => "abs",
            "Math.max" => "max",
            "Math.min" => "min",
            "Number" | "parseFloat" | "Number.parseFloat" => "number",
            "String" => "text",
            "Boolean" => "boolean",
            "JSON.parse" => "parse_json",
            "JSON.stringify" => "json",
            "encodeURIComponent" => "url_encode",
            _ => return Err(format!("`{name}` is not known here")),
        };
        let first = arguments.first().map_or("null", |argument| argument.ours.as_str());
        Ok(match function {
            "floor" if name.ends_with("parseInt") => plain(format!("floor(number({first}))")),
            "round" | "floor" | "ceil" | "number" | "text" | "boolean" | "json" | "parse_json" => {
                Piece { ours: format!("{function}({first})"), is_text: matches!(function, "text" | "json") }
            }
            _ => plain(format!("{function}({all})")),
        })
    }

    /// `new Date()`, as the instant.
    fn date(&mut self) -> Result<Piece, String> {
        self.blanks();
        if self.word() != "Date" {
            return Err("objects of other classes than `Date`".to_owned());
        }
        let arguments = if self.rest.starts_with('(') { self.arguments()? } else { Vec::new() };
        match arguments.as_slice() {
            [] => Ok(plain("now()")),
            [instant] => Ok(plain(instant.ours.clone())),
            _ => Err("a `Date` of parts".to_owned()),
        }
    }
}

fn is_number(piece: &str) -> bool {
    piece.parse::<f64>().is_ok()
}

/// A method of a value.
fn method(of: &Piece, name: &str, arguments: &[Piece]) -> Result<Piece, String> {
    let value = &of.ours;
    let argument = |index: usize| arguments.get(index).map(|argument| argument.ours.as_str());
    Ok(match (name, argument(0), argument(1)) {
        ("toString", None, _) => textual(format!("text({value})")),
        ("toLowerCase" | "toLocaleLowerCase", None, _) => textual(format!("lower({value})")),
        ("toUpperCase" | "toLocaleUpperCase", None, _) => textual(format!("upper({value})")),
        ("trim", None, _) => textual(format!("trim({value})")),
        ("includes", Some(part), None) => plain(format!("contains({value}, {part})")),
        ("startsWith", Some(part), None) => plain(format!("starts_with({value}, {part})")),
        ("endsWith", Some(part), None) => plain(format!("ends_with({value}, {part})")),
        ("replace" | "replaceAll", Some(old), Some(new)) => {
            textual(format!("replace({value}, {old}, {new})"))
        }
        ("split", Some(at), None) => plain(format!("split({value}, {at})")),
        ("join", Some(between), None) => textual(format!("join({value}, {between})")),
        ("join", None, None) => textual(format!("join({value}, \",\")")),
        ("at", Some(index), None) => plain(format!("get({value}, {index})")),
        ("substring" | "slice" | "substr", Some(from), None) => {
            textual(format!("substring({value}, {from})"))
        }
        ("substring" | "slice", Some(from), Some(to)) => {
            textual(format!("substring({value}, {from}, {to} - {from})"))
        }
        ("concat", Some(other), None) => plain(format!("({value} ~ {other})")),
        ("toFixed", Some(decimals), None) => textual(format!("text(round({value}, {decimals}))")),
        ("toFixed", None, None) => textual(format!("text(round({value}))")),
        ("reverse", None, None) => plain(format!("reverse({value})")),
        ("getFullYear", None, _) => plain(format!("year({value})")),
        ("getMonth", None, _) => plain(format!("(month({value}) - 1)")),
        ("getDate", None, _) => plain(format!("day({value})")),
        ("getHours", None, _) => plain(format!("hour({value})")),
        ("getMinutes", None, _) => plain(format!("minute({value})")),
        ("getDay", None, _) => plain(format!("(weekday({value}) % 7)")),
        ("toISOString", None, _) => textual(value.clone()),
        _ => return Err(format!("the method `{name}` with {} arguments", arguments.len())),
    })
}
