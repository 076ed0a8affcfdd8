//! Judges what was found: every message that was accepted, and everything that came of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::{
    input::{Channel, Contact, Input, Reply},
    kill::evidence::{Delivery, Direction, Evidence, Row, Status},
};

/// How many findings of each kind are kept in words.
const WORDS: usize = 20;

/// Something that must not be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    /// How often.
    pub count: u64,
    /// The first of them, in words.
    pub examples: Vec<String>,
}

impl Findings {
    fn add(&mut self, words: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < WORDS {
            self.examples.push(words());
        }
    }
}

/// What the checker found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    /// Messages that were answered with a 2xx.
    pub accepted: u64,
    /// Replies that the providers hold.
    pub delivered: u64,
    /// Accepted, and not stored, not answered, or not sent without being marked.
    pub lost: Findings,
    /// Stored, answered or counted more than once, or made of nothing.
    pub duplicated: Findings,
    /// Replies that a provider took more than once.
    pub outward_duplicates: u64,
    /// Those of them that are not marked as uncertain.
    pub unflagged: Findings,
    /// Replies that a provider took after a later one of the same conversation.
    pub inversions: Findings,
    /// Still on their way although nothing moves any more.
    pub stuck: Findings,
    /// Replies that are, or were, marked as uncertain.
    pub uncertain: Uncertain,
}

/// Replies of which it was not known whether the provider had taken them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Uncertain {
    /// All of them.
    pub marked: u64,
    /// Settled since by what the provider reported.
    pub settled: u64,
    /// Still marked; the provider has the reply.
    pub open_delivered: u64,
    /// Still marked; the provider never had it.
    pub open_not_delivered: u64,
}

impl Verdict {
    /// Whether everything is as promised.
    pub fn passed(&self) -> bool {
        self.accepted > 0 && self.failures() == 0
    }

    /// How much is not as promised.
    pub fn failures(&self) -> u64 {
        self.named().iter().map(|(_, findings)| findings.count).sum()
    }

    /// What must not be, by name.
    pub fn named(&self) -> [(&'static str, &Findings); 5] {
        [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("unflagged duplicates", &self.unflagged),
            ("out of order", &self.inversions),
            ("stuck", &self.stuck),
        ]
    }
}

/// Everything that came of one message.
#[derive(Default)]
struct Outcome<'a> {
    stored: u64,
    replies: Vec<(&'a Row, Reply)>,
}

/// Judges.
pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict { accepted: evidence.accepted.len() as u64, ..Verdict::default() };
    let accepted: BTreeSet<Input> = evidence.accepted.iter().copied().collect();
    let outcomes = outcomes(evidence, &accepted, &mut verdict);
    let delivered = deliveries(evidence, &outcomes, &mut verdict);
    for input in &accepted {
        let none = Outcome::default();
        let outcome = outcomes.get(input).unwrap_or(&none);
        judge(*input, outcome, delivered.get(input).map_or(&[], Vec::as_slice), &mut verdict);
    }
    for (key, what) in &evidence.unpublished {
        verdict.stuck.add(|| format!("outbox row {key} ({what}) is not published"));
    }
    verdict
}

/// The rows, by the message they belong to.
fn outcomes<'a>(
    evidence: &'a Evidence,
    accepted: &BTreeSet<Input>,
    verdict: &mut Verdict,
) -> BTreeMap<Input, Outcome<'a>> {
    let mut outcomes: BTreeMap<Input, Outcome<'a>> = BTreeMap::new();
    for row in &evidence.rows {
        let text = row.text.as_str();
        let (input, reply) = match row.direction {
            Direction::Inbound => (Input::of_text(row.contact, text), None),
            Direction::Outbound => {
                let reply = Reply::of_text(row.contact, text);
                (reply.map(|reply| reply.to), reply)
            }
        };
        let Some(input) = input.filter(|input| accepted.contains(input)) else {
            verdict.duplicated.add(|| format!("{} has a row that nobody caused: {text:?}", row.contact));
            continue;
        };
        let outcome = outcomes.entry(input).or_default();
        match reply {
            None => outcome.stored += 1,
            Some(reply) => outcome.replies.push((row, reply)),
        }
    }
    outcomes
}

