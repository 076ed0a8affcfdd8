//! What became of each part of what was imported.

use std::fmt;

use serde::Serialize;

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It does the same here.
    Mapped,
    /// It does something else here than there; the note says what.
    Changed,
    /// It is left out; the note says why.
    NotSupported,
}

impl Outcome {
    /// The word of the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Changed => "changed",
            Self::NotSupported => "not supported",
        }
    }
}

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What became of it.
    pub outcome: Outcome,
    /// The name of the flow it belongs to.
    pub flow: String,
    /// Where in the source: ids from the outside to the inside, joined by `/`. Empty for the whole flow.
    pub place: String,
    /// The kind of part, in the words of the source: `send_msg`, `choice input`.
    pub what: String,
    /// What is different, or why it is left out. Empty where it is mapped.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} in `{}`", self.outcome.as_str(), self.what, self.flow)?;
        if !self.place.is_empty() {
            write!(f, " at {}", self.place)?;
        }
        if self.note.is_empty() { Ok(()) } else { write!(f, ": {}", self.note) }
    }
}

/// What became of everything, in the order of the source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One line a part, and one for each thing that is different about it.
    pub lines: Vec<Line>,
}

impl Report {
    /// How many lines have that outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lines.iter().filter(|line| line.outcome == outcome).count()
    }
}

/// Writes lines about one part: the flow, the place and the kind are named once.
#[derive(Debug)]
pub(crate) struct Notes<'r> {
    report: &'r mut Report,
    flow: String,
    place: String,
    what: String,
    before: usize,
}

impl<'r> Notes<'r> {
    /// About a part.
    pub(crate) fn about(report: &'r mut Report, flow: &str, place: String, what: &str) -> Self {
        let before = report.lines.len();
        Self { report, flow: flow.to_owned(), place, what: what.to_owned(), before }
    }

    /// Something about it is different here.
    pub(crate) fn changed(&mut self, note: impl Into<String>) {
        self.line(Outcome::Changed, note.into());
    }

    /// It, or something of it, is left out.
    pub(crate) fn not_supported(&mut self, note: impl Into<String>) {
        self.line(Outcome::NotSupported, note.into());
    }

    /// Whether nothing is different so far.
    fn is_silent(&self) -> bool {
        self.report.lines.len() == self.before
    }

    fn line(&mut self, outcome: Outcome, note: String) {
        let line = Line {
            outcome,
            flow: self.flow.clone(),
            place: self.place.clone(),
            what: self.what.clone(),
            note,
        };
        if !self.report.lines[self.before..].contains(&line) {
            self.report.lines.push(line);
        }
    }

    /// It is mapped, unless something was said about it.
    pub(crate) fn done(mut self) {
        if self.is_silent() {
            self.line(Outcome::Mapped, String::new());
        }
    }
}
