//! Places in a text: other products count letters or UTF-16 units, we count bytes.

use crate::corpus::Annotation;

/// How a format counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// Unicode scalar values (Python).
    Letters,
    /// UTF-16 units (JavaScript, C#).
    Utf16,
}

impl Count {
    fn of(self, letter: char) -> usize {
        match self {
            Self::Letters => 1,
            Self::Utf16 => letter.len_utf16(),
        }
    }

    /// The byte at a place; none if it lies outside or inside a letter.
    pub(super) fn to_byte(self, text: &str, place: usize) -> Option<usize> {
        let mut passed = 0;
        for (at, letter) in text.char_indices() {
            if passed >= place {
                return (passed == place).then_some(at);
            }
            passed += self.of(letter);
        }
        (passed == place).then_some(text.len())
    }

    /// The place of a byte that begins a letter.
    pub(super) fn of_byte(self, text: &str, byte: usize) -> usize {
        text.get(..byte).map_or(0, |before| before.chars().map(|letter| self.of(letter)).sum())
    }
}

/// An annotation at such places; none if they do not fit the text.
pub(super) fn annotation(
    text: &str,
    count: Count,
    start: usize,
    end: usize,
    entity: &str,
) -> Option<Annotation> {
    let (start, end) = (count.to_byte(text, start)?, count.to_byte(text, end)?);
    (start < end).then(|| Annotation { start, end, entity: entity.to_owned(), ..Annotation::default() })
}

/// The annotations that lie in a text, in order and apart.
pub(super) fn apart<'a>(text: &str, annotations: &'a [Annotation]) -> Vec<&'a Annotation> {
    let mut sorted: Vec<&Annotation> = annotations
        .iter()
        .filter(|one| text.get(one.start..one.end).is_some_and(|words| !words.is_empty()))
        .collect();
    sorted.sort_by_key(|one| (one.start, one.end));
    let mut end = 0;
    sorted.retain(|one| {
        let free = one.start >= end;
        if free {
            end = one.end;
        }
        free
    });
    sorted
}
