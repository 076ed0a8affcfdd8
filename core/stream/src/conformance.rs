//! What every backend must do, as functions over an open stream.
//!
//! Each function uses topics of its own, so that one stream can serve all of them; [`topics`] lists them.
//! A function panics when the backend breaks a promise.

mod acts;
mod workers;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use acts::{
    append_numbers, commit, number_of, numbers, partition_with, read, read_and_commit, record, within,
};
pub use workers::{Seen, SeenRecords, Worker};

use crate::{
    AppendError, ConsumeError, DEFAULT_MAX_RECORD, Delivered, OFFSET, Partition, Position, REASON, Record,
    Stream, TOPIC, TopicConfig, dead_letter, partition_of,
};

/// The topics that the functions use.
pub fn topics() -> Vec<TopicConfig> {
    let names = [
        "order",
        "commit",
        "crash",
        "rebalance",
        "letters",
        "letters.dead",
        "lag",
        "groups",
        "large",
        "revoked",
        "keys",
        "leave",
    ];
    let mut topics: Vec<TopicConfig> = names.map(|name| TopicConfig::new(name, 8)).into();
    topics.push(TopicConfig::new("single", 1));
    topics.push(TopicConfig { ephemeral: true, ..TopicConfig::new("moment", 2) });
    topics
}

/// Every function that needs no more than an open stream with [`topics`].
pub async fn all(stream: &Arc<dyn Stream>) {
    order_is_kept_per_key(stream).await;
    key_chooses_the_partition(stream).await;
    commit_moves_only_its_group(stream).await;
    uncommitted_records_come_again(stream).await;
    partition_dropped_alone_comes_again(stream).await;
    second_consumer_takes_over_its_share(stream).await;
    partitions_of_a_member_that_left_move_on(stream).await;
    revoked_partition_gives_nothing_more(stream).await;
    ephemeral_topic_begins_at_the_end(stream).await;
    dead_letter_keeps_the_record_and_its_origin(stream).await;
    lag_counts_what_is_not_committed(stream).await;
    large_record_is_refused(stream).await;
    unknown_topic_is_refused(stream).await;
}

/// Concurrent producers, one per key, in batches of several sizes: each key arrives in order, nothing is
/// lost, nothing is doubled, and the positions told are the ones delivered.
pub async fn order_is_kept_per_key(stream: &Arc<dyn Stream>) {
    const KEYS: usize = 20;
    const EACH: usize = 100;
    let mut producers = JoinSet::new();
    for key in 0..KEYS {
        let stream = stream.clone();
        producers.spawn(async move {
            let mut told = Vec::new();
            let mut number = 0;
            while number < EACH {
                let batch = number..EACH.min(number + 1 + key % 7);
                let records = batch.clone().map(|number| record(&format!("key-{key}"), number)).collect();
                told.extend(stream.append("order", records).await.expect("append"));
                number = batch.end;
            }
            (key, told)
        });
    }
    let told: HashMap<usize, Vec<Position>> = producers.join_all().await.into_iter().collect();
    let delivered = read(stream, "order", "readers", KEYS * EACH).await;
    for key in 0..KEYS {
        let name = format!("key-{key}");
        let of_key: Vec<&Delivered> = delivered.iter().filter(|record| record.record.key == name).collect();
        let numbers: Vec<usize> = of_key.iter().map(|record| number_of(record)).collect();
        assert_eq!(numbers, (0..EACH).collect::<Vec<_>>(), "records of {name}");
        let positions: Vec<Position> = of_key.iter().map(|record| record.position).collect();
        assert_eq!(positions, told[&key], "positions of {name}");
    }
}

/// A key goes to the partition that [`partition_of`] names; key, payload, headers and time arrive.
pub async fn key_chooses_the_partition(stream: &Arc<dyn Stream>) {
    assert_eq!(stream.partitions("keys").expect("partitions"), 8);
    let headers = vec![("trace".to_owned(), "1".to_owned()), ("trace".to_owned(), "zwei".to_owned())];
    let sent: Vec<Record> = (0..50_usize)
        .map(|number| Record { headers: headers.clone(), ..record(&format!("+4917{number}"), number) })
        .collect();
    stream.append("keys", sent.clone()).await.expect("append");
    let delivered = read(stream, "keys", "readers", sent.len()).await;
    for record in &sent {
        let found = delivered.iter().find(|found| found.record == *record).expect("record arrives unchanged");
        assert_eq!(found.position.partition, partition_of(&record.key, 8));
        assert!(found.appended_at > 1_500_000_000_000, "time of the append");
    }
}

