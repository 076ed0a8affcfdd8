//! Numbers, words and signs with their places.

use crate::text::fold;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// As written.
    pub text: &'a str,
    /// Lower case, without accents.
    pub folded: String,
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Digits, with points or commas between them.
    Number,
    /// Letters.
    Word,
    /// Anything else that is not blank, alone.
    Sign,
}

/// Tokens of a text at most.
const MOST: usize = 1_000;

pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, letter)) = rest.next() {
        if out.len() == MOST {
            break;
        }
        if letter.is_whitespace() {
            continue;
        }
        let mut end = start + letter.len_utf8();
        let kind = if letter.is_ascii_digit() {
            while let Some((at, next)) = rest.peek().copied() {
                let digit_after =
                    text[at + next.len_utf8()..].starts_with(|after: char| after.is_ascii_digit());
                let inside = next.is_ascii_digit() || (matches!(next, '.' | ',' | '\'') && digit_after);
                if !inside {
                    break;
                }
                end = at + next.len_utf8();
                rest.next();
            }
            Kind::Number
        } else if letter.is_alphabetic() {
            while let Some((at, next)) = rest.peek().copied() {
                let accent = ('\u{300}'..='\u{36f}').contains(&next);
                if !next.is_alphabetic() && !accent {
                    break;
                }
                end = at + next.len_utf8();
                rest.next();
            }
            Kind::Word
        } else {
            Kind::Sign
        };
        let piece = &text[start..end];
        let folded = if kind == Kind::Word { fold(piece) } else { piece.to_owned() };
        out.push(Token { text: piece, folded, start, end, kind });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let found: Vec<_> = tokens("1,500.50€ at 7pm, Über!").into_iter().map(|token| token.folded).collect();
        assert_eq!(found, ["1,500.50", "€", "at", "7", "pm", ",", "uber", "!"]);
        assert!(tokens("  ").is_empty());
    }
}
