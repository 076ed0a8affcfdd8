//! Cutting long texts where a reader would.

use botbuilder_domain::channel::TextUnit;
use unicode_segmentation::UnicodeSegmentation as _;

/// Cuts a text into pieces of at most `max` units. Put together they are the text again, so the space at a cut
/// stays at the end of a piece. A cut is made after a paragraph, a line, a sentence or a word, in this order,
/// and never inside what a reader sees as one character, unless that alone is longer than `max`.
pub fn split(text: &str, max: usize, unit: TextUnit) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while max > 0 && unit.len(rest) > max {
        let at = cut(rest, max, unit);
        let (piece, remaining) = rest.split_at(at);
        pieces.push(piece);
        rest = remaining;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// A text of at most `max` characters, with `…` at its end where some were left out.
pub fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept = 0;
    let mut left = max.saturating_sub(1);
    for grapheme in text.graphemes(true) {
        let length = grapheme.chars().count();
        if length > left {
            break;
        }
        left -= length;
        kept += grapheme.len();
    }
    let mut shortened = text[..kept].trim_end().to_owned();
    if max > 0 {
        shortened.push('…');
    }
    shortened
}

/// The places where a reader would cut, each the last one seen.
#[derive(Default)]
struct Ends {
    paragraph: usize,
    line: usize,
    sentence: usize,
    word: usize,
}

/// Where to cut a text that is longer than `max`. More than 0.
fn cut(text: &str, max: usize, unit: TextUnit) -> usize {
    let mut ends = Ends::default();
    let (mut used, mut end) = (0, 0);
    let (mut after_line, mut after_sentence) = (false, false);
    for grapheme in text.graphemes(true) {
        used += unit.len(grapheme);
        if used > max {
            break;
        }
        end += grapheme.len();
        if grapheme.chars().all(char::is_whitespace) {
            let line = grapheme.contains('\n');
            ends.word = end;
            if line && after_line {
                ends.paragraph = end;
            }
            if line {
                ends.line = end;
            }
            if after_sentence {
                ends.sentence = end;
            }
            // Further space belongs to the same end.
            after_line |= line;
            continue;
        }
        after_line = false;
        after_sentence = grapheme.ends_with(['.', '!', '?', '…', '。', '！', '？', '؟', '।']);
        // Scripts without spaces end a sentence at its mark.
        if grapheme.ends_with(['。', '！', '？']) {
            ends.sentence = end;
        }
    }
    if end == 0 {
        return inside_a_grapheme(text, max, unit);
    }
    // A good place near the beginning would leave a crumb: it has to lie in the second half.
    let late = |place: &usize| *place > end / 2;
    [ends.paragraph, ends.line, ends.sentence].into_iter().find(late).unwrap_or(if ends.word > 0 {
        ends.word
    } else {
        end
    })
}

/// The first character as a reader sees it is longer than a whole piece. It is cut between code points.
fn inside_a_grapheme(text: &str, max: usize, unit: TextUnit) -> usize {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += unit.len(character.encode_utf8(&mut [0; 4]));
        if used > max && at > 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_are_made_where_a_reader_would() {
        let cases: [(&str, usize, &[&str]); 8] = [
            ("short", 10, &["short"]),
            ("", 10, &[]),
            ("one two three four", 9, &["one two ", "three ", "four"]),
            ("First one. Second one here", 20, &["First one. ", "Second one here"]),
            ("line one\nline two is here", 16, &["line one\n", "line two is here"]),
            ("para one.\n\npara two. more", 20, &["para one.\n\n", "para two. more"]),
            ("aaaaaaaaaa", 4, &["aaaa", "aaaa", "aa"]),
            ("日本語です。次の文です。", 8, &["日本語です。", "次の文です。"]),
        ];
        for (text, max, expected) in cases {
            assert_eq!(split(text, max, TextUnit::Chars), expected, "{text:?}");
        }
    }

    #[test]
    fn a_family_or_a_flag_is_never_cut() {
        let family = "👩‍👩‍👧‍👦";
        let text = family.repeat(5);
        for piece in split(&text, 25, TextUnit::Utf16) {
            assert_eq!(piece.len() % family.len(), 0);
        }
        assert_eq!(split("🇩🇪🇫🇷🇮🇹", 3, TextUnit::Chars), ["🇩🇪", "🇫🇷", "🇮🇹"]);
        assert_eq!(split("e\u{301}e\u{301}", 3, TextUnit::Chars), ["e\u{301}", "e\u{301}"]);
    }

    #[test]
    fn one_endless_character_is_cut_all_the_same() {
        let text = format!("a{}", "\u{301}".repeat(20));
        let pieces = split(&text, 8, TextUnit::Chars);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.chars().count() <= 8));
    }

    #[test]
    fn shortening_shows_that_something_is_missing() {
        assert_eq!(shortened("exactly", 7), "exactly");
        assert_eq!(shortened("one two three", 9), "one two…");
        assert_eq!(shortened("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 8), "👩‍👩‍👧‍👦…");
        assert_eq!(shortened("abc", 1), "…");
        assert_eq!(shortened("abc", 0), "");
    }

    /// Texts with the things that are hard to cut.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "word",
            " ",
            ".",
            "! ",
            "\n",
            "\n\n",
            "\r\n",
            "é",
            "e\u{301}",
            "👩‍👩‍👧‍👦",
            "🇩🇪",
            "👍🏽",
            "日本",
            "。",
            "שלום",
            "ก็",
            "\u{200d}",
            " \u{301}",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(pieces, 0..200).prop_map(|pieces| pieces.concat()),
            "\\PC{0,200}",
            ".{0,100}",
        ]
    }

    proptest! {
        #[test]
        fn pieces_fit_and_make_the_text_again(text in texts(), max in 1_usize..60, unit in 0..3) {
            let unit = [TextUnit::Chars, TextUnit::Utf16, TextUnit::Bytes][usize::try_from(unit).unwrap()];
            let pieces = split(&text, max, unit);
            prop_assert_eq!(pieces.concat(), text.clone());

            let whole: Vec<&str> = text.graphemes(true).collect();
            let longest = whole.iter().map(|grapheme| unit.len(grapheme)).max().unwrap_or(0);
            // A single code point may be longer than a tiny limit.
            let widest = text.chars().map(|c| unit.len(c.encode_utf8(&mut [0; 4]))).max().unwrap_or(0);
            for piece in &pieces {
                prop_assert!(!piece.is_empty());
                prop_assert!(unit.len(piece) <= max.max(widest), "{:?} is longer than {}", piece, max);
            }
            if longest <= max {
                let boundaries: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
                let mut at = 0;
                for piece in &pieces {
                    prop_assert!(boundaries.contains(&at), "a cut at {} is inside a grapheme", at);
                    at += piece.len();
                }
            }
        }

        #[test]
        fn a_shortened_text_fits(text in texts(), max in 0_usize..60) {
            prop_assert!(shortened(&text, max).chars().count() <= max);
        }
    }
}
