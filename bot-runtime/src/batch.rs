//! Records of a partition, arranged so that those of one conversation follow each other and the rest go together.

use std::collections::HashMap;

use botbuilder_domain::{ConversationKey, Envelope, Id, Ids, Inbound, InboundEvent, MessageId, OrgId};
use botbuilder_stream::{Delivered, Position};

use crate::load::joined_key;

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

    /// The end of the wait for the parts of a message, because this came: what the wait's own record says, sooner.
    #[must_use]
    pub fn completing(&self, message: MessageId, ids: &dyn Ids) -> Self {
        let mut envelope = self.envelope.clone();
        envelope.id = Id::new(ids.next());
        envelope.body.dedupe = joined_key(message);
        envelope.body.occurred_at = None;
        envelope.body.what = Inbound::Joined { message };
        Self { envelope, webhook: None, ..*self }
    }
}

/// Splits jobs into rounds. Within a round no conversation has two turns; a conversation's jobs keep their order
/// over the rounds.
pub fn rounds(jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let mut rounds: Vec<Vec<Job>> = Vec::new();
    let mut turns: HashMap<ConversationKey, usize> = HashMap::new();
    for job in jobs {
        let earlier = turns.entry(job.envelope.key.clone()).or_insert(0);
        // A report changes its message and nothing of the conversation, so it needs no round of its own: providers
        // send several for each message.
        let place = if matches!(job.envelope.body.what, Inbound::Status { .. }) {
            earlier.saturating_sub(1)
        } else {
            *earlier += 1;
            *earlier - 1
        };
        if place == rounds.len() {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(place) {
            round.push(job);
        }
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

#[cfg(test)]
mod tests {
    use botbuilder_domain::{
        ChannelId, ChannelKind, Clock as _, DeliveryStatus, Id, Ids as _, Sender, SystemClock, SystemIds,
        Times, TraceContext, envelope,
    };

    use super::*;

    /// A job of the contact with this address: a report, or something that makes a turn.
    fn job(offset: u64, address: &str, report: bool) -> Job {
        let channel = ChannelId::new(uuid::Uuid::nil());
        let (id, now) = (Id::new(SystemIds.next()), SystemClock.now());
        let status = DeliveryStatus::Read;
        let what = if report {
            Inbound::Status {
                provider_id: String::new(),
                status,
                failure: None,
                correlation: None,
                and_before: false,
            }
        } else {
            Inbound::Typing
        };
        Job {
            position: Position { partition: 0, offset },
            appended_at: 0,
            envelope: Envelope {
                schema: envelope::SCHEMA,
                id,
                org: Id::new(uuid::Uuid::nil()),
                bot: None,
                channel,
                kind: ChannelKind::Whatsapp,
                key: ConversationKey::new(channel, address),
                times: Times { received: now, verified: now },
                trace: TraceContext::starting(id),
                body: InboundEvent {
                    sender: Sender { address: address.to_owned(), ..Sender::default() },
                    thread: String::new(),
                    dedupe: offset.to_string(),
                    occurred_at: None,
                    what,
                },
            },
            webhook: None,
        }
    }

    #[test]
    fn turns_of_a_conversation_follow_each_other_and_reports_go_along() {
        let jobs = vec![
            job(0, "a", true),
            job(1, "a", false),
            job(2, "b", true),
            job(3, "a", false),
            job(4, "a", true),
            job(5, "b", false),
            job(6, "a", true),
            job(7, "a", false),
        ];
        let offsets: Vec<Vec<u64>> =
            rounds(jobs).iter().map(|round| round.iter().map(|job| job.position.offset).collect()).collect();
        assert_eq!(offsets, [vec![0, 1, 2, 5], vec![3, 4, 6], vec![7]]);
    }
}
