//! How a fake misbehaves: what befalls the next requests, then by chance with a seed.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// One way in which a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing goes wrong. For `next` only.
    None,
    /// 429 with `Retry-After`.
    Throttle,
    /// 429 that does not say how long to wait.
    ThrottleSilently,
    /// A 500 in the provider's shape.
    ServerError,
    /// A 502 with a page of HTML.
    Html,
    /// Refused with `refuse_code`.
    Refuse,
    /// Not accepted, never answered.
    Hang,
    /// Accepted, never answered.
    HangAfterAccept,
    /// Not accepted, the connection is closed without an answer.
    Reset,
    /// Accepted, the connection is closed without an answer.
    ResetAfterAccept,
}

/// How a fake misbehaves. Everything may be left out; an empty object behaves well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Where chance starts, so that a run can be repeated.
    pub seed: u64,
    /// Milliseconds before each answer.
    pub delay_ms: u64,
    /// Up to so many milliseconds more.
    pub jitter_ms: u64,
    /// What befalls the next requests, one each, before chance has its turn.
    pub next: VecDeque<Fault>,
    /// How often each fault happens, in percent of the requests.
    pub percent: BTreeMap<Fault, f64>,
    /// Seconds that a throttled request is told to wait.
    pub retry_after_s: u64,
    /// The provider's code of [`Fault::Refuse`].
    pub refuse_code: Option<i64>,
    /// The same, of a provider whose codes are words.
    pub refuse_word: Option<String>,
    /// Recipients that cannot be reached.
    pub unreachable: Vec<String>,
    /// Slack: channels that the app is not in until it joins them.
    pub outside: Vec<String>,
    /// Slack: scopes that the app does not have.
    pub scopes_missing: Vec<String>,
    /// Whether messages that come faster than the provider allows are refused as it refuses them.
    pub rates: bool,
    /// WhatsApp: whether only who wrote within the day is inside the window, as is the case there. Otherwise everybody is
    /// who was not said to be outside.
    pub windows: bool,
    /// What happens to status callbacks.
    pub statuses: StatusBehaviour,
}

/// What happens to status callbacks, in percent of the messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusBehaviour {
    /// Milliseconds between accepting and calling back.
    pub delay_ms: u64,
    /// Each status is sent twice.
    pub duplicate_percent: f64,
    /// They are sent in another order.
    pub reorder_percent: f64,
    /// None is sent.
    pub drop_percent: f64,
    /// The message fails after it was accepted.
    pub fail_percent: f64,
}

/// A behaviour and its chance.
#[derive(Debug)]
pub(super) struct Dice {
    pub(super) behaviour: Behaviour,
    state: u64,
}

impl Dice {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Self { state: behaviour.seed, behaviour }
    }

    /// `SplitMix64`: small, and the same everywhere.
    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and without, 100.
    fn percent(&mut self) -> f64 {
        let thousandths = u32::try_from(self.roll() % 100_000).unwrap_or(0);
        f64::from(thousandths) / 1_000.0
    }

    /// Whether something that happens in `percent` of the cases happens now.
    pub(super) fn happens(&mut self, percent: f64) -> bool {
        percent > 0.0 && self.percent() < percent
    }

    /// A number below `bound`; 0 where that is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.roll() % bound }
    }

    /// What befalls this request, and how long it takes. One `aside`, of which nobody knows when it comes, leaves the
    /// faults that are lined up to the others.
    pub(super) fn next(&mut self, aside: bool) -> (Fault, Duration) {
        let jitter = self.behaviour.jitter_ms;
        let delay = self.behaviour.delay_ms + self.below(jitter.saturating_add(1));
        let lined_up = if aside { None } else { self.behaviour.next.pop_front() };
        (lined_up.unwrap_or_else(|| self.by_chance()), Duration::from_millis(delay))
    }

    fn by_chance(&mut self) -> Fault {
        if self.behaviour.percent.is_empty() {
            return Fault::None;
        }
        let drawn = self.percent();
        let mut reached = 0.0;
        for (fault, percent) in &self.behaviour.percent {
            reached += percent;
            if drawn < reached {
                return *fault;
            }
        }
        Fault::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(seed: u64, count: usize) -> Vec<Fault> {
        let percent = BTreeMap::from([(Fault::Throttle, 20.0), (Fault::Reset, 10.0)]);
        let mut dice = Dice::new(Behaviour { seed, percent, ..Behaviour::default() });
        (0..count).map(|_| dice.next(false).0).collect()
    }

    #[test]
    fn a_seed_repeats_and_percentages_hold() {
        let drawn = faults(7, 10_000);
        assert_eq!(drawn, faults(7, 10_000));
        assert_ne!(drawn, faults(8, 10_000));
        let share = |fault| drawn.iter().filter(|drawn| **drawn == fault).count();
        assert!((1_800..2_200).contains(&share(Fault::Throttle)), "{}", share(Fault::Throttle));
        assert!((850..1_150).contains(&share(Fault::Reset)), "{}", share(Fault::Reset));
    }

    #[test]
    fn what_is_next_comes_before_chance() {
        let next = VecDeque::from([Fault::Html, Fault::None]);
        let percent = BTreeMap::from([(Fault::Reset, 100.0)]);
        let mut dice = Dice::new(Behaviour { next, percent, ..Behaviour::default() });
        let drawn: Vec<_> = (0..3).map(|_| dice.next(false).0).collect();
        assert_eq!(drawn, [Fault::Html, Fault::None, Fault::Reset]);
    }

    #[test]
    fn a_behaviour_is_read_from_json() {
        let written = r#"{"seed":3,"percent":{"hang_after_accept":100},"next":["throttle_silently"]}"#;
        let behaviour: Behaviour = serde_json::from_str(written).unwrap();
        assert!(behaviour.percent[&Fault::HangAfterAccept] > 99.9);
        assert!(serde_json::from_str::<Behaviour>(r#"{"dely_ms":3}"#).is_err());
    }
}
