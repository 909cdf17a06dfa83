//! Which calls and batches of a type are worth a span. A type may have half a million of them, and has two hundred spans at most. Pure.

use std::time::{Duration, SystemTime};

/// Of the calls that failed, and of the batches and records, so many are kept: the first.
const FAILED: [usize; 2] = [150, 30];

/// Of the other calls, and of the other batches, so many: those that took longest.
const SLOWEST: usize = 10;

/// A call or a batch that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notable {
    /// The action of a call, or the topic of a batch.
    pub(crate) name: String,
    pub(crate) is_call: bool,
    pub(crate) began: SystemTime,
    pub(crate) took: Duration,
    /// The code of what went wrong. None if nothing did.
    pub(crate) error: Option<String>,
}

/// What is kept of a type's calls and batches.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// Of calls, and of batches.
    kept: [Kept; 2],
    /// How many there were.
    count: usize,
}

#[derive(Debug, Default)]
struct Kept {
    failed: Vec<Notable>,
    /// Unordered.
    slowest: Vec<Notable>,
}

impl Noted {
    /// Keeps one that failed while there is room, and one that did not if it is among the slowest.
    pub(super) fn take(&mut self, one: Notable) {
        self.count += 1;
        let kind = usize::from(!one.is_call);
        let Kept { failed, slowest } = &mut self.kept[kind];
        if one.error.is_some() {
            if failed.len() < FAILED[kind] {
                failed.push(one);
            }
        } else if slowest.len() < SLOWEST {
            slowest.push(one);
        } else if let Some(fastest) = slowest.iter_mut().min_by_key(|kept| kept.took)
            && fastest.took < one.took
        {
            *fastest = one;
        }
    }

    /// How many were not kept.
    pub(super) fn omitted(&self) -> usize {
        let kept: usize = self.kept.iter().map(|kept| kept.failed.len() + kept.slowest.len()).sum();
        self.count - kept
    }

    pub(super) fn all(self) -> impl Iterator<Item = Notable> {
        self.kept.into_iter().flat_map(|kept| kept.failed.into_iter().chain(kept.slowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(millis: u64, error: Option<&str>) -> Notable {
        Notable {
            name: "DescribeTasks".to_owned(),
            is_call: true,
            began: SystemTime::UNIX_EPOCH,
            took: Duration::from_millis(millis),
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn those_that_failed_are_kept_and_of_the_others_the_slowest() {
        let mut noted = Noted::default();
        for millis in 0..1_000 {
            // In an order that is none.
            noted.take(one(millis * 7_919 % 1_000, None));
        }
        noted.take(one(1, Some("ThrottlingException")));
        assert_eq!(noted.omitted(), 1_001 - SLOWEST - 1);
        let mut kept: Vec<_> = noted.all().map(|one| one.took.as_millis()).collect();
        kept.sort_unstable();
        assert_eq!(kept, [1, 990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
    }

    #[test]
    fn there_are_two_hundred_at_most() {
        let mut noted = Noted::default();
        for millis in 0..10_000 {
            let call = one(millis, (millis % 2 == 0).then_some("AccessDeniedException"));
            noted.take(Notable { is_call: false, ..call.clone() });
            noted.take(call);
        }
        assert_eq!((noted.omitted(), noted.all().count()), (19_800, 200));
    }
}
