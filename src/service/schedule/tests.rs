use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// In the middle: at the tick itself.
fn at_tick() -> f64 {
    0.5
}

struct Clock(Instant);

impl Clock {
    fn at(&self, after: Duration) -> Instant {
        self.0 + after
    }

    fn since(&self, instant: Option<Instant>) -> Option<Duration> {
        instant.map(|instant| instant - self.0)
    }
}

/// A schedule whose first sync began at once.
fn begun(interval: Duration) -> (Schedule, Clock) {
    let clock = Clock(Instant::now());
    let mut schedule = Schedule::new(interval, clock.0);
    assert_eq!(schedule.next(), Some(clock.0));
    schedule.begin(clock.0, at_tick);
    schedule.ended(clock.0, clock.at(MINUTE), at_tick);
    (schedule, clock)
}

#[test]
fn syncs_begin_an_interval_apart_however_long_they_take() {
    let (mut schedule, clock) = begun(HOUR);
    for n in 1..50 {
        let start = clock.at(HOUR * n);
        assert_eq!(schedule.next(), Some(start));
        schedule.begin(start, at_tick);
        schedule.ended(start, start + MINUTE * n, at_tick);
    }
    assert_eq!(schedule.skipped(), 0);
}

#[test]
fn ticks_that_are_due_while_a_sync_runs_are_skipped_and_counted() {
    let (mut schedule, clock) = begun(HOUR);
    let start = clock.at(HOUR);
    schedule.begin(start, at_tick);
    // Until half past six: the ticks at two, three, four, five and six are due.
    schedule.ended(start, clock.at(HOUR * 6 + 30 * MINUTE), at_tick);
    assert_eq!(schedule.skipped(), 5);
    assert_eq!(clock.since(schedule.next()), Some(HOUR * 7));
}

#[test]
fn a_sync_that_is_asked_for_moves_no_tick() {
    let (mut schedule, clock) = begun(HOUR);
    let asked = clock.at(20 * MINUTE);
    schedule.begin(asked, at_tick);
    schedule.ended(asked, asked + MINUTE, at_tick);
    assert_eq!(clock.since(schedule.next()), Some(HOUR));
    let late = clock.at(50 * MINUTE);
    schedule.begin(late, at_tick);
    schedule.ended(late, late + 20 * MINUTE, at_tick);
    assert_eq!((schedule.skipped(), clock.since(schedule.next())), (1, Some(HOUR * 2)));
}

#[test]
fn what_is_not_there_is_tried_again_soon_and_the_first_sync_that_reads_sets_the_ticks() {
    let clock = Clock(Instant::now());
    let mut schedule = Schedule::new(HOUR, clock.0);
    let (mut now, mut waits) = (clock.0, Vec::new());
    for _ in 0..7 {
        schedule.begin(now, at_tick);
        schedule.not_there(now, at_tick);
        let next = schedule.next().unwrap();
        waits.push((next - now).as_secs());
        now = next;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    schedule.begin(now, at_tick);
    schedule.ended(now, now + MINUTE, at_tick);
    assert_eq!(schedule.next(), Some(now + HOUR));
    schedule.begin(now + HOUR, at_tick);
    schedule.not_there(now + HOUR, at_tick);
    assert_eq!(schedule.next(), Some(now + HOUR + Duration::from_secs(1)), "the wait begins anew");
}

#[test]
fn a_try_again_is_never_later_than_the_next_tick_and_ticks_meanwhile_do_not_count() {
    let (mut schedule, clock) = begun(40 * Duration::from_secs(1));
    let (mut now, skipped) = (schedule.next().unwrap(), schedule.skipped());
    for _ in 0..20 {
        schedule.begin(now, at_tick);
        schedule.not_there(now, at_tick);
        let tick = clock.0 + 40 * Duration::from_secs(1) * (u32::try_from((now - clock.0).as_secs() / 40).unwrap() + 1);
        let next = schedule.next().unwrap();
        assert!(next <= tick && next > now, "{:?}", next - now);
        now = next;
    }
    assert_eq!(schedule.skipped(), skipped);
}

#[test]
fn what_is_wrong_waits_for_the_tick_and_before_there_is_one_five_minutes_at_most() {
    let (mut schedule, clock) = begun(HOUR);
    schedule.begin(clock.at(HOUR), at_tick);
    schedule.wrong(clock.at(HOUR + MINUTE), at_tick);
    assert_eq!(clock.since(schedule.next()), Some(HOUR * 2));
    for (interval, wait) in [(HOUR, 5 * MINUTE), (MINUTE, MINUTE)] {
        let now = Instant::now();
        let mut schedule = Schedule::new(interval, now);
        schedule.begin(now, at_tick);
        schedule.wrong(now, at_tick);
        assert_eq!(schedule.next(), Some(now + wait));
    }
}

#[test]
fn a_sync_begins_a_twentieth_of_the_interval_around_its_tick_and_half_a_second_at_least() {
    for (interval, most) in [(HOUR, 3 * MINUTE), (Duration::from_secs(2), LEAST_JITTER)] {
        let now = Instant::now();
        for (random, from_tick) in [(0.0, 0), (0.5, 1), (0.999_999_999, 2)] {
            let mut schedule = Schedule::new(interval, now);
            schedule.begin(now, || random);
            schedule.ended(now, now, || random);
            let expected = now + interval - most + most * from_tick;
            let apart = schedule.next().unwrap().duration_since(expected - Duration::from_millis(1));
            assert!(apart <= Duration::from_millis(2), "{random}: {apart:?}");
        }
    }
}
