//! A consumer group within one process: who owns which partition.
//!
//! A partition is free, planned for a member that has not fetched it yet, or held. Rebalancing moves as
//! few partitions as it can: members above their share give back, planned partitions first; what they hold
//! is asked back and moves when the holder has let go, or when its time is over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A partition given to a member. The epoch tells this tenure from earlier and later ones.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub partition: u32,
    pub epoch: u64,
    pub revoked: CancellationToken,
}

pub(super) struct Group {
    state: Mutex<State>,
    grace: Duration,
    runtime: Handle,
}

struct State {
    closed: bool,
    last_member: u64,
    last_epoch: u64,
    members: BTreeMap<u64, Member>,
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Member {
    planned: VecDeque<u32>,
    woken: Arc<Notify>,
}

#[derive(Clone)]
enum Slot {
    Free,
    Planned,
    Held { member: u64, lease: Lease },
}

impl Group {
    /// A group without members. `grace` is how long a holder may keep a partition that was asked back.
    pub(super) fn new(partitions: u32, grace: Duration, runtime: Handle) -> Self {
        let state = State {
            closed: false,
            last_member: 0,
            last_epoch: 0,
            members: BTreeMap::new(),
            slots: (0..partitions).map(|_| Slot::Free).collect(),
        };
        Self { state: Mutex::new(state), grace, runtime }
    }

    pub(super) fn join(self: &Arc<Self>) -> u64 {
        let mut state = self.lock();
        state.last_member += 1;
        let id = state.last_member;
        state.members.insert(id, Member::default());
        self.rebalance(&mut state);
        id
    }

    pub(super) fn leave(self: &Arc<Self>, id: u64) {
        let mut state = self.lock();
        let Some(member) = state.members.remove(&id) else { return };
        for partition in member.planned {
            state.slots[partition as usize] = Slot::Free;
        }
        let held = state.held_by(id);
        self.ask_back(&held);
        self.rebalance(&mut state);
    }

    /// The next partition for the member; `None` once the group is closed.
    pub(super) async fn next_lease(&self, id: u64) -> Option<Lease> {
        loop {
            let woken = {
                let mut state = self.lock();
                if state.closed {
                    return None;
                }
                let member = state.members.get_mut(&id)?;
                if let Some(partition) = member.planned.pop_front() {
                    state.last_epoch += 1;
                    let lease =
                        Lease { partition, epoch: state.last_epoch, revoked: CancellationToken::new() };
                    state.slots[partition as usize] = Slot::Held { member: id, lease: lease.clone() };
                    return Some(lease);
                }
                member.woken.clone()
            };
            woken.notified().await;
        }
    }

    /// Whether the lease still stands: not given back, not fenced.
    pub(super) fn holds(&self, lease: &Lease) -> bool {
        self.lock().holds(lease)
    }

    /// Gives a partition back, or takes it from a holder whose time is over.
    pub(super) fn release(self: &Arc<Self>, lease: &Lease) {
        let mut state = self.lock();
        if state.holds(lease) {
            state.slots[lease.partition as usize] = Slot::Free;
            self.rebalance(&mut state);
        }
    }

    /// Revokes everything and ends every wait.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for slot in &state.slots {
            if let Slot::Held { lease, .. } = slot {
                lease.revoked.cancel();
            }
        }
        for member in state.members.values() {
            member.woken.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rebalance(self: &Arc<Self>, state: &mut State) {
        if state.closed || state.members.is_empty() {
            return;
        }
        // Who has most keeps most, so that a change of shares moves as little as possible.
        let mut order: Vec<(usize, u64)> = state.members.keys().map(|id| (state.load_of(*id), *id)).collect();
        order.sort_by_key(|(load, id)| (std::cmp::Reverse(*load), *id));
        let share = state.slots.len() / order.len();
        let larger = state.slots.len() % order.len();
        for (rank, (load, id)) in order.iter().enumerate() {
            let quota = share + usize::from(rank < larger);
            self.shrink(state, *id, load.saturating_sub(quota));
        }
        let mut free: VecDeque<u32> = state.free().into();
        for (rank, (_, id)) in order.iter().enumerate() {
            let quota = share + usize::from(rank < larger);
            let room = quota.saturating_sub(state.load_of(*id));
            for partition in free.drain(..room.min(free.len())).collect::<Vec<_>>() {
                state.slots[partition as usize] = Slot::Planned;
                if let Some(member) = state.members.get_mut(id) {
                    member.planned.push_back(partition);
                    member.woken.notify_one();
                }
            }
        }
    }

    /// Takes `surplus` partitions from a member.
    fn shrink(self: &Arc<Self>, state: &mut State, id: u64, surplus: usize) {
        let mut surplus = surplus;
        while surplus > 0 {
            let Some(partition) = state.members.get_mut(&id).and_then(|member| member.planned.pop_back())
            else {
                break;
            };
            state.slots[partition as usize] = Slot::Free;
            surplus -= 1;
        }
        let held = state.held_by(id);
        let keep = held.len().saturating_sub(surplus);
        self.ask_back(&held[keep..]);
    }

    fn ask_back(self: &Arc<Self>, leases: &[Lease]) {
        for lease in leases {
            lease.revoked.cancel();
            let group = self.clone();
            let lease = lease.clone();
            let grace = self.grace;
            self.runtime.spawn(async move {
                tokio::time::sleep(grace).await;
                if group.holds(&lease) {
                    tracing::warn!(partition = lease.partition, "worker kept a revoked partition, fenced");
                    group.release(&lease);
                }
            });
        }
    }
}

impl State {
    /// Leases of a member that have not been asked back.
    fn held_by(&self, id: u64) -> Vec<Lease> {
        let held = |slot: &Slot| match slot {
            Slot::Held { member, lease } if *member == id && !lease.revoked.is_cancelled() => {
                Some(lease.clone())
            }
            _ => None,
        };
        self.slots.iter().filter_map(held).collect()
    }

