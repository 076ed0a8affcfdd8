//! Byte pair encoding as Llama's tokenizer does it: blanks are `▁`, pairs are merged by rank, letters outside
//! the vocabulary are spelled in bytes.

use std::collections::HashMap;

use serde::Deserialize;

pub(crate) struct Bpe {
    tokens: HashMap<String, u32>,
    /// Left and right token to rank and merged token.
    merges: HashMap<(u32, u32), (u32, u32)>,
    bytes: Vec<u32>,
}

#[derive(Deserialize)]
struct File {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair(String, String),
}

impl Bpe {
    /// Reads a `tokenizers` file.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, String> {
        let Model { vocab, merges } =
            serde_json::from_slice::<File>(json).map_err(|error| error.to_string())?.model;
        let token = |text: &str| vocab.get(text).copied().ok_or_else(|| format!("token {text:?} is missing"));
        let bytes =
            (0..=255_u8).map(|byte| token(&format!("<0x{byte:02X}>"))).collect::<Result<Vec<_>, _>>()?;
        let mut by_pair = HashMap::with_capacity(merges.len());
        for (rank, merge) in (0_u32..).zip(&merges) {
            let (left, right) = match merge {
                Merge::Text(text) => text.split_once(' ').ok_or("a merge without two parts")?,
                Merge::Pair(left, right) => (left.as_str(), right.as_str()),
            };
            let merged = token(&format!("{left}{right}"))?;
            by_pair.insert((token(left)?, token(right)?), (rank, merged));
        }
        Ok(Self { tokens: vocab, merges: by_pair, bytes })
    }

    /// The tokens of a text, without begin and end.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        let mut out = Vec::new();
        if text.is_empty() {
            return out;
        }
        let marked = format!("▁{}", text.replace(' ', "▁"));
        // No merge of this vocabulary crosses from a letter to a blank, so words can be taken one by one.
        let mut start = 0;
        let mut previous = '▁';
        for (at, letter) in marked.char_indices() {
            if letter == '▁' && previous != '▁' {
                self.add_word(&marked[start..at], &mut out);
                start = at;
            }
            previous = letter;
        }
        self.add_word(&marked[start..], &mut out);
        out
    }

    fn add_word(&self, word: &str, out: &mut Vec<u32>) {
        let first = out.len();
        for letter in word.chars() {
            let mut place = [0; 4];
            let letter = letter.encode_utf8(&mut place);
            match self.tokens.get(letter) {
                Some(token) => out.push(*token),
                None => out.extend(letter.bytes().map(|byte| self.bytes[usize::from(byte)])),
            }
        }
        loop {
            let pairs = out[first..].windows(2).enumerate();
            let ranked = pairs.filter_map(|(at, pair)| Some((self.merges.get(&(pair[0], pair[1]))?, at)));
            let Some(((_, merged), at)) = ranked.min() else { return };
            out[first + at] = *merged;
            out.remove(first + at + 1);
        }
    }
}