/// A position is kept per group and moves by committing only.
pub async fn commit_moves_only_its_group(stream: &Arc<dyn Stream>) {
    append_numbers(stream, "commit", "k", 0..10).await;
    read_and_commit(stream, "commit", "first", 10).await;
    append_numbers(stream, "commit", "k", 10..12).await;
    assert_eq!(numbers(&read(stream, "commit", "first", 2).await), [10, 11]);
    assert_eq!(numbers(&read(stream, "commit", "second", 12).await), (0..12).collect::<Vec<_>>());
    // Reading alone has moved neither.
    assert_eq!(numbers(&read(stream, "commit", "first", 2).await), [10, 11]);
}

/// A consumer that goes without committing leaves its records to the next one.
pub async fn uncommitted_records_come_again(stream: &Arc<dyn Stream>) {
    append_numbers(stream, "crash", "k", 0..10).await;
    {
        let mut member = stream.subscribe("crash", "workers").await.expect("subscribe");
        let mut partition = partition_with(&mut *member, partition_of("k", 8)).await;
        let mut seen = Vec::new();
        while seen.len() < 10 {
            seen.extend(within("a record", partition.next(3)).await.expect("next"));
        }
        let fourth = seen[3].position.offset;
        partition.commit(fourth).await.expect("commit");
    }
    let again = read(stream, "crash", "workers", 7).await;
    assert_eq!(numbers(&again), [3, 4, 5, 6, 7, 8, 9]);
}

/// A worker that gives up one partition gets it again, from the committed position.
pub async fn partition_dropped_alone_comes_again(stream: &Arc<dyn Stream>) {
    append_numbers(stream, "single", "k", 0..5).await;
    let mut member = stream.subscribe("single", "workers").await.expect("subscribe");
    let mut partition = partition_with(&mut *member, 0).await;
    let first = within("a record", partition.next(2)).await.expect("next");
    partition.commit(first[0].position.offset + 1).await.expect("commit");
    drop(partition);
    let mut partition = partition_with(&mut *member, 0).await;
    let again = within("a record", partition.next(1)).await.expect("next");
    assert_eq!(numbers(&again), [1]);
}

/// While records keep coming, a second consumer joins and later the first one leaves. Every record is
/// processed once, each partition in order.
pub async fn second_consumer_takes_over_its_share(stream: &Arc<dyn Stream>) {
    const RECORDS: usize = 3000;
    let seen = Seen::default();
    let first = Worker::start(stream, "rebalance", "workers", "first", &seen).await;
    let producer = tokio::spawn({
        let stream = stream.clone();
        async move {
            for number in (0..RECORDS).step_by(10) {
                let batch =
                    (number..number + 10).map(|number| record(&format!("key-{}", number % 50), number));
                stream.append("rebalance", batch.collect()).await.expect("append");
                tokio::task::yield_now().await;
            }
        }
    });
    seen.wait("the first consumer works", |seen| seen.by("first") >= 200).await;
    let second = Worker::start(stream, "rebalance", "workers", "second", &seen).await;
    seen.wait("the second consumer works", |seen| seen.by("second") >= 1).await;
    first.stop().await;
    let by_first = seen.with(|seen| seen.by("first"));
    producer.await.expect("producer");
    seen.wait("every record is processed", |seen| seen.records.len() >= RECORDS).await;
    second.stop().await;
    seen.with(|seen| {
        assert_eq!(seen.by("first"), by_first, "a consumer that has stopped processes nothing");
        let positions: HashSet<Position> = seen.records.iter().map(|(_, position)| *position).collect();
        assert_eq!((positions.len(), seen.records.len()), (RECORDS, RECORDS), "each record once");
        let mut last = BTreeMap::new();
        for (_, position) in &seen.records {
            let before = last.insert(position.partition, position.offset);
            assert!(before.is_none_or(|before| before < position.offset), "order at {position:?}");
        }
    });
}

