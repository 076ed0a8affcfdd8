//! One spelling for what looks the same.

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

/// Compatibility form, lower case, plain quotes, single blanks, no control or invisible characters.
///
/// For comparing and counting. Spans always refer to the text as it was written.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.nfkc().flat_map(char::to_lowercase) {
        match letter {
            // joiners stay: Persian and the scripts of India write with them
            '\u{200b}' | '\u{feff}' | '\u{00ad}' | '\u{2060}' => {}
            '’' | '‘' | '`' | '´' => out.push('\''),
            '“' | '”' | '„' => out.push('"'),
            letter if letter.is_whitespace() || letter.is_control() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            letter => out.push(letter),
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

/// [`normalise`], and Latin, Greek and Cyrillic letters without their accents: `Überraschung` is
/// `uberraschung`. For comparing names and values typed on whatever keyboard was at hand.
pub fn fold(text: &str) -> String {
    let bare =
        normalise(text).nfd().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter)).collect::<String>();
    bare.replace('ß', "ss").nfc().collect()
}

/// The hex digest of the normalised text: the same for texts that count as equal (`intent_examples.text_key`).
pub fn text_key(text: &str) -> String {
    hex::encode(Sha256::digest(normalise(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn looks_equal_is_equal() {
        assert_eq!(normalise("  Ｈｅｌｌｏ\u{200b}\t World’s\n"), "hello world's");
        assert_eq!(normalise("e\u{301}"), normalise("É"));
        assert_eq!(fold("Überraßchung ÑANDÚ"), "uberrasschung nandu");
        assert_eq!(text_key("Hello  there"), text_key("hello there "));
        assert_eq!(text_key("a").len(), 64);
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(text in "\\PC{0,60}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }
    }
}
