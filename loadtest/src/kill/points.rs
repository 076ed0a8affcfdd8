//! The fail points: places at which the program, built with the feature `failpoints`, can be made to abort.

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its name in the code.
    pub name: &'static str,
    /// Where it is, in words.
    pub place: &'static str,
    /// It is passed fewer times than this before the program dies there.
    pub passes: u64,
}

impl Point {
    /// The environment variable that makes the program die here after passing so many times.
    pub fn setting(&self, passes: u64) -> (&'static str, String) {
        ("FAILPOINTS", format!("{}={passes}*off->return", self.name))
    }

    /// The point of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        POINTS.iter().find(|point| point.name == name)
    }
}

/// All of them, on the way of a message.
pub const POINTS: &[Point] = &[
    Point { name: "ingress.before_append", place: "before append", passes: 60 },
    Point { name: "ingress.after_append", place: "after append, before ack", passes: 60 },
    Point { name: "turn.after_load", place: "after load", passes: 30 },
    Point { name: "turn.before_commit", place: "between step and commit", passes: 30 },
    Point { name: "turn.after_commit", place: "after commit, before publication", passes: 30 },
    Point { name: "publish.before_mark", place: "between publication and mark", passes: 30 },
    Point { name: "turn.before_offset", place: "after publication, before offset", passes: 30 },
    Point { name: "turn.after_offset", place: "after offset", passes: 30 },
    Point { name: "send.after_claim", place: "after attempt started", passes: 60 },
    Point { name: "send.after_call", place: "after provider accepted", passes: 60 },
    Point { name: "journal.before_outcome", place: "before outcome stored", passes: 30 },
    Point { name: "send.after_outcome", place: "after outcome stored", passes: 60 },
    Point { name: "relay.before_mark", place: "inside relay, between publication and mark", passes: 1 },
];
