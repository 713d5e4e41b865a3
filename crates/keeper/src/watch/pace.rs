//! When to compare, and when to wait: pure, takes `now`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The least time between two comparisons that notifications cause, and the longest.
const GAP: Duration = Duration::from_millis(100);
const GAP_MAX: Duration = Duration::from_millis(500);
/// The longest while another program makes the same change repeatedly.
const GAP_FIGHT: Duration = Duration::from_secs(1);
/// The least time between two comparisons without a notification: some settings can be changed
/// without one.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long after a run of hallway the next comparison is made, and for how long runs can delay it.
const AFTER_RUN: Duration = Duration::from_millis(100);
const PUT_OFF_MAX: Duration = Duration::from_millis(500);
/// Between the two, comparisons take at most this part of the time: one in `SHARE`.
const SHARE: u32 = 3;
/// The same for those without a notification, and the longest time between two of them.
const IDLE_SHARE: u32 = 50;
const INTERVAL_MAX: Duration = Duration::from_secs(20);
/// This number of repairs of one object within [`WINDOW`] is a conflict with another program.
const MANY: usize = 30;
const WINDOW: Duration = Duration::from_secs(10);
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The pace of comparisons and repairs.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When a comparison for a reason is due; none when there is no reason.
    wanted: Option<Instant>,
    /// When the last comparison ended, and the processor time that it took.
    last: Instant,
    cost: Duration,
    /// When the last comparison of everything ended, and the processor time that it took.
    last_whole: Instant,
    whole_cost: Duration,
    /// When repairs were made, by the object that was repaired.
    repairs: BTreeMap<String, Vec<Instant>>,
    /// Runs of hallway delay comparisons: since then, and until then.
    put_off_since: Option<Instant>,
    put_off_until: Option<Instant>,
    pause: Duration,
    /// Objects that another program changes repeatedly, and until when they are not repaired.
    paused: BTreeMap<String, Instant>,
    /// How many repairs failed since the last one that did not.
    in_a_row: u32,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            wanted: None,
            last: now.checked_sub(GAP).unwrap_or(now),
            cost: Duration::ZERO,
            last_whole: now,
            whole_cost: Duration::ZERO,
            repairs: BTreeMap::new(),
            put_off_since: None,
            put_off_until: None,
            pause: PAUSE_FIRST,
            paused: BTreeMap::new(),
            in_a_row: 0,
        }
    }

    /// Something changed. The first comparison is made at once, further ones after a gap, which is
    /// longer while another program makes the same change repeatedly.
    pub(crate) fn changed(&mut self, now: Instant) {
        let gap = match self.paused.values().any(|until| now < *until) {
            true => self.cost.saturating_mul(SHARE).clamp(GAP_MAX, GAP_FIGHT),
            false => self.cost.saturating_mul(SHARE).clamp(GAP, GAP_MAX),
        };
        let due = now.max(self.last + gap);
        self.wanted = Some(self.wanted.map_or(due, |earlier| earlier.min(due)));
    }

    /// A run of hallway has ended: the next comparison is made a moment later, since runs often
    /// follow one another, and the kernel is still removing what they removed. False if comparisons
    /// have been delayed for too long.
    pub(crate) fn put_off(&mut self, now: Instant) -> bool {
        let since = *self.put_off_since.get_or_insert(now);
        if now >= since + PUT_OFF_MAX {
            return false;
        }
        let until = now + AFTER_RUN;
        self.wanted = Some(until);
        self.put_off_until = Some(until);
        true
    }

    /// When the next comparison is due.
    pub(crate) fn due(&self) -> Instant {
        let regular = self.regular();
        let due = self.wanted.map_or(regular, |wanted| wanted.min(regular));
        self.put_off_until.map_or(due, |until| until.max(due))
    }

    /// Whether an object is not repaired at present.
    pub(crate) fn is_paused(&self, object: &str, now: Instant) -> bool {
        self.paused.get(object).is_some_and(|until| now < *until)
    }

    /// Whether everything must be compared, whatever has changed.
    pub(crate) fn whole_is_due(&self, now: Instant) -> bool {
        self.regular() <= now
    }

    fn regular(&self) -> Instant {
        let idle = self.whole_cost.saturating_mul(IDLE_SHARE);
        let least = self.whole_cost.saturating_mul(SHARE);
        self.last_whole + idle.clamp(INTERVAL, INTERVAL_MAX).max(least)
    }

    /// A comparison ends now. `cost` is the processor time that it took: on a busy machine it takes longer by
    /// the clock, and must not be made less often for that.
    pub(crate) fn compared(&mut self, whole: bool, cost: Duration, now: Instant) {
        self.wanted = None;
        self.put_off_since = None;
        self.put_off_until = None;
        self.last = now;
        self.cost = cost;
        if whole {
            self.last_whole = now;
            self.whole_cost = self.cost;
        }
    }

    /// A repair failed: the next is tried after a while without a notification, too, which is twice
    /// as long after each further failure.
    pub(crate) fn failed(&mut self, now: Instant) {
        let least = self.cost.saturating_mul(SHARE).max(GAP_MAX);
        let after = least.saturating_mul(2_u32.saturating_pow(self.in_a_row));
        self.wanted = Some(now + after.min(INTERVAL_MAX.max(least)));
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// Nothing differs, or all was repaired.
    pub(crate) fn succeeded(&mut self) {
        self.in_a_row = 0;
    }

    /// These objects were repaired, or it was tried. Returns the pause of those that were repaired too
    /// often; all others are still repaired at once: one node cannot delay the repair of anything else.
    pub(crate) fn repaired(
        &mut self,
        objects: impl Iterator<Item = String>,
        now: Instant,
    ) -> Option<Duration> {
        for times in self.repairs.values_mut() {
            times.retain(|at| now.saturating_duration_since(*at) < WINDOW);
        }
        self.repairs.retain(|_, times| !times.is_empty());
        self.paused.retain(|_, until| now < *until);
        if self.repairs.is_empty() {
            self.pause = PAUSE_FIRST;
        }
        for object in objects {
            self.repairs.entry(object).or_default().push(now);
        }
        let pause = self.pause;
        let mut fought = false;
        for (object, times) in self.repairs.iter_mut().filter(|(_, t)| t.len() >= MANY) {
            // One more repair after the pause causes the next pause, unless it comes much later.
            *times = vec![now + pause; MANY - 1];
            // It was repaired once more, together with another object.
            fought |= self.paused.insert(object.clone(), now + pause).is_none();
        }
        if !fought {
            return None;
        }
        self.pause = (pause * 2).min(PAUSE_MAX);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_change_is_compared_at_once_and_a_burst_a_few_times() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.changed(start);
        assert_eq!(pace.due(), start);
        let (mut now, mut compared) = (start, 0);
        while now < start + Duration::from_secs(1) {
            pace.changed(now);
            if pace.due() <= now {
                compared += 1;
                pace.compared(true, MS, now + MS);
            }
            now += 2 * MS;
        }
        assert!((5..=11).contains(&compared), "{compared}");
    }

    #[test]
    fn a_run_puts_comparisons_off_and_many_runs_not_for_ever() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start + INTERVAL;
        assert!(pace.put_off(now));
        pace.changed(now + MS);
        assert_eq!(pace.due(), now + AFTER_RUN);
        let first = now;
        while pace.put_off(now) {
            now += 10 * MS;
        }
        assert_eq!(now, first + PUT_OFF_MAX);
        pace.compared(false, MS, now + MS);
        assert!(pace.put_off(now + 2 * MS));
    }

    #[test]
    fn the_longer_a_comparison_takes_the_fewer_are_made() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let cost = 300 * MS;
        pace.compared(true, cost, start + cost);
        assert_eq!(pace.due(), start + cost + cost * IDLE_SHARE);
        pace.changed(start + cost);
        assert_eq!(pace.due(), start + cost + GAP_MAX);
    }

    #[test]
    fn a_comparison_that_took_long_does_not_put_the_next_off_for_minutes() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.compared(true, 2000 * MS, start + 2000 * MS);
        assert_eq!(pace.due(), start + 2000 * MS + INTERVAL_MAX);
        pace.compared(true, 10_000 * MS, start + 10_000 * MS);
        assert_eq!(pace.due(), start + 40_000 * MS);
    }

    #[test]
    fn conflicting_changes_pause_repairs() {
        const OBJECT: &str = "mtu of eth0";
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut pauses = Vec::new();
        for _ in 0..60 {
            pace.changed(now);
            now = now.max(pace.due());
            while pace.is_paused(OBJECT, now) {
                now += INTERVAL;
            }
            assert!(!pace.is_paused("mtu of eth1", now));
            pace.compared(true, MS, now + MS);
            now += MS;
            pauses.extend(pace.repaired(std::iter::once(OBJECT.to_owned()), now));
        }
        assert_eq!(pauses.first(), Some(&PAUSE_FIRST));
        assert_eq!(pauses.last(), Some(&PAUSE_MAX));
        now += PAUSE_MAX + WINDOW;
        assert_eq!(pace.repaired(std::iter::once(OBJECT.to_owned()), now), None);
    }

    #[test]
    fn while_changes_conflict_comparisons_are_made_less_often() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let many = vec!["mtu of eth0".to_owned(); MANY];
        assert_eq!(pace.repaired(many.into_iter(), now), Some(PAUSE_FIRST));
        pace.compared(true, MS, now + MS);
        pace.changed(now + MS);
        assert_eq!(pace.due(), now + MS + GAP_MAX);
    }

    #[test]
    fn a_repair_that_failed_is_tried_again_less_and_less_often() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        pace.compared(true, 1000 * MS, now + 1000 * MS);
        now += 1000 * MS;
        let mut waits = Vec::new();
        for _ in 0..5 {
            pace.failed(now);
            waits.push(pace.due() - now);
            now = pace.due();
            pace.compared(false, MS, now + MS);
        }
        // The first comparison took a second, the later ones a millisecond.
        let seconds: Vec<u64> = waits.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [3, 1, 2, 4, 8]);
        pace.succeeded();
        pace.failed(now);
        assert!(pace.due() - now <= GAP_MAX);
    }

    #[test]
    fn an_object_whose_repair_fails_does_not_delay_others() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..200 {
            pace.changed(now);
            now = now.max(pace.due());
            pace.compared(true, MS, now);
            if !pace.is_paused("mtu of eth0", now) {
                pace.failed(now);
                pace.repaired(std::iter::once("mtu of eth0".to_owned()), now);
            }
        }
        assert!(pace.is_paused("mtu of eth0", now));
        assert!(!pace.is_paused("table inet hallway-p", now));
        pace.changed(now);
        assert!(pace.due() <= now + GAP_FIGHT);
    }

    #[test]
    fn repairs_of_many_objects_do_not_conflict() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let objects = (0..200).map(|n| format!("mtu of eth{n}"));
        assert_eq!(pace.repaired(objects, now), None);
    }
}