    fn load_of(&self, id: u64) -> usize {
        let planned = self.members.get(&id).map_or(0, |member| member.planned.len());
        planned + self.held_by(id).len()
    }

    fn free(&self) -> Vec<u32> {
        (0_u32..)
            .zip(&self.slots)
            .filter(|(_, slot)| matches!(slot, Slot::Free))
            .map(|(partition, _)| partition)
            .collect()
    }

    fn holds(&self, lease: &Lease) -> bool {
        let slot = &self.slots[lease.partition as usize];
        matches!(slot, Slot::Held { lease: held, .. } if held.epoch == lease.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(group: &Group, member: u64, count: usize) -> Vec<Lease> {
        let mut leases = Vec::new();
        for _ in 0..count {
            leases.push(group.next_lease(member).await.expect("group is open"));
        }
        leases
    }

    fn group(partitions: u32, grace: Duration) -> Arc<Group> {
        Arc::new(Group::new(partitions, grace, Handle::current()))
    }

    #[tokio::test]
    async fn second_member_gets_half_once_the_first_lets_go() {
        let group = group(8, Duration::from_mins(1));
        let first = group.join();
        let leases = take(&group, first, 8).await;
        let second = group.join();
        let revoked: Vec<&Lease> = leases.iter().filter(|lease| lease.revoked.is_cancelled()).collect();
        assert_eq!(revoked.len(), 4);
        for lease in &revoked {
            assert!(group.holds(lease), "still held until released");
            group.release(lease);
        }
        let taken = take(&group, second, 4).await;
        let expected: Vec<u32> = revoked.iter().map(|lease| lease.partition).collect();
        assert_eq!(taken.iter().map(|lease| lease.partition).collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn member_that_left_leaves_its_partitions_to_the_other() {
        let group = group(3, Duration::from_mins(1));
        let (first, second) = (group.join(), group.join());
        let held = take(&group, first, 2).await;
        group.leave(second);
        take(&group, first, 1).await;
        assert!(held.iter().all(|lease| !lease.revoked.is_cancelled()));
    }

    #[tokio::test(start_paused = true)]
    async fn holder_that_keeps_a_revoked_partition_is_fenced() {
        let group = group(1, Duration::from_secs(25));
        let first = group.join();
        let lease = take(&group, first, 1).await.remove(0);
        group.leave(first);
        let second = group.join();
        let successor = take(&group, second, 1).await.remove(0);
        assert!(!group.holds(&lease));
        assert!(group.holds(&successor));
    }

    #[tokio::test]
    async fn partition_dropped_without_revocation_comes_back() {
        let group = group(1, Duration::from_mins(1));
        let member = group.join();
        let lease = take(&group, member, 1).await.remove(0);
        group.release(&lease);
        let again = take(&group, member, 1).await.remove(0);
        assert!(again.epoch > lease.epoch);
    }

    #[tokio::test]
    async fn close_ends_the_wait() {
        let group = group(1, Duration::from_mins(1));
        let member = group.join();
        let lease = take(&group, member, 1).await.remove(0);
        group.close();
        assert!(group.next_lease(member).await.is_none());
        assert!(lease.revoked.is_cancelled());
    }
}
