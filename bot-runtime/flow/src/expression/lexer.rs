//! Text to tokens. Also used for the inside of a template's `{{ … }}`.

use super::ParseError;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A word, with its dots: `order`, `contact.name`, `and`.
    Word(String),
    /// A number.
    Number(f64),
    /// A text between quotes, its escapes resolved.
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end of the source.
    End,
}

/// Longer signs come first, so that `<=` is not read as `<`.
const SIGNS: [&str; 20] =
    ["==", "!=", "<=", ">=", "}}", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%", "~", "|"];

/// Reads tokens from a source, one ahead.
pub(crate) struct Lexer<'a> {
    source: &'a str,
    /// Where the token after `ahead` begins.
    next: usize,
    /// Where `ahead` begins.
    start: usize,
    ahead: Token,
}

impl<'a> Lexer<'a> {
    /// Starts to read `source` at byte `offset`, which lies between two characters.
    pub(crate) fn new(source: &'a str, offset: usize) -> Result<Self, ParseError> {
        let mut lexer = Self { source, next: offset, start: offset, ahead: Token::End };
        lexer.advance()?;
        Ok(lexer)
    }

    /// The token ahead.
    pub(crate) fn peek(&self) -> &Token {
        &self.ahead
    }

    /// The byte at which the token ahead begins.
    pub(crate) fn offset(&self) -> usize {
        self.start
    }

    /// Whether the sign lies ahead.
    pub(crate) fn at(&self, sign: &str) -> bool {
        matches!(&self.ahead, Token::Sign(ahead) if *ahead == sign)
    }

    /// Takes the token ahead.
    pub(crate) fn take(&mut self) -> Result<Token, ParseError> {
        let token = std::mem::replace(&mut self.ahead, Token::End);
        self.advance()?;
        Ok(token)
    }

    /// Takes the sign if it lies ahead.
    pub(crate) fn take_sign(&mut self, sign: &str) -> Result<bool, ParseError> {
        let found = self.at(sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Takes the sign, or says that it is missing.
    pub(crate) fn expect(&mut self, sign: &'static str) -> Result<(), ParseError> {
        if self.take_sign(sign)? { Ok(()) } else { Err(self.error(&format!("expected `{sign}`"))) }
    }

    /// A fault at the token ahead.
    pub(crate) fn error(&self, message: &str) -> ParseError {
        ParseError { offset: self.start, message: message.to_owned() }
    }

    fn advance(&mut self) -> Result<(), ParseError> {
        let rest = &self.source[self.next..];
        let trimmed = rest.trim_start();
        self.start = self.next + (rest.len() - trimmed.len());
        let Some(first) = trimmed.chars().next() else {
            self.next = self.source.len();
            self.ahead = Token::End;
            return Ok(());
        };
        let (token, length) = match first {
            '"' | '\'' => self.read_text(trimmed, first)?,
            '0'..='9' => self.read_number(trimmed)?,
            'a'..='z' | 'A'..='Z' | '_' => read_word(trimmed),
            _ => match SIGNS.iter().find(|sign| trimmed.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(self.error(&format!("`{first}` means nothing here"))),
            },
        };
        self.next = self.start + length;
        self.ahead = token;
        Ok(())
    }

    fn read_text(&self, source: &str, quote: char) -> Result<(Token, usize), ParseError> {
        let mut text = String::new();
        let mut escaped = false;
        for (at, letter) in source.char_indices().skip(1) {
            match letter {
                _ if escaped => {
                    text.push(if letter == 'n' { '\n' } else { letter });
                    escaped = false;
                }
                '\\' => escaped = true,
                _ if letter == quote => return Ok((Token::Text(text), at + 1)),
                _ => text.push(letter),
            }
        }
        Err(self.error("the text has no closing quote"))
    }

    fn read_number(&self, source: &str) -> Result<(Token, usize), ParseError> {
        let length =
            source.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(source.len());
        match source[..length].parse::<f64>() {
            Ok(number) if number.is_finite() => Ok((Token::Number(number), length)),
            _ => Err(self.error("not a number")),
        }
    }
}

fn read_word(source: &str) -> (Token, usize) {
    let length = source
        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '.')
        .unwrap_or(source.len());
    (Token::Word(source[..length].to_owned()), length)
}
