//! How many callbacks are taken in at once. The number follows from how long they take: as long as the stream makes them
//! durable as fast as usual there is room for more, and when it takes longer there is room for fewer, so that what waits
//! does not grow until everybody is late. Who finds no room is told to come back, which providers do.
//!
//! The rule is the gradient of latencies (as in Netflix's `concurrency-limits`, gradient 2): what a callback takes now is
//! compared with what it took over the last some hundred.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_domain::OrgId;

/// The number never goes below this: a slow disk alone must not shut the door.
const LEAST: f64 = 64.0;
/// Nor above this; what waits to become durable has a bound of its own.
const MOST: f64 = 4_096.0;
/// Where it begins.
const FIRST: f64 = 512.0;
/// So many times the usual is still as usual.
const TOLERANCE: f64 = 2.0;
/// Seconds that nobody minds, whatever is usual: a crowd after a quiet hour makes milliseconds into many times as many,
/// while providers wait for seconds. Sending it away would make it later than letting it wait.
const BEARABLE: f64 = 0.5;
/// How much one callback moves the number.
const STEP: f64 = 0.2;
/// Over so many callbacks what is usual is taken.
const USUAL: f64 = 600.0;

/// What is being taken in, and how much may be.
#[derive(Clone, Default)]
pub struct Load(Arc<Mutex<State>>);

struct State {
    limit: f64,
    /// Seconds that a callback usually takes; none before the first.
    usual: Option<f64>,
    inside: usize,
    of_organizations: HashMap<OrgId, usize>,
}

impl Default for State {
    fn default() -> Self {
        Self { limit: FIRST, usual: None, inside: 0, of_organizations: HashMap::new() }
    }
}

impl State {
    /// Whether there is room for one more of this organization. One that is there alone may have all of it, beside others
    /// half of it; and who has little finds room although somebody else has filled it.
    fn has_room(&self, org: OrgId) -> bool {
        let (inside, own) = (self.inside, self.of_organizations.get(&org).copied().unwrap_or_default());
        let within =
            |count: usize, share: f64| u32::try_from(count).is_ok_and(|count| f64::from(count) < share);
        let fair = own == inside || within(own, self.limit / 2.0);
        (fair && within(inside, self.limit))
            || (within(own, self.limit / 8.0) && within(inside, self.limit * 1.5))
    }

    /// Lets one more of this organization in, where there is room.
    fn enter(&mut self, org: OrgId) -> bool {
        let enters = self.has_room(org);
        if enters {
            self.inside += 1;
            *self.of_organizations.entry(org).or_default() += 1;
        }
        enters
    }

    /// One of this organization is done.
    fn leave(&mut self, org: OrgId) {
        self.inside -= 1;
        if let Some(count) = self.of_organizations.get_mut(&org) {
            *count -= 1;
            if *count == 0 {
                self.of_organizations.remove(&org);
            }
        }
    }

    /// Takes in what a callback took.
    fn learn(&mut self, took: Duration, inside: usize) {
        let now = took.as_secs_f64().max(1e-6);
        let usual = *self.usual.get_or_insert(now);
        // Where it has become much faster, what was usual is out of date.
        let usual = if usual > TOLERANCE * now { usual * 0.95 } else { usual + (now - usual) / USUAL };
        self.usual = Some(usual);
        let inside = u32::try_from(inside).map_or(f64::MAX, f64::from);
        let gradient = ((TOLERANCE * usual).max(BEARABLE) / now).clamp(0.5, 1.0);
        // Nothing is learned about more room from callbacks that had enough of it.
        if gradient >= 1.0 && inside < self.limit / 2.0 {
            return;
        }
        let aim = self.limit * gradient + self.limit.sqrt();
        self.limit = (self.limit * (1.0 - STEP) + aim * STEP).clamp(LEAST, MOST);
    }
}

/// A callback that is being taken in.
pub struct Inside {
    load: Load,
    org: OrgId,
    since: Instant,
}

impl Load {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is room for one more of this organization.
    pub(super) fn has_room(&self, org: OrgId) -> bool {
        self.with(|state| state.has_room(org))
    }

    /// Lets one more of this organization in, until what is given is dropped; none where there is no room.
    #[must_use]
    pub fn enter(&self, org: OrgId) -> Option<Inside> {
        let enters = self.with(|state| state.enter(org));
        enters.then(|| Inside { load: self.clone(), org, since: Instant::now() })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let took = self.since.elapsed();
        self.load.with(|state| {
            state.learn(took, state.inside);
            state.leave(self.org);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(number: u128) -> OrgId {
        OrgId::new(uuid::Uuid::from_u128(number))
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn the_number_falls_when_callbacks_take_longer_and_comes_back() {
        let mut state = State::default();
        for _ in 0..100 {
            state.learn(ms(5), 512);
        }
        let before = state.limit;
        assert!(before > FIRST, "there was no room left and they were as fast as usual: {before}");
        for _ in 0..200 {
            state.learn(ms(100), 512);
        }
        assert!(state.limit >= before, "twenty times the usual, and still nobody minds: {}", state.limit);
        let before = state.limit;
        for _ in 0..200 {
            state.learn(ms(2_000), 512);
        }
        let during = state.limit;
        assert!(during < before / 4.0, "{before} {during}");
        for _ in 0..20_000 {
            state.learn(ms(2_000), 64);
        }
        assert!((LEAST..=MOST).contains(&state.limit));
        for _ in 0..5_000 {
            state.learn(ms(5), 5_000);
        }
        assert!(state.limit > before, "{} {before}", state.limit);
    }

    #[test]
    fn callbacks_that_had_room_say_nothing_about_more() {
        let mut state = State::default();
        for _ in 0..1_000 {
            state.learn(ms(5), 3);
        }
        assert!((state.limit - FIRST).abs() < f64::EPSILON);
    }

    #[test]
    fn who_fills_it_shuts_nobody_else_out() {
        let mut state = State::default();
        let fill = |state: &mut State, number| (0..10_000).take_while(|_| state.enter(org(number))).count();
        assert_eq!(fill(&mut state, 1), 512, "alone it has all");
        assert_eq!(fill(&mut state, 2), 64);
        for _ in 0..212 {
            state.leave(org(1));
        }
        assert!(!state.enter(org(1)), "beside another it has half");
        for _ in 0..100 {
            state.leave(org(1));
        }
        assert_eq!(fill(&mut state, 1), 56);
        assert_eq!(fill(&mut state, 2), 192, "until all of it is taken");
        for (number, count) in [(1, 256), (2, 256)] {
            for _ in 0..count {
                state.leave(org(number));
            }
        }
        assert_eq!((state.inside, state.of_organizations.len()), (0, 0));
    }

    #[test]
    fn who_is_done_makes_room() {
        let load = Load::default();
        let inside: Vec<Inside> = std::iter::from_fn(|| load.enter(org(1))).collect();
        assert!(!load.has_room(org(1)));
        drop(inside);
        assert!(load.has_room(org(1)));
    }
}
