//! Answers as tables of text (RFC 4180), for people and their spreadsheets.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

/// A table with these columns, of rows that are objects; what a row has not stays empty.
pub fn table(file: &str, columns: &[&str], rows: &[Value]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
    ];
    (headers, text(columns, rows)).into_response()
}

fn text(columns: &[&str], rows: &[Value]) -> String {
    let mut lines = columns.join(",") + "\r\n";
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|column| cell(row.get(column))).collect();
        lines += &(cells.join(",") + "\r\n");
    }
    lines
}

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it; numbers stay numbers.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let rows = [json!({ "a": "x, \"y\"", "b": -1 }), json!({ "a": "=1+1", "b": null })];
        assert_eq!(text(&["a", "b"], &rows), "a,b\r\n\"x, \"\"y\"\"\",-1\r\n'=1+1,\r\n");
    }
}
