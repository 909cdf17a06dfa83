//! When syncs begin. It is pure: the caller passes the time, by a clock that nobody sets.
//!
//! Ticks lie at the start of the first sync that began to read, and each interval after it. A sync begins up to a twentieth of the
//! interval before or after its tick, so that many producers with one schedule do not ask AWS in the same moment.

use std::time::{Duration, Instant};

/// How far from its tick a sync may begin, as a part of the interval.
const JITTER: f64 = 0.05;

/// How far at least, however short the interval is.
const LEAST_JITTER: Duration = Duration::from_millis(500);

/// The first wait before something that is not there yet is tried again, which doubles each time, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The longest wait for what is wrong, while no sync has begun yet: a secret's file is mended in a minute.
const LONGEST_WITHOUT_SYNC: Duration = Duration::from_secs(300);

/// When syncs begin.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    /// The start of the first sync that began to read. None before that.
    origin: Option<Instant>,
    /// When the sync of the next tick begins. None before there are ticks.
    next: Option<Instant>,
    /// The number of the tick that `next` belongs to.
    tick: u32,
    /// Ticks that were due while a sync ran.
    skipped: u64,
    /// The wait before what is not there is tried again.
    wait: Duration,
    /// When something that was not there or wrong is tried again. It goes before the next tick.
    retry: Option<Instant>,
}

impl Schedule {
    /// The first sync begins at once.
    pub(crate) fn new(interval: Duration, now: Instant) -> Self {
        let (origin, next, retry) = (None, None, Some(now));
        Self { interval, origin, next, tick: 0, skipped: 0, wait: FIRST_WAIT, retry }
    }

    /// When the next sync begins.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.retry.or(self.next)
    }

    /// Ticks that were skipped, because a sync ran.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// A try begins. If it is due by a tick, that tick has had its sync.
    pub(crate) fn begin(&mut self, now: Instant, random: impl FnMut() -> f64) {
        self.retry = None;
        if self.next.is_some_and(|next| next <= now) {
            self.draw(random);
        }
    }

    /// A sync that started at `start` begins to read. From the first of them on there are ticks.
    pub(crate) fn began(&mut self, start: Instant, random: impl FnMut() -> f64) {
        self.wait = FIRST_WAIT;
        if self.origin.is_none() {
            self.origin = Some(start);
            self.draw(random);
        }
    }

    /// A sync that began to read at `start` has ended. Ticks that were due meanwhile are skipped and counted.
    pub(crate) fn ended(&mut self, start: Instant, now: Instant, random: impl FnMut() -> f64) {
        self.wait = FIRST_WAIT;
        self.origin.get_or_insert(start);
        self.skipped += self.pass(now, random);
    }

    /// A sync runs. Ticks that are due are skipped and counted.
    pub(crate) fn skip(&mut self, now: Instant, random: impl FnMut() -> f64) {
        self.skipped += self.pass(now, random);
    }

    /// Something is not there yet: it is tried again soon, and at the next tick at the latest. Ticks that were due meanwhile do not
    /// count: these tries take their place.
    pub(crate) fn not_there(&mut self, now: Instant, random: impl FnMut() -> f64) {
        self.pass(now, random);
        let retry = now + self.wait;
        self.wait = (2 * self.wait).min(LONGEST_WAIT);
        self.retry = Some(self.next.map_or(retry, |next| next.min(retry)));
    }

    /// Something is wrong, and waits for the next tick; before there are ticks, for an interval, and not for long.
    pub(crate) fn wrong(&mut self, now: Instant, random: impl FnMut() -> f64) {
        self.pass(now, random);
        self.wait = FIRST_WAIT;
        self.retry = self.next.is_none().then(|| now + self.interval.min(LONGEST_WITHOUT_SYNC));
    }

    /// Moves on to the first tick that is not due yet, and says how many lay before it.
    fn pass(&mut self, now: Instant, mut random: impl FnMut() -> f64) -> u64 {
        let mut passed = 0;
        if self.origin.is_some() && self.next.is_none() {
            self.draw(&mut random);
        }
        while self.next.is_some_and(|next| next <= now) {
            passed += 1;
            self.draw(&mut random);
        }
        passed
    }

    /// Draws when the sync of the next tick begins.
    fn draw(&mut self, mut random: impl FnMut() -> f64) {
        self.tick += 1;
        self.next = self.origin.map(|origin| start_of(origin, self.interval, self.tick, random()));
    }
}

/// When the sync of a tick begins, as far before or after it as `random` says.
fn start_of(origin: Instant, interval: Duration, tick: u32, random: f64) -> Instant {
    let most = interval.mul_f64(JITTER).max(LEAST_JITTER);
    let tick = origin + interval.saturating_mul(tick);
    tick.checked_sub(most).unwrap_or(tick) + (2 * most).mul_f64(random)
}

#[cfg(test)]
mod tests;
