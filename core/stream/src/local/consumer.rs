//! A member of a group and the partitions it is given.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Log;
use super::group::{Group, Lease};
use crate::error::ConsumeError;
use crate::record::Delivered;
use crate::traits::{Partition, Subscription};

/// What a member consumes.
pub(super) struct Place<L> {
    pub log: Arc<L>,
    pub topic: usize,
    pub group: String,
}

pub(super) struct Member<L> {
    place: Arc<Place<L>>,
    members: Arc<Group>,
    id: u64,
}

impl<L: Log> Member<L> {
    pub(super) fn join(place: Place<L>, members: Arc<Group>) -> Self {
        let id = members.join();
        Self { place: Arc::new(place), members, id }
    }
}

impl<L> Drop for Member<L> {
    fn drop(&mut self) {
        self.members.leave(self.id);
    }
}

#[async_trait]
impl<L: Log> Subscription for Member<L> {
    async fn assigned(&mut self) -> Result<Option<Box<dyn Partition>>, ConsumeError> {
        let Some(lease) = self.members.next_lease(self.id).await else { return Ok(None) };
        let Place { log, topic, group } = self.place.as_ref();
        let (first, end) = log.bounds(*topic, lease.partition);
        let next = log.committed(*topic, lease.partition, group).unwrap_or(first);
        let place = self.place.clone();
        Ok(Some(Box::new(Owned { place, members: self.members.clone(), lease, next, end })))
    }
}

/// A partition as long as its worker has it.
struct Owned<L> {
    place: Arc<Place<L>>,
    members: Arc<Group>,
    lease: Lease,
    next: u64,
    end: watch::Receiver<u64>,
}

impl<L> Drop for Owned<L> {
    fn drop(&mut self) {
        self.members.release(&self.lease);
    }
}

#[async_trait]
impl<L: Log> Partition for Owned<L> {
    fn id(&self) -> u32 {
        self.lease.partition
    }

    async fn next(&mut self, max: usize) -> Result<Vec<Delivered>, ConsumeError> {
        loop {
            if self.lease.revoked.is_cancelled() {
                return Err(ConsumeError::Revoked);
            }
            let available = *self.end.borrow_and_update();
            if self.next < available {
                let place = &self.place;
                let records =
                    place.log.read(place.topic, self.lease.partition, self.next, max.max(1)).await?;
                if let Some(last) = records.last() {
                    self.next = last.position.offset + 1;
                    return Ok(records);
                }
            }
            tokio::select! {
                () = self.lease.revoked.cancelled() => {}
                changed = self.end.changed() => {
                    if changed.is_err() {
                        return Err(ConsumeError::Unavailable { reason: "stream is closed".to_owned() });
                    }
                }
            }
        }
    }

    async fn commit(&mut self, next: u64) -> Result<(), ConsumeError> {
        if !self.members.holds(&self.lease) {
            return Err(ConsumeError::Revoked);
        }
        let place = &self.place;
        place.log.commit(place.topic, &place.group, vec![(self.lease.partition, next)]).await
    }

    fn revoked(&self) -> CancellationToken {
        self.lease.revoked.clone()
    }
}
