//! Records nobody could process, put aside with the reason.

use crate::error::AppendError;
use crate::record::{Delivered, Position};
use crate::traits::Producer;

/// Header of a dead letter: why it is one.
pub const REASON: &str = "dead.reason";
/// Header of a dead letter: the topic it was read from.
pub const TOPIC: &str = "dead.topic";
/// Header of a dead letter: the partition it was read from.
pub const PARTITION: &str = "dead.partition";
/// Header of a dead letter: the offset it was read at.
pub const OFFSET: &str = "dead.offset";
/// Header of a dead letter: when the original was appended, in milliseconds since 1970.
pub const APPENDED_AT: &str = "dead.appended-at";

/// Appends a copy of a record to `<topic>.dead`, with its key, its headers, the reason and where it came
/// from. The caller commits the original afterwards.
pub async fn dead_letter(
    producer: &dyn Producer,
    topic: &str,
    delivered: &Delivered,
    reason: &str,
) -> Result<Position, AppendError> {
    let mut record = delivered.record.clone();
    let origin = [
        (REASON, reason.to_owned()),
        (TOPIC, topic.to_owned()),
        (PARTITION, delivered.position.partition.to_string()),
        (OFFSET, delivered.position.offset.to_string()),
        (APPENDED_AT, delivered.appended_at.to_string()),
    ];
    record.headers.extend(origin.map(|(name, value)| (name.to_owned(), value)));
    let positions = producer.append(&format!("{topic}.dead"), vec![record]).await?;
    positions.first().copied().ok_or_else(|| AppendError::Unavailable {
        reason: "append of one record gave no position".to_owned(),
    })
}
