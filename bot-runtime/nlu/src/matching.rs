//! Texts compared word for word.

use crate::text::words;

/// The words of a normalised text with a blank before and after each: a phrase is in a text if its words are.
pub(crate) fn padded_words(normal: &str) -> String {
    let mut out = String::with_capacity(normal.len() + 2);
    out.push(' ');
    for word in words(normal) {
        out.push_str(word.text);
        out.push(' ');
    }
    out
}

/// FNV-1a over the words of a normalised text: blanks and punctuation make no difference.
pub(crate) fn digest_of_words(normal: &str) -> u64 {
    words(normal)
        .flat_map(|word| word.text.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
