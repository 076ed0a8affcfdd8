//! `WordPiece`: the tokens of BERT's uncased models.
//!
//! Lower case, accents removed, words cut at blanks and punctuation, each word the longest known pieces from
//! its start, pieces inside a word marked `##`.

use std::collections::HashMap;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

const UNKNOWN: i64 = 100;
const BEGIN: i64 = 101;
const END: i64 = 102;
/// Longer words are unknown, as in the original.
const LONGEST_WORD: usize = 100;

pub(crate) struct WordPiece {
    pieces: HashMap<String, i64>,
}

#[derive(Deserialize)]
struct File {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, i64>,
}

impl WordPiece {
    /// Reads a `tokenizer.json`.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let (first, last) = (file.model.vocab.get("[CLS]"), file.model.vocab.get("[SEP]"));
        if first == Some(&BEGIN) && last == Some(&END) && file.model.vocab.get("[UNK]") == Some(&UNKNOWN) {
            Ok(Self { pieces: file.model.vocab })
        } else {
            Err("it is not the vocabulary of an uncased BERT".to_owned())
        }
    }

    /// The tokens of a text, begin and end included, at most `limit` of them.
    pub(crate) fn tokens(&self, text: &str, limit: usize) -> Vec<i64> {
        let mut tokens = vec![BEGIN];
        let bare: String = text
            .chars()
            .filter(|letter| !is_control(*letter))
            .flat_map(|letter| if letter.is_whitespace() { ' ' } else { letter }.to_lowercase())
            .nfd()
            .filter(|letter| !is_accent(*letter))
            .collect();
        let mut word = String::new();
        for letter in bare.chars() {
            if letter == ' ' || stands_alone(letter) {
                self.add_word(&word, &mut tokens);
                word.clear();
                if letter != ' ' {
                    self.add_word(letter.encode_utf8(&mut [0; 4]), &mut tokens);
                }
            } else {
                word.push(letter);
            }
            if tokens.len() >= limit {
                break;
            }
        }
        self.add_word(&word, &mut tokens);
        tokens.truncate(limit.saturating_sub(1));
        tokens.push(END);
        tokens
    }

    fn add_word(&self, word: &str, tokens: &mut Vec<i64>) {
        if word.is_empty() {
            return;
        }
        if word.chars().count() > LONGEST_WORD {
            tokens.push(UNKNOWN);
            return;
        }
        let before = tokens.len();
        let mut rest = word;
        let mut piece = String::new();
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, letter)| at + letter.len_utf8()).collect::<Vec<_>>();
            let found = ends.into_iter().rev().find_map(|end| {
                piece.clear();
                if rest.len() < word.len() {
                    piece.push_str("##");
                }
                piece.push_str(&rest[..end]);
                self.pieces.get(&piece).map(|token| (*token, end))
            });
            let Some((token, end)) = found else {
                tokens.truncate(before);
                tokens.push(UNKNOWN);
                return;
            };
            tokens.push(token);
            rest = &rest[end..];
        }
    }
}

/// Combining marks (category Mn), as far as decomposition produces them for the scripts of the vocabulary.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20f0}'
        | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}')
}

fn is_control(letter: char) -> bool {
    letter == '\0'
        || letter == '\u{fffd}'
        || (letter.is_control() && !matches!(letter, '\t' | '\n' | '\r'))
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Punctuation and ideographs are words of their own.
fn stands_alone(letter: char) -> bool {
    letter.is_ascii_punctuation()
        || matches!(letter, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}'
            | '\u{3014}'..='\u{301f}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff20}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Result<WordPiece, String> {
        let json = r###"{"model": {"vocab": {"[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "pass": 1, "##word": 2, "?": 3,
            "cafe": 4, "my": 5}}}"###;
        WordPiece::from_json(json.as_bytes())
    }

    #[test]
    fn words_are_cut_into_the_longest_known_pieces() -> Result<(), String> {
        let words = small()?;
        assert_eq!(words.tokens("My Password?", 256), [101, 5, 1, 2, 3, 102]);
        assert_eq!(words.tokens("CAFÉ\u{200b} xyz", 256), [101, 4, 100, 102]);
        assert_eq!(words.tokens("", 256), [101, 102]);
        assert_eq!(words.tokens("my my my my", 4), [101, 5, 5, 102]);
        Ok(())
    }

    #[test]
    fn another_vocabulary_is_refused() {
        assert!(WordPiece::from_json(b"{\"model\": {\"vocab\": {}}}").is_err());
        assert!(WordPiece::from_json(b"[]").is_err());
    }
}