/// What the providers hold, by the message it answers. Says what came twice and what came too late.
fn deliveries<'a>(
    evidence: &'a Evidence,
    outcomes: &BTreeMap<Input, Outcome<'_>>,
    verdict: &mut Verdict,
) -> HashMap<Input, Vec<&'a Delivery>> {
    let mut delivered: HashMap<Input, Vec<&Delivery>> = HashMap::new();
    let mut last: HashMap<Contact, u32> = HashMap::new();
    for delivery in &evidence.deliveries {
        verdict.delivered += 1;
        let contact = delivery.contact;
        let Some(Reply { to: input, .. }) = Reply::of_text(contact, &delivery.text) else {
            verdict.duplicated.add(|| format!("{contact} was sent what nobody caused: {:?}", delivery.text));
            continue;
        };
        let outcome = outcomes.get(&input);
        if outcome.is_none() {
            verdict
                .duplicated
                .add(|| format!("{input}: the provider has a reply to a message never accepted"));
        }
        let earlier = delivered.entry(input).or_default();
        if earlier.is_empty() {
            let last = last.entry(contact).or_default();
            if input.number < *last {
                verdict.inversions.add(|| format!("{input}: its reply came after that to n{last}"));
            }
            *last = input.number.max(*last);
        } else {
            verdict.outward_duplicates += 1;
            let flagged = outcome.is_some_and(|outcome| {
                outcome.replies.iter().any(|(row, _)| row.uncertain_now || row.uncertain_before)
            });
            if !flagged {
                verdict.unflagged.add(|| format!("{input}: the provider took its reply again"));
            }
        }
        earlier.push(delivery);
    }
    delivered
}

/// What became of one accepted message.
fn judge(input: Input, outcome: &Outcome<'_>, delivered: &[&Delivery], verdict: &mut Verdict) {
    match outcome.stored {
        0 => verdict.lost.add(|| format!("{input}: not stored")),
        1 => {}
        times => verdict.duplicated.add(|| format!("{input}: stored {times} times")),
    }
    let mut replies = outcome.replies.iter();
    let Some((row, reply)) = replies.next() else {
        if outcome.stored > 0 {
            verdict.lost.add(|| format!("{input}: stored, not answered"));
        }
        return;
    };
    if replies.next().is_some() {
        verdict.duplicated.add(|| format!("{input}: answered {} times", outcome.replies.len()));
    }
    // The session counts its turns: with every message answered once, message n is turn n.
    match reply.turns.cmp(&input.number) {
        std::cmp::Ordering::Less => {
            verdict.lost.add(|| format!("{input}: only turn {} of its session", reply.turns));
        }
        std::cmp::Ordering::Greater => {
            verdict.duplicated.add(|| format!("{input}: already turn {} of its session", reply.turns));
        }
        std::cmp::Ordering::Equal => {}
    }
    settled(input, row, delivered, verdict);
}

/// What became of a reply.
fn settled(input: Input, row: &Row, delivered: &[&Delivery], verdict: &mut Verdict) {
    let at_provider = !delivered.is_empty();
    if row.uncertain_now || row.uncertain_before {
        verdict.uncertain.marked += 1;
        match (row.uncertain_now, at_provider) {
            (false, _) => verdict.uncertain.settled += 1,
            (true, true) => verdict.uncertain.open_delivered += 1,
            (true, false) => verdict.uncertain.open_not_delivered += 1,
        }
    }
    match row.status {
        Status::Queued if row.uncertain_now => {
            // WhatsApp reports with our tag what it took, which settles the question.
            if at_provider && row.contact.channel == Channel::Whatsapp {
                verdict.stuck.add(|| format!("{input}: uncertain although its provider reported it"));
            }
        }
        Status::Queued => verdict.stuck.add(|| format!("{input}: its reply is queued")),
        Status::Failed => verdict.lost.add(|| format!("{input}: its reply failed: {}", row.error)),
        Status::Sent | Status::Delivered | Status::Read => {
            if !at_provider {
                verdict.lost.add(|| format!("{input}: its reply counts as sent, the provider has none"));
            } else if row.contact.channel == Channel::Whatsapp && row.status != Status::Read {
                verdict.stuck.add(|| format!("{input}: what its provider reported has not arrived"));
            }
            let known = row.provider_id.as_deref();
            if at_provider && !delivered.iter().any(|delivery| Some(delivery.id.as_str()) == known) {
                verdict.lost.add(|| format!("{input}: its provider knows its reply by another id"));
            }
        }
        Status::Received => {
            verdict.stuck.add(|| format!("{input}: its reply has the state of a message received"));
        }
    }
}

#[cfg(test)]
mod tests;