/// When a member leaves, the other one gets what it held.
pub async fn partitions_of_a_member_that_left_move_on(stream: &Arc<dyn Stream>) {
    let seen = Seen::default();
    let first = Worker::start(stream, "leave", "workers", "first", &seen).await;
    let second = Worker::start(stream, "leave", "workers", "second", &seen).await;
    first.stop().await;
    let batch = (0..100_usize).map(|number| record(&format!("key-{number}"), number));
    stream.append("leave", batch.collect()).await.expect("append");
    seen.wait("the one that stays processes everything", |seen| seen.by("second") >= 100).await;
    second.stop().await;
}

/// Asked back, a partition gives no more records, still takes the commit of what was in hand, and goes to
/// the successor only once it is dropped.
pub async fn revoked_partition_gives_nothing_more(stream: &Arc<dyn Stream>) {
    for key in 0..64_usize {
        append_numbers(stream, "revoked", &format!("key-{key}"), 0..2).await;
    }
    let mut first = stream.subscribe("revoked", "workers").await.expect("subscribe");
    let mut held = Vec::new();
    while held.len() < 8 {
        held.push(within("assignment", first.assigned()).await.expect("assigned").expect("open"));
    }
    let mut in_hand = HashMap::new();
    for partition in &mut held {
        let records = within("a record", partition.next(1)).await.expect("next");
        in_hand.insert(partition.id(), records[0].position.offset);
    }
    let (assigned, mut successor) = mpsc::unbounded_channel();
    let mut second = stream.subscribe("revoked", "workers").await.expect("subscribe");
    let mut background = JoinSet::new();
    background.spawn(async move {
        while let Ok(Some(partition)) = second.assigned().await {
            if assigned.send(partition).is_err() {
                return;
            }
        }
    });
    // A backend may take everything back and give a part of it again.
    background.spawn(async move {
        let mut again = JoinSet::new();
        while let Ok(Some(partition)) = first.assigned().await {
            again.spawn(hold_until_revoked(partition));
        }
    });
    let mut revocations = JoinSet::new();
    for partition in &held {
        let (id, revoked) = (partition.id(), partition.revoked());
        revocations.spawn(async move {
            revoked.cancelled_owned().await;
            id
        });
    }
    let asked_back = within("revocation", revocations.join_next()).await.expect("held").expect("waited");
    let place = held.iter().position(|partition| partition.id() == asked_back).expect("held");
    let mut asked_back = held.swap_remove(place);
    assert_eq!(asked_back.next(1).await, Err(ConsumeError::Revoked));
    assert!(successor.try_recv().is_err(), "the successor waits until the partition is dropped");
    for partition in held.iter_mut().chain([&mut asked_back]) {
        let next = in_hand[&partition.id()] + 1;
        partition.commit(next).await.expect("commit of what was in hand");
    }
    drop(asked_back);
    for partition in held {
        background.spawn(hold_until_revoked(partition));
    }
    let mut partition = within("the successor's partition", successor.recv()).await.expect("second runs");
    let records = within("a record", partition.next(1)).await.expect("next");
    assert_eq!(records[0].position.offset, in_hand[&partition.id()] + 1, "begins where the first stopped");
    background.shutdown().await;
}

async fn hold_until_revoked(partition: Box<dyn Partition>) {
    partition.revoked().cancelled().await;
}

/// A new group of an ephemeral topic sees only what is appended from then on.
pub async fn ephemeral_topic_begins_at_the_end(stream: &Arc<dyn Stream>) {
    append_numbers(stream, "moment", "k", 0..5).await;
    let mut member = stream.subscribe("moment", "viewers").await.expect("subscribe");
    let mut partition = partition_with(&mut *member, partition_of("k", 2)).await;
    append_numbers(stream, "moment", "k", 5..6).await;
    assert_eq!(numbers(&within("a record", partition.next(10)).await.expect("next")), [5]);
}

