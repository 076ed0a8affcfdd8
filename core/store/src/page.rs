//! A piece of a list, found by the key of the row before it.

use uuid::Uuid;

/// Which piece of a list in the order of its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Most rows, 1 to [`Page::MOST`].
    pub limit: u16,
    /// The id of the last row of the piece before.
    pub after: Option<Uuid>,
}

impl Page {
    /// The longest piece.
    pub const MOST: u16 = 200;
    /// The length of a piece where none is asked for.
    pub const USUAL: u16 = 50;

    /// How many rows to read: one more than asked for, which tells whether there are more.
    pub fn fetch(self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The piece itself, of rows read with [`Page::fetch`], and whether more follow.
    pub fn cut<T>(self, mut rows: Vec<T>) -> (Vec<T>, bool) {
        let more = rows.len() > usize::from(self.limit);
        rows.truncate(usize::from(self.limit));
        (rows, more)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: Self::USUAL, after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_more_than_asked_for_means_that_more_follow() {
        let page = Page { limit: 2, after: None };
        assert_eq!(page.cut(vec![1, 2, 3]), (vec![1, 2], true));
        assert_eq!(page.cut(vec![1, 2]), (vec![1, 2], false));
    }
}
