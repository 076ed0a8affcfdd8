//! Reports: a table for the terminal, JSON for machines.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Lines of cells, as wide as their widest; the first line is the heading.
pub fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<String> = widths
            .iter()
            .enumerate()
            .map(|(column, width)| format!("{:<width$}", line.get(column).map_or("", String::as_str)))
            .collect();
        // Writing to a text has no way to fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", rules.join(" | "));
        }
    }
    text
}

/// Writes a report as JSON into `reports/` at the top of the repository, and says where.
pub fn write(name: &str, report: &impl Serialize) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace is not there")?;
    let directory = root.join("reports");
    fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{name}.json"));
    fs::write(&path, serde_json::to_vec_pretty(report)?)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let cells = |line: [&str; 2]| line.map(str::to_owned).to_vec();
        let text = table(&[cells(["what", "n"]), cells(["lost", "1000"])]);
        assert_eq!(text, "| what | n    |\n| ---- | ---- |\n| lost | 1000 |\n");
    }
}
