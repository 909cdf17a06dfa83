#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const TASK_DEFINITIONS: Rate = Rate { burst: 50, per_second: 20 };

fn bucket(share: f64) -> (TokenBucket, Instant) {
    let now = Instant::now();
    (TokenBucket::new(Allowance::of(TASK_DEFINITIONS, share), now), now)
}

/// Takes all tokens for `for_seconds`, each at the instant that the bucket names.
fn takes(bucket: &mut TokenBucket, start: Instant, for_seconds: f64) -> Vec<Duration> {
    let (mut now, mut taken) = (start, Vec::new());
    while (now - start).as_secs_f64() < for_seconds {
        match bucket.take(now) {
            Ok(()) => taken.push(now - start),
            Err(wait) => now += wait.max(Duration::from_nanos(1)),
        }
    }
    taken
}

#[test]
fn a_share_is_taken_of_rate_and_burst_and_one_request_is_always_possible() {
    let of = |burst, per_second, share| Allowance::of(Rate { burst, per_second }, share);
    assert_eq!(of(50, 20, 1.0), Allowance { burst: 26.0, per_second: 20.0 });
    assert_eq!(of(100, 20, 1.0), Allowance { burst: 76.0, per_second: 20.0 });
    assert_eq!(of(50, 20, 0.75), Allowance { burst: 19.5, per_second: 15.0 });
    assert_eq!(of(10, 20, 0.5), Allowance { burst: 1.0, per_second: 10.0 });
    assert_eq!(of(1, 1, 0.001), Allowance { burst: 1.0, per_second: 0.001 });
}

#[test]
fn a_full_bucket_gives_its_burst_and_then_its_rate() {
    let (mut bucket, start) = bucket(1.0);
    let taken = takes(&mut bucket, start, 10.0);
    assert_eq!(taken.iter().filter(|at| at.is_zero()).count(), 26);
    assert_eq!(taken.len(), 26 + 199, "the 200th comes after ten seconds");
}

#[test]
fn a_throttle_empties_and_slows_and_the_rate_recovers() {
    let (mut bucket, start) = bucket(1.0);
    bucket.take(start).unwrap();
    let later = start + Duration::from_millis(100);
    bucket.throttle(start, later);
    assert!((bucket.rate - 16.0).abs() < 1e-9 && bucket.tokens == 0.0);
    // This request was sent before the rate was lowered.
    bucket.throttle(start, later + Duration::from_millis(1));
    assert!((bucket.rate - 16.0).abs() < 0.01, "{}", bucket.rate);
    assert_eq!(bucket.take(later + Duration::from_millis(2)).unwrap_err().as_millis(), 61);
    let slow = takes(&mut bucket, later + Duration::from_millis(2), 8.0).len();
    assert!((142..=145).contains(&slow), "(16 + 20) / 2 a second: {slow}");
    assert!(bucket.rate >= 20.0 && !bucket.is_full(later));
    assert!(bucket.is_full(later + Duration::from_secs(20)));
    for _ in 0..100 {
        let now = bucket.at + Duration::from_nanos(1);
        bucket.throttle(now, now);
    }
    assert!((bucket.rate - 2.0).abs() < 0.01, "never less than a tenth: {}", bucket.rate);
}

/// Settings take no such share, but users of the library may.
#[test]
fn the_least_share_waits_for_ever_and_does_not_overflow() {
    let (mut bucket, start) = bucket(1e-21);
    bucket.take(start).unwrap();
    assert_eq!(bucket.take(start), Err(Duration::MAX));
}

#[test]
fn a_clock_that_stands_or_goes_back_gives_nothing() {
    let (mut bucket, start) = bucket(1.0);
    let later = start + Duration::from_secs(1);
    (0..26).for_each(|_| bucket.take(later).unwrap());
    for now in [later, start] {
        assert_eq!(bucket.take(now).unwrap_err().as_millis(), 50);
    }
}

proptest! {
    /// Whenever requests come, any window of w seconds holds at most burst + rate × w of them, which is the share of what AWS
    /// allows. And a bucket of AWS that is refilled once a second, which is the stricter kind, is never overdrawn.
    #[test]
    fn no_window_holds_more_than_the_share(
        share in 0.05_f64..=1.0,
        gaps in proptest::collection::vec(0_u64..400, 50..400),
        phase in 0.0_f64..1.0,
    ) {
        let (mut bucket, start) = bucket(share);
        let (mut now, mut taken) = (start, Vec::new());
        for gap in gaps {
            now += Duration::from_millis(gap);
            while bucket.take(now).is_ok() {
                taken.push((now - start).as_secs_f64());
            }
        }
        for (from, first) in taken.iter().enumerate() {
            for (upto, last) in taken.iter().enumerate().skip(from) {
                let count = f64::from(u32::try_from(upto - from + 1).unwrap());
                let window = last - first;
                prop_assert!(count <= (share * 26.0).max(1.0) + share * 20.0 * window + 1e-6);
            }
        }
        let mut theirs = 50.0_f64;
        let mut filled = (-phase).floor();
        for at in taken {
            let steps = (at - phase).floor();
            theirs = (theirs + 20.0 * (steps - filled)).min(50.0) - 1.0;
            filled = steps;
            prop_assert!(theirs >= 0.0, "overdrawn");
        }
    }
}
