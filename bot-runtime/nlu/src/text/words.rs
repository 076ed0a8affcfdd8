//! Words and where they stand.

use unicode_segmentation::UnicodeSegmentation;

/// A word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// As written.
    pub text: &'a str,
    /// Its first byte in the text.
    pub start: usize,
}

impl Word<'_> {
    /// The byte after its last.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The words of a text by the rules of Unicode (UAX 29): no blanks, no punctuation. Scripts without blanks
/// come letter by letter.
pub fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    text.unicode_word_indices().map(|(start, text)| Word { text, start })
}

/// Whether a span begins and ends where words do, so that `all` is not found in `tall`.
pub fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let (Some(before), Some(inside), Some(after)) =
        (text.get(..start), text.get(start..end), text.get(end..))
    else {
        return false;
    };
    let joined = |left: Option<char>, right: Option<char>| match (left, right) {
        (Some(left), Some(right)) => joins(left) && joins(right),
        _ => false,
    };
    !joined(before.chars().next_back(), inside.chars().next())
        && !joined(inside.chars().next_back(), after.chars().next())
}

/// Whether a letter makes one word with its neighbour. Ideographs and kana stand alone.
fn joins(letter: char) -> bool {
    letter.is_alphanumeric()
        && !matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{e00}'..='\u{eff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_places() {
        let text = "Where's my   card?";
        let found: Vec<_> = words(text).map(|word| (word.text, word.start)).collect();
        assert_eq!(found, [("Where's", 0), ("my", 8), ("card", 13)]);
        assert!(words("你好").count() == 2);
    }

    #[test]
    fn wholeness() {
        assert!(is_whole("a tall tree", 2, 6));
        assert!(!is_whole("a tall tree", 3, 6));
        assert!(is_whole("我要苹果汁", 6, 12));
        assert!(!is_whole("über", 1, 4));
    }
}
