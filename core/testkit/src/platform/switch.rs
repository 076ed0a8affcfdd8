//! A stream that can be made to refuse what is appended to `inbound`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use botbuilder_stream::{
    AppendError, ConsumeError, PartitionLag, Position, Producer, Record, Stream, Subscription,
};

/// How appending to `inbound` fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A bound is reached; after this time there may be room.
    Full(Duration),
    /// The stream is not there.
    Unavailable,
}

/// A stream that works, or fails as it is told.
pub struct SwitchedStream {
    inner: Arc<dyn Stream>,
    fault: Mutex<Option<Fault>>,
}

impl SwitchedStream {
    pub(super) fn new(inner: Arc<dyn Stream>) -> Self {
        Self { inner, fault: Mutex::default() }
    }

    /// Fails like this from now on, or works.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

#[async_trait]
impl Producer for SwitchedStream {
    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match fault.filter(|_| topic == "inbound") {
            None => self.inner.append(topic, records).await,
            Some(Fault::Full(retry_after)) => Err(AppendError::Full { retry_after }),
            Some(Fault::Unavailable) => {
                Err(AppendError::Unavailable { reason: "as the test says".to_owned() })
            }
        }
    }

    fn partitions(&self, topic: &str) -> Result<u32, AppendError> {
        self.inner.partitions(topic)
    }
}

#[async_trait]
impl Stream for SwitchedStream {
    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Subscription>, ConsumeError> {
        self.inner.subscribe(topic, group).await
    }

    async fn lag(&self, topic: &str, group: &str) -> Result<Vec<PartitionLag>, ConsumeError> {
        self.inner.lag(topic, group).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
