//! The expressions of `RapidPro` and `TextIt`: `@contact.name`, `@(upper(results.color.value) & "!")`.

/// An expression's tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    /// A text.
    Text(String),
    /// A number as it is written.
    Number(String),
    /// `true`, `false`, `null`.
    Word(&'static str),
    /// A name, in lower case.
    Name(String),
    /// `of.name`.
    Dot(Box<Expr>, String),
    /// `of[key]`.
    Index(Box<Expr>, Box<Expr>),
    /// `name(…)`.
    Call(String, Vec<Expr>),
    /// `(x) => …`.
    Function,
    /// `-x`.
    Negate(Box<Expr>),
    /// `a + b`.
    Binary(&'static str, Box<Expr>, Box<Expr>),
}

/// Longest expression that is read, in bytes: the longest that ours may have.
const SOURCE_MAX: usize = botbuilder_flow::expression::SOURCE_MAX;
/// Deepest nesting that is read.
const DEPTH_MAX: usize = 24;
/// The operators, the weakest level first.
const LEVELS: [&[&str]; 6] =
    [&["!=", "="], &["<=", ">=", "<", ">"], &["&"], &["+", "-"], &["*", "/"], &["^"]];

/// Reads a whole expression.
pub(crate) fn parse(source: &str) -> Result<Expr, String> {
    if source.len() > SOURCE_MAX {
        return Err(format!("it is longer than {SOURCE_MAX} bytes"));
    }
    let mut parser = Parser { rest: source, depth: 0 };
    let expression = parser.level(0)?;
    parser.blanks();
    if parser.rest.is_empty() { Ok(expression) } else { Err(format!("`{}` means nothing here", parser.rest)) }
}

struct Parser<'s> {
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

    fn level(&mut self, level: usize) -> Result<Expr, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.take(sign)) {
            let right = self.level(level + 1)?;
            left = Expr::Binary(sign, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("nested too deep".to_owned());
        }
        let read = if self.take("-") {
            self.unary().map(|inner| Expr::Negate(Box::new(inner)))
        } else {
            self.primary()
        };
        self.depth -= 1;
        read
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let mut expression = self.simple()?;
        loop {
            if self.rest.starts_with('.') {
                self.rest = &self.rest[1..];
                let name = self.word(true);
                if name.is_empty() {
                    return Err("a name is missing behind the point".to_owned());
                }
                expression = Expr::Dot(Box::new(expression), name.to_lowercase());
            } else if self.take("[") {
                let key = self.level(0)?;
                if !self.take("]") {
                    return Err("`]` is missing".to_owned());
                }
                expression = Expr::Index(Box::new(expression), Box::new(key));
            } else {
                return Ok(expression);
            }
        }
    }

    fn simple(&mut self) -> Result<Expr, String> {
        self.blanks();
        let first = self.rest.chars().next().ok_or("the expression is not complete")?;
        match first {
            '"' => self.text(),
            '0'..='9' => Ok(Expr::Number(self.number())),
            '(' => self.bracket(),
            letter if letter.is_alphabetic() || letter == '_' => self.name(),
            other => Err(format!("`{other}` means nothing here")),
        }
    }

    /// What stands in brackets, or a function of its own.
    fn bracket(&mut self) -> Result<Expr, String> {
        let names = self.rest[1..].split_once(')');
        if let Some((names, rest)) = names
            && rest.trim_start().starts_with("=>")
            && names.chars().all(|letter| letter.is_alphanumeric() || "_, ".contains(letter))
        {
            self.rest = rest.trim_start().trim_start_matches("=>");
            self.level(0)?;
            return Ok(Expr::Function);
        }
        self.rest = &self.rest[1..];
        let inner = self.level(0)?;
        if self.take(")") { Ok(inner) } else { Err("`)` is missing".to_owned()) }
    }

    fn name(&mut self) -> Result<Expr, String> {
        let name = self.word(false).to_lowercase();
        if !self.rest.starts_with('(') {
            return Ok(match name.as_str() {
                "true" => Expr::Word("true"),
                "false" => Expr::Word("false"),
                "null" => Expr::Word("null"),
                _ => Expr::Name(name),
            });
        }
        self.rest = &self.rest[1..];
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(Expr::Call(name, arguments));
        }
        loop {
            arguments.push(self.level(0)?);
            if self.take(")") {
                return Ok(Expr::Call(name, arguments));
            }
            if !self.take(",") {
                return Err("`)` is missing".to_owned());
            }
        }
    }

    /// A word. Behind a point it may begin with a digit.
    fn word(&mut self, digits: bool) -> String {
        let length = self
            .rest
            .char_indices()
            .find(|(at, letter)| {
                !(letter.is_alphabetic()
                    || *letter == '_'
                    || (letter.is_ascii_digit() && (digits || *at > 0)))
            })
            .map_or(self.rest.len(), |(at, _)| at);
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word.to_owned()
    }

    fn number(&mut self) -> String {
        let mut point = false;
        let bytes = self.rest.as_bytes();
        let mut length = 0;
        while let Some(byte) = bytes.get(length) {
            let follows = bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
            match byte {
                b'0'..=b'9' => {}
                b'.' if !point && follows => point = true,
                _ => break,
            }
            length += 1;
        }
        let (number, rest) = self.rest.split_at(length);
        self.rest = rest;
        number.to_owned()
    }

    fn text(&mut self) -> Result<Expr, String> {
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                // Two quotes are one.
                '"' if letters.peek().is_some_and(|(_, next)| *next == '"') => {
                    letters.next();
                    text.push('"');
                }
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Expr::Text(text));
                }
                _ => text.push(letter),
            }
        }
        Err("the text has no closing quote".to_owned())
    }
}

