//! The rows of a data set, out of the file that was brought along: JSON by the line, a JSON array, or a table.
//!
//! What a row holds depends on what the model is for:
//!
//! | purpose | row | columns of a table |
//! | --- | --- | --- |
//! | `chat` | `{"messages": [{"role", "content"}, …]}` | `system` (may be missing), `user`, `assistant` |
//! | `classification` | `{"text", "label"}` | `text`, `label` |
//! | `style` | `{"text"}` | `text` |

pub(super) mod check;

use serde_json::{Value, json};

/// How a file holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object a line.
    Jsonl,
    /// A table with a line of names.
    Csv,
    /// A JSON array of objects.
    Json,
}

impl Format {
    /// By the word of the column `format`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "jsonl" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// By the ending of a file's name.
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            other => Self::parse(other),
        }
    }

    /// The word of the column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// What a model is trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Answering in a conversation.
    Chat,
    /// Naming what a text is about.
    Classification,
    /// Writing as somebody writes.
    Style,
}

impl Purpose {
    /// By the word of the column `purpose`.
    pub fn parse(word: &str) -> Self {
        match word {
            "classification" => Self::Classification,
            "style" => Self::Style,
            _ => Self::Chat,
        }
    }

    /// The columns of a table, and whether each must be there.
    const fn columns(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Chat => &[("system", false), ("user", true), ("assistant", true)],
            Self::Classification => &[("text", true), ("label", true)],
            Self::Style => &[("text", true)],
        }
    }
}

/// A row, or why there is none, with the line it begins at (the place in the array, for JSON), from 1.
pub(super) type Read = (u64, Result<Value, String>);

/// A file that has no rows at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is no text.
    #[error("is not UTF-8")]
    Encoding,
    /// It is no array of JSON.
    #[error("is no JSON array: {0}")]
    Json(String),
    /// Its first line does not name the columns.
    #[error("has no column {0}")]
    Column(&'static str),
    /// Its first line cannot be read.
    #[error("has no line of column names: {0}")]
    Csv(String),
}

/// The rows of a file, at most so many.
pub(super) fn rows(
    bytes: &[u8],
    format: Format,
    purpose: Purpose,
    most: usize,
) -> Result<Vec<Read>, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Jsonl => Ok(text
            .lines()
            .zip(1_u64..)
            .filter(|(line, _)| !line.trim().is_empty())
            .take(most)
            .map(|(line, number)| (number, serde_json::from_str(line).map_err(|error| error.to_string())))
            .collect()),
        Format::Json => {
            let rows: Vec<Value> =
                serde_json::from_str(text).map_err(|error| Unreadable::Json(error.to_string()))?;
            Ok((1_u64..).zip(rows.into_iter().take(most).map(Ok)).collect())
        }
        Format::Csv => table(text, purpose, most),
    }
}

fn table(text: &str, purpose: Purpose, most: usize) -> Result<Vec<Read>, Unreadable> {
    let mut reader = ::csv::ReaderBuilder::new().trim(::csv::Trim::Headers).from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| Unreadable::Csv(error.to_string()))?.clone();
    let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    for (name, is_required) in purpose.columns() {
        if *is_required && place(name).is_none() {
            return Err(Unreadable::Column(name));
        }
    }
    let mut rows = Vec::new();
    for (record, index) in reader.records().zip(2_u64..).take(most) {
        let row = match record {
            Ok(record) => {
                let line = record.position().map_or(index, ::csv::Position::line);
                let cell = |name: &str| place(name).and_then(|place| record.get(place)).unwrap_or_default();
                (line, Ok(of_cells(purpose, cell)))
            }
            Err(error) => (error.position().map_or(index, ::csv::Position::line), Err(error.to_string())),
        };
        rows.push(row);
    }
    Ok(rows)
}

/// A row of a table in the form of the others.
fn of_cells<'c>(purpose: Purpose, cell: impl Fn(&str) -> &'c str) -> Value {
    match purpose {
        Purpose::Chat => {
            let said = ["system", "user", "assistant"].map(|role| (role, cell(role))).into_iter();
            let said = said.filter(|(role, text)| *role != "system" || !text.is_empty());
            let said: Vec<Value> =
                said.map(|(role, text)| json!({ "role": role, "content": text })).collect();
            json!({ "messages": said })
        }
        Purpose::Classification => json!({ "text": cell("text"), "label": cell("label") }),
        Purpose::Style => json!({ "text": cell("text") }),
    }
}

/// Rows as one JSON object a line.
pub(super) fn lines<'r>(rows: impl Iterator<Item = &'r Value>) -> String {
    rows.fold(String::new(), |mut text, row| {
        text.push_str(&row.to_string());
        text.push('\n');
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, format: Format, purpose: Purpose) -> Vec<Read> {
        rows(text.as_bytes(), format, purpose, 100).expect("rows")
    }

    #[test]
    fn the_three_forms_hold_the_same_rows() {
        let row = json!({ "text": "where is my parcel, please", "label": "parcel" });
        let table = "label,text\nparcel,\"where is my parcel, please\"\n";
        let of_table = read(table, Format::Csv, Purpose::Classification);
        assert_eq!(of_table, [(2, Ok(row.clone()))]);
        let lines = format!("\u{feff}{row}\n\n{row}\n");
        let of_lines = read(&lines, Format::Jsonl, Purpose::Classification);
        assert_eq!(of_lines, [(1, Ok(row.clone())), (3, Ok(row.clone()))]);
        let of_array = read(&json!([row]).to_string(), Format::Json, Purpose::Classification);
        assert_eq!(of_array, [(1, Ok(row))]);
    }

    #[test]
    fn a_table_of_a_conversation_may_have_no_word_of_the_system() {
        let rows = read("User,assistant\nhi,hello\n", Format::Csv, Purpose::Chat);
        let said = json!([{ "role": "user", "content": "hi" }, { "role": "assistant", "content": "hello" }]);
        assert_eq!(rows, [(2, Ok(json!({ "messages": said })))]);
        let missing = super::rows(b"user\nhi\n", Format::Csv, Purpose::Chat, 9);
        assert_eq!(missing, Err(Unreadable::Column("assistant")));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_one_fault_and_no_end() {
        let rows = read("{\"text\":\n{\"text\":\"a\"}\n", Format::Jsonl, Purpose::Style);
        assert!(rows[0].1.is_err() && rows[1].1.is_ok());
        let rows = read("text\n\"a\",b\nc\n", Format::Csv, Purpose::Style);
        assert!(rows[0].1.is_err() && rows[1] == (3, Ok(json!({ "text": "c" }))), "{rows:?}");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for format in [Format::Jsonl, Format::Csv, Format::Json] {
                for purpose in [Purpose::Chat, Purpose::Classification, Purpose::Style] {
                    if let Ok(read) = rows(&bytes, format, purpose, 10) {
                        prop_assert!(read.len() <= 10);
                    }
                }
            }
        }

        #[test]
        fn lines_are_read_as_they_were_written(texts in prop::collection::vec(".{1,20}", 0..5)) {
            let written: Vec<Value> = texts.iter().map(|text| json!({ "text": text })).collect();
            let read = read(&lines(written.iter()), Format::Jsonl, Purpose::Style);
            let read: Vec<Value> = read.into_iter().filter_map(|(_, row)| row.ok()).collect();
            prop_assert_eq!(read, written);
        }
    }
}
