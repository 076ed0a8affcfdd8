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
    /// Where the program has to have died before, so that it comes by here at all.
    pub after: Option<&'static str>,
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
    at("ingress.before_append", "before append", 60),
    at("ingress.after_append", "after append, before the answer", 60),
    at("turn.after_load", "after load", 30),
    at("turn.before_commit", "between step and commit", 30),
    at("turn.after_commit", "after commit, before publication", 30),
    at("publish.before_mark", "between publication and mark", 30),
    at("turn.before_offset", "after publication, before offset", 8),
    at("turn.after_offset", "after offset", 8),
    at("send.after_claim", "after *attempt started*", 60),
    at("send.after_call", "after the provider accepted", 60),
    at("journal.before_outcome", "before the outcome is stored", 30),
    at("send.after_outcome", "after the outcome is stored", 60),
    Point {
        after: Some("turn.after_commit"),
        ..at("relay.before_mark", "between publication of what was left and mark", 1)
    },
];

const fn at(name: &'static str, place: &'static str, passes: u64) -> Point {
    Point { name, place, passes, after: None }
}
