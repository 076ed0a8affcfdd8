//! Records of a partition, arranged so that those of one conversation follow each other and the rest go together.

use std::collections::HashMap;

use botbuilder_domain::{ConversationKey, Envelope, InboundEvent, OrgId};
use botbuilder_stream::{Delivered, Position};

/// The name of the header that carries a provider's request as it came, on the first record made from it.
pub const WEBHOOK_HEADER: &str = "webhook";

/// A record, decoded.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where it stands.
    pub position: Position,
    /// When it became durable, in milliseconds since 1970.
    pub appended_at: i64,
    /// What it says.
    pub envelope: Envelope<InboundEvent>,
    /// The provider's request as it came, on the first record made from it.
    pub webhook: Option<String>,
}

impl Job {
    /// Decodes a record.
    pub fn decode(delivered: &Delivered) -> Result<Self, botbuilder_domain::DecodeError> {
        let envelope = Envelope::decode(&delivered.record.payload)?;
        let webhook = delivered
            .record
            .headers
            .iter()
            .find(|(name, _)| name == WEBHOOK_HEADER)
            .map(|(_, body)| body.clone());
        Ok(Self { position: delivered.position, appended_at: delivered.appended_at, envelope, webhook })
    }
}

/// Splits jobs into rounds. Within a round no conversation occurs twice; a conversation's jobs keep their order
/// over the rounds.
pub fn rounds(jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let mut rounds: Vec<Vec<Job>> = Vec::new();
    let mut seen: HashMap<ConversationKey, usize> = HashMap::new();
    for job in jobs {
        let earlier = seen.entry(job.envelope.key.clone()).or_insert(0);
        if *earlier == rounds.len() {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(*earlier) {
            round.push(job);
        }
        *earlier += 1;
    }
    rounds
}

/// Splits a round by organization: a transaction sees the rows of one.
pub fn by_organization(jobs: Vec<Job>) -> Vec<(OrgId, Vec<Job>)> {
    let mut groups: Vec<(OrgId, Vec<Job>)> = Vec::new();
    for job in jobs {
        let org = job.envelope.org;
        match groups.iter_mut().find(|(known, _)| *known == org) {
            Some((_, members)) => members.push(job),
            None => groups.push((org, vec![job])),
        }
    }
    groups
}
