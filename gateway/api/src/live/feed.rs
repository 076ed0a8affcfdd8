//! Follows the events of all organizations for whoever watches in this process, while somebody does.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use botbuilder_store::{
    Error, Store,
    system::events::{self, Noted},
};
use tokio::sync::broadcast;
use tracing::warn;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(250);
/// Batches that may wait for a slow watcher; one that falls further behind is cut off, and comes back by its last id.
const WAITING: usize = 1024;
/// How long a batch may appear after others with higher numbers. Transactions that take longer are seen by nobody live.
const LATE: Duration = Duration::from_secs(10);
/// Batches of one look.
const PAGE: i64 = 500;

/// The sending end.
pub type Sender = broadcast::Sender<Arc<Noted>>;

/// A new feed, and its first watcher. It ends when the last watcher is gone.
pub async fn start(store: Store) -> Result<(Sender, broadcast::Receiver<Arc<Noted>>), Error> {
    let mut tx = store.begin_worker().await?;
    let from = events::last(&mut tx).await?;
    tx.commit().await?;
    let (sender, receiver) = broadcast::channel(WAITING);
    let mut feed = Feed { store, sender: sender.clone(), low: from, seen: HashMap::new() };
    tokio::spawn(async move {
        while feed.sender.receiver_count() > 0 {
            if let Err(error) = feed.look().await {
                warn!(error = %error, "live views wait");
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    Ok((sender, receiver))
}

struct Feed {
    store: Store,
    sender: Sender,
    /// Everything up to here is over: what is not seen by now will not be.
    low: i64,
    /// What was seen above, and when.
    seen: HashMap<i64, Instant>,
}

impl Feed {
    async fn look(&mut self) -> Result<(), Error> {
        let mut after = self.low;
        loop {
            let mut tx = self.store.begin_worker().await?;
            let rows = events::since(&mut tx, after, PAGE).await?;
            tx.commit().await?;
            let full = rows.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
            for row in rows {
                after = row.position;
                if let Entry::Vacant(entry) = self.seen.entry(row.position) {
                    entry.insert(Instant::now());
                    // Nobody listens: then the feed is about to end.
                    let _ = self.sender.send(Arc::new(row));
                }
            }
            if !full {
                break;
            }
        }
        let now = Instant::now();
        let over =
            self.seen.iter().filter(|(_, at)| now.duration_since(**at) > LATE).map(|(at, _)| *at).max();
        if let Some(over) = over {
            self.low = self.low.max(over);
            self.seen.retain(|position, _| *position > over);
        }
        Ok(())
    }
}