/// A dead letter has the key, the payload, the headers, the reason and the origin of its record.
pub async fn dead_letter_keeps_the_record_and_its_origin(stream: &Arc<dyn Stream>) {
    append_numbers(stream, "letters", "k", 0..2).await;
    let bad = read(stream, "letters", "workers", 2).await.remove(1);
    dead_letter(&**stream, "letters", &bad, "not decodable").await.expect("dead letter");
    let letter = read(stream, "letters.dead", "workers", 1).await.remove(0).record;
    assert_eq!((letter.key.as_str(), &letter.payload), ("k", &bad.record.payload));
    assert_eq!(letter.header(REASON), Some("not decodable"));
    assert_eq!(letter.header(TOPIC), Some("letters"));
    assert_eq!(letter.header(OFFSET), Some(bad.position.offset.to_string().as_str()));
}

/// Lag is what is stored and not committed, for each group on its own.
pub async fn lag_counts_what_is_not_committed(stream: &Arc<dyn Stream>) {
    let lag = async |group: &str| -> u64 {
        let lag = stream.lag("lag", group).await.expect("lag");
        assert_eq!(lag.len(), 8);
        lag.iter().map(crate::PartitionLag::records).sum()
    };
    append_numbers(stream, "lag", "k", 0..10).await;
    assert_eq!(lag("workers").await, 10);
    read_and_commit(stream, "lag", "workers", 10).await;
    assert_eq!(lag("workers").await, 0);
    append_numbers(stream, "lag", "other", 0..3).await;
    assert_eq!(lag("workers").await, 3);
    assert_eq!(lag("others").await, 13);
}

/// A record beyond the limit is refused for good, one at the limit is stored.
pub async fn large_record_is_refused(stream: &Arc<dyn Stream>) {
    let sized = |size: usize| Record::new("k", vec![7_u8; size - 1]);
    let refused = stream.append("large", vec![sized(DEFAULT_MAX_RECORD + 1)]).await;
    assert_eq!(
        refused,
        Err(AppendError::TooLarge { size: DEFAULT_MAX_RECORD + 1, limit: DEFAULT_MAX_RECORD })
    );
    stream.append("large", vec![sized(DEFAULT_MAX_RECORD)]).await.expect("record at the limit");
    let delivered = read(stream, "large", "readers", 1).await;
    assert_eq!(delivered[0].record.size(), DEFAULT_MAX_RECORD);
}

/// Nothing springs up because a name was misspelt.
pub async fn unknown_topic_is_refused(stream: &Arc<dyn Stream>) {
    let unknown = "inbuond".to_owned();
    let appended = stream.append(&unknown, vec![record("k", 0)]).await;
    assert_eq!(appended, Err(AppendError::UnknownTopic(unknown.clone())));
    assert_eq!(stream.subscribe(&unknown, "g").await.err(), Some(ConsumeError::UnknownTopic(unknown)));
}

/// For backends that never drop unread records: the topic `single` has a small cap. Unread records fill
/// it, appends are refused, reading makes room again.
pub async fn unread_records_fill_the_topic(stream: &Arc<dyn Stream>) {
    let mut member = stream.subscribe("single", "slow").await.expect("subscribe");
    let mut partition = partition_with(&mut *member, 0).await;
    let mut accepted = 0;
    let refused = loop {
        match stream.append("single", vec![record("k", accepted)]).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 100_000, "the cap is never reached");
    };
    assert!(matches!(refused, AppendError::Full { .. }), "{refused:?}");
    let mut seen = Vec::new();
    while seen.len() < accepted {
        seen.extend(within("a record", partition.next(100)).await.expect("next"));
    }
    assert_eq!(numbers(&seen), (0..accepted).collect::<Vec<_>>(), "nothing unread was dropped");
    let last = seen[accepted - 1].position.offset;
    partition.commit(last + 1).await.expect("commit");
    stream.append("single", vec![record("k", accepted)]).await.expect("room again");
    let next = within("a record", partition.next(1)).await.expect("next");
    assert_eq!(numbers(&next), [accepted]);
    let lag = stream.lag("single", "slow").await.expect("lag");
    assert!(lag[0].first > 0, "the oldest were dropped");
}
