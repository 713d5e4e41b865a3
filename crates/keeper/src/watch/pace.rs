//! When to compare, and when to wait: pure, takes `now`.

use std::time::{Duration, Instant};

/// The least time between two comparisons that notifications cause.
const GAP: Duration = Duration::from_millis(100);
/// The least time between two comparisons without a notification: some settings can be changed
/// without one.
const INTERVAL: Duration = Duration::from_millis(500);
/// Comparisons that notifications cause take at most one part in this many of the time.
const SHARE: u32 = 10;
/// The same for those without a notification.
const IDLE_SHARE: u32 = 50;
/// So many repairs within [`WINDOW`] are a fight with another program.
const MANY: usize = 20;
const WINDOW: Duration = Duration::from_secs(10);
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The pace of comparisons and repairs.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When a comparison for a reason is due; none when there is no reason.
    wanted: Option<Instant>,
    /// When the last comparison ended, and how long it took.
    last: Instant,
    cost: Duration,
    /// When the last comparison of everything ended, and how long it took.
    last_whole: Instant,
    whole_cost: Duration,
    /// When repairs were made.
    repairs: Vec<Instant>,
    pause: Duration,
    paused_until: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            wanted: None,
            last: now.checked_sub(GAP).unwrap_or(now),
            cost: Duration::ZERO,
            last_whole: now,
            whole_cost: Duration::ZERO,
            repairs: Vec::new(),
            pause: PAUSE_FIRST,
            paused_until: None,
        }
    }

    /// Something changed. The first comparison comes at once, further ones after a gap.
    pub(crate) fn changed(&mut self, now: Instant) {
        let gap = GAP.max(self.cost.saturating_mul(SHARE));
        let due = now.max(self.last + gap);
        self.wanted = Some(self.wanted.map_or(due, |earlier| earlier.min(due)));
    }

    /// When the next comparison is due.
    pub(crate) fn due(&self) -> Instant {
        let interval = INTERVAL.max(self.whole_cost.saturating_mul(IDLE_SHARE));
        let regular = self.last_whole + interval;
        let due = self.wanted.map_or(regular, |wanted| wanted.min(regular));
        self.paused_until.map_or(due, |until| until.max(due))
    }

    /// A comparison began then and ends now.
    pub(crate) fn compared(&mut self, whole: bool, began: Instant, now: Instant) {
        self.wanted = None;
        self.paused_until = None;
        self.last = now;
        self.cost = now.saturating_duration_since(began);
        if whole {
            self.last_whole = now;
            self.whole_cost = self.cost;
        }
    }

    /// A repair was made or failed. Gives the pause, when there were too many.
    pub(crate) fn repaired(&mut self, now: Instant) -> Option<Duration> {
        self.repairs.retain(|at| now.duration_since(*at) < WINDOW);
        if self.repairs.is_empty() {
            self.pause = PAUSE_FIRST;
        }
        self.repairs.push(now);
        if self.repairs.len() < MANY {
            return None;
        }
        let pause = self.pause;
        // The next pause follows after one more repair, unless there is a quiet time.
        self.repairs = vec![now; MANY - 1];
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.paused_until = Some(now + pause);
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
                pace.compared(true, now, now + MS);
            }
            now += 2 * MS;
        }
        assert!((5..=11).contains(&compared), "{compared}");
    }

    #[test]
    fn comparisons_take_a_part_of_the_time_however_long_one_takes() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let cost = 300 * MS;
        pace.compared(true, start, start + cost);
        assert_eq!(pace.due(), start + cost + cost * IDLE_SHARE);
        pace.changed(start + cost);
        assert_eq!(pace.due(), start + cost + cost * SHARE);
    }

    #[test]
    fn a_fight_with_another_program_is_paused() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut pauses = Vec::new();
        for _ in 0..60 {
            pace.changed(now);
            now = now.max(pace.due());
            pace.compared(true, now, now + MS);
            now += MS;
            pauses.extend(pace.repaired(now));
        }
        assert_eq!(pauses.first(), Some(&PAUSE_FIRST));
        assert!(pauses.len() > 2);
        assert!(pace.due() > now + PAUSE_FIRST);
    }
}
