//! Hubs of several instances, by Redis.
//!
//! A notice goes to every instance, and each knows whether the visitor is there. Nothing depends on its arrival: when
//! something may not have been heard (the connection broke, a queue was full), every reader looks into its history,
//! and while the connection is away all of them do so again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use botbuilder_domain::Clock;
use botbuilder_service::{
    lifecycle::{Service, ServiceError},
    redis::{Ear, Heard, Redis},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::{
    Hub, Visitor,
    fanout::{Fanout, Notice},
};

/// What all hubs listen to.
const TOPIC: &str = "hub";
/// Notices that may wait to be told. Beyond it they are left out, and everybody is told to look.
const WAITING: usize = 16_384;
/// How long a visitor counts as present without a sign, and how often there is one.
const PRESENT: Duration = Duration::from_secs(90);
const SIGN_EVERY: Duration = Duration::from_secs(30);
/// While the others are not heard, readers look into their histories this often …
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// … but not more than so many in a second.
const LOOKS_PER_SECOND: usize = 500;

#[derive(Debug)]
enum Word {
    Tell(Notice),
    Came(Visitor),
    Went(Visitor),
}

/// What goes through Redis. Not an enum with a tag: serde reads no raw JSON inside of one.
#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    /// The instance that tells.
    from: Uuid,
    /// What it tells. None: something was left out, and everybody is to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

/// The handle that a hub tells things by.
struct Mouth {
    words: mpsc::Sender<Word>,
    left_out: Arc<AtomicBool>,
    redis: Redis,
    clock: Arc<dyn Clock>,
}

impl Mouth {
    fn say(&self, word: Word) {
        if self.words.try_send(word).is_err() {
            self.left_out.store(true, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl Fanout for Mouth {
    fn tell(&self, notice: Notice) {
        self.say(Word::Tell(notice));
    }

    fn came(&self, visitor: &Visitor) {
        self.say(Word::Came(visitor.clone()));
    }

    fn went(&self, visitor: &Visitor) {
        self.say(Word::Went(visitor.clone()));
    }

    async fn is_elsewhere(&self, visitor: &Visitor) -> bool {
        let now = self.clock.now().timestamp_millis();
        self.redis.holders(&presence(visitor), now).await.is_ok_and(|holders| holders > 0)
    }
}

fn presence((channel, address): &Visitor) -> String {
    format!("here:{channel}:{address}")
}

/// Keeps this instance's hub in touch with the others.
pub struct Instances {
    hub: Arc<Hub>,
    redis: Redis,
    clock: Arc<dyn Clock>,
    /// This instance.
    id: Uuid,
    words: mpsc::Receiver<Word>,
    left_out: Arc<AtomicBool>,
}

impl Instances {
    /// Has this hub tell the others from now on; they are heard once the service runs.
    pub fn join(hub: Arc<Hub>, redis: Redis, clock: Arc<dyn Clock>, id: Uuid) -> Self {
        let (sender, words) = mpsc::channel(WAITING);
        let left_out = Arc::<AtomicBool>::default();
        let mouth = Mouth {
            words: sender,
            left_out: Arc::clone(&left_out),
            redis: redis.clone(),
            clock: Arc::clone(&clock),
        };
        hub.join(Arc::new(mouth));
        Self { hub, redis, clock, id, words, left_out }
    }

    async fn speak(&mut self, word: Word) {
        let said = match word {
            Word::Tell(notice) => self.tell(Some(notice)).await,
            Word::Came(visitor) => self.sign(&visitor).await,
            Word::Went(visitor) => self.redis.let_go(&presence(&visitor), &self.id.to_string()).await.is_ok(),
        };
        // Whoever left something out has the others look as soon as they can hear it.
        let owes = self.left_out.swap(false, Ordering::Relaxed);
        if !said || (owes && !self.tell(None).await) {
            self.left_out.store(true, Ordering::Relaxed);
        }
    }

    async fn tell(&self, notice: Option<Notice>) -> bool {
        // What was read as JSON can be written as JSON.
        let Ok(text) = serde_json::to_vec(&Wire { from: self.id, notice }) else { return true };
        match self.redis.tell(TOPIC, text.into()).await {
            Ok(()) => true,
            Err(error) => {
                debug!(error = %error, "other instances are not told");
                false
            }
        }
    }

    async fn sign(&self, visitor: &Visitor) -> bool {
        let now = self.clock.now().timestamp_millis();
        self.redis.hold(&presence(visitor), &self.id.to_string(), now, PRESENT).await.is_ok()
    }

    /// Says that everybody who is here still is.
    async fn sign_all(&self) {
        for visitor in self.hub.present() {
            if !self.sign(&visitor).await {
                return;
            }
        }
    }

    fn hear(&self, text: &[u8]) {
        match serde_json::from_slice::<Wire>(text) {
            Ok(wire) if wire.from == self.id => {}
            Ok(Wire { notice: Some(notice), .. }) => self.hub.deliver(&notice),
            Ok(Wire { notice: None, .. }) => self.hub.look(),
            Err(error) => warn!(error = %error, "a notice of another instance cannot be read"),
        }
    }

    async fn talk(&mut self, mut ear: Ear) {
        let mut deaf = true;
        let mut look_at = Instant::now();
        let mut sign_at = Instant::now() + SIGN_EVERY;
        loop {
            tokio::select! {
                heard = ear.hear() => match heard {
                    Some(Heard::Told(text)) => self.hear(&text),
                    Some(Heard::Missed) => self.hub.look(),
                    Some(Heard::Connected) => {
                        if deaf {
                            info!("other instances can be heard");
                        }
                        deaf = false;
                        self.hub.look();
                        // The others have not heard this one either.
                        self.left_out.store(true, Ordering::Relaxed);
                        sign_at = Instant::now();
                    }
                    Some(Heard::Lost) => {
                        if !deaf {
                            warn!("other instances cannot be heard: readers look into their histories");
                        }
                        deaf = true;
                    }
                    None => return,
                },
                word = self.words.recv() => match word {
                    Some(word) => self.speak(word).await,
                    None => return,
                },
                () = sleep_until(sign_at) => {
                    self.sign_all().await;
                    sign_at = Instant::now() + SIGN_EVERY;
                    if self.left_out.load(Ordering::Relaxed)
                        && self.tell(None).await
                    {
                        self.left_out.store(false, Ordering::Relaxed);
                    }
                }
                () = sleep_until(look_at), if deaf => {
                    self.hub.look();
                    let seconds = self.hub.visitors() / LOOKS_PER_SECOND;
                    look_at = Instant::now() + LOOK_EVERY.max(Duration::from_secs(seconds as u64));
                }
            }
        }
    }
}

#[async_trait]
impl Service for Instances {
    fn name(&self) -> &'static str {
        "hub instances"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let ear = self.redis.listen(TOPIC);
        let redis = self.redis.clone();
        tokio::select! {
            () = self.talk(ear) => {}
            () = stop.cancelled() => {}
        }
        redis.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use botbuilder_domain::ChannelId;
    use serde_json::value::RawValue;

    #[test]
    fn what_is_told_can_be_read() {
        let text = RawValue::from_string(r#"{"type":"typing"}"#.to_owned()).unwrap();
        let visitor = (ChannelId::new(Uuid::from_u128(7)), "v7".to_owned());
        let notice = Notice { visitor: visitor.clone(), seq: Some(3), text };
        let sent = serde_json::to_vec(&Wire { from: Uuid::nil(), notice: Some(notice) }).unwrap();
        let heard = serde_json::from_slice::<Wire>(&sent).unwrap().notice.unwrap();
        assert_eq!((heard.visitor, heard.seq, heard.text.get()), (visitor, Some(3), r#"{"type":"typing"}"#));
        assert!(
            serde_json::from_slice::<Wire>(br#"{"from":"00000000-0000-0000-0000-000000000000"}"#)
                .unwrap()
                .notice
                .is_none()
        );
    }
}
