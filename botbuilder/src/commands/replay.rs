//! `botbuilder replay`: puts dead letters back.

use anyhow::bail;
use botbuilder_service::config::Config;
use botbuilder_stream::{APPENDED_AT, OFFSET, PARTITION, REASON, Record, TOPIC};
use clap::ValueEnum;

use crate::{platform, tell::say};

/// Which dead letters.
#[derive(clap::Args)]
pub struct Arguments {
    /// Put back the dead letters of this topic.
    #[arg(long, value_enum, required = true)]
    dead_letter: Topic,
    /// Only show them.
    #[arg(long)]
    dry_run: bool,
}

/// The topics that have dead letters.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Topic {
    Inbound,
    Outbound,
}

/// Puts back every dead letter that was not put back before. Each keeps its id, so that what was done is not done
/// twice.
pub async fn run(config: Config, arguments: Arguments) -> anyhow::Result<()> {
    config.validate()?;
    let topic = match arguments.dead_letter {
        Topic::Inbound => "inbound",
        Topic::Outbound => "outbound",
    };
    let dead = format!("{topic}.dead");
    let stream = platform::stream(&config).await?;
    let group = "replay";
    let mut waiting: u64 =
        stream.lag(&dead, group).await?.iter().map(botbuilder_stream::PartitionLag::records).sum();
    say(format_args!("{waiting} dead letters of {topic}"));
    let mut subscription = stream.subscribe(&dead, group).await?;
    while waiting > 0 {
        let Some(mut partition) = subscription.assigned().await? else { bail!("the stream was closed") };
        let id = partition.id();
        let lag = stream.lag(&dead, group).await?;
        let mut left =
            lag.iter().find(|lag| lag.partition == id).map_or(0, botbuilder_stream::PartitionLag::records);
        while left > 0 {
            let records = partition.next(100).await?;
            for delivered in &records {
                let reason = header(&delivered.record, REASON).unwrap_or("unknown");
                say(format_args!("{}/{}: {reason}", id, delivered.position.offset));
                if !arguments.dry_run {
                    stream.append(topic, vec![revived(&delivered.record)]).await?;
                }
            }
            let done = u64::try_from(records.len())?;
            left = left.saturating_sub(done);
            waiting = waiting.saturating_sub(done);
            if let (Some(last), false) = (records.last(), arguments.dry_run) {
                partition.commit(last.position.offset + 1).await?;
            }
        }
    }
    stream.close().await;
    Ok(())
}

fn header<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The record as it was before it died.
fn revived(record: &Record) -> Record {
    let of_death = [REASON, TOPIC, PARTITION, OFFSET, APPENDED_AT];
    let headers =
        record.headers.iter().filter(|(name, _)| !of_death.contains(&name.as_str())).cloned().collect();
    Record { headers, ..record.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revived_record_has_lost_the_marks_of_its_death_and_nothing_else() {
        let mark = |name: &str| (name.to_owned(), "x".to_owned());
        let record = Record {
            key: "k".to_owned(),
            payload: b"p".as_slice().into(),
            headers: vec![mark("webhook"), mark(REASON), mark(TOPIC), mark(OFFSET)],
        };
        let revived = revived(&record);
        assert_eq!(revived.headers, [mark("webhook")]);
        assert_eq!((revived.key, revived.payload), (record.key, record.payload));
    }
}