/// A part of a template.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'s> {
    /// What stands there.
    Text(String),
    /// An expression, as it is written.
    Expression(&'s str),
}

/// What an expression without brackets may begin with.
const ROOTS: [&str; 21] = [
    "contact",
    "fields",
    "urns",
    "results",
    "input",
    "run",
    "child",
    "parent",
    "trigger",
    "resume",
    "webhook",
    "legacy_extra",
    "extra",
    "globals",
    "locals",
    "node",
    "ticket",
    "flow",
    "step",
    "date",
    "channel",
];

/// Takes a template apart. `@@` is an `@`; an `@` before anything else than a known name or a bracket is one too.
pub(crate) fn parts(source: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = source;
    while let Some(at) = rest.find('@') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let expression = if let Some(behind) = rest.strip_prefix('@') {
            text.push('@');
            rest = behind;
            continue;
        } else if rest.starts_with('(') {
            bracketed(rest).map(|length| (&rest[1..length - 1], length))
        } else {
            let length = path(rest);
            (length > 0).then(|| (&rest[..length], length))
        };
        let Some((expression, length)) = expression else {
            text.push('@');
            continue;
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Expression(expression));
        rest = &rest[length..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

/// How long what stands in brackets is, brackets included.
fn bracketed(source: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, letter) in source.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// How long the path is that the source begins with; 0 where it is none.
fn path(source: &str) -> usize {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let first = source.find(|letter| !is_name(letter)).unwrap_or(source.len());
    if !ROOTS.contains(&source[..first].to_lowercase().as_str()) {
        return 0;
    }
    let mut length = first;
    while let Some(behind) = source[length..].strip_prefix('.') {
        let name = behind.find(|letter| !is_name(letter)).unwrap_or(behind.len());
        if name == 0 {
            break;
        }
        length += 1 + name;
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_template_is_taken_apart() {
        let expression = |source| Part::Expression(source);
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(
            parts("Hi @contact.name. You@@home: @(upper(\"a)b\") & \"x\")@nobody."),
            [
                text("Hi "),
                expression("contact.name"),
                text(". You@home: "),
                expression("upper(\"a)b\") & \"x\""),
                text("@nobody."),
            ]
        );
        assert_eq!(parts("@(open"), [text("@(open")]);
    }

    #[test]
    fn operators_bind_as_they_should() {
        let parsed = parse("1 + 2 * 3 & \"x\" = a.b[0]").unwrap();
        let Expr::Binary("=", left, right) = parsed else { panic!("{parsed:?}") };
        assert!(matches!(*left, Expr::Binary("&", _, _)));
        assert!(matches!(*right, Expr::Index(_, _)));
        assert_eq!(
            parse("foreach(x, (a) => a.b)"),
            Ok(Expr::Call("foreach".to_owned(), vec![Expr::Name("x".to_owned()), Expr::Function],))
        );
        assert!(parse("1 +").is_err());
        assert!(parse("\"open").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(source in ".{0,80}", expression in "[a-z0-9@.()\"&+*/<>=,\\[\\] -]{0,60}") {
            let _ = parts(&source);
            let _ = parts(&expression);
            let _ = parse(&expression);
            let _ = parse(&source);
        }
    }
}
