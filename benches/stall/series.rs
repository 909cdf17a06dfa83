//! A count that only grows, over time.

use kit::bench::table::median;

/// The width of a window, in seconds.
const WINDOW: f64 = 1.0;

/// The part of the median that counts as the full rate.
pub(crate) const FULL: f64 = 0.9;

/// What a count was, by seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<(f64, u64)>);

impl Series {
    pub(crate) fn add(&mut self, at: f64, count: u64) {
        self.0.push((at, count));
    }

    /// The last count.
    pub(crate) fn last(&self) -> u64 {
        self.0.last().map_or(0, |&(_, count)| count)
    }

    /// When the count first grew.
    pub(crate) fn first_growth(&self) -> f64 {
        self.growths().next().unwrap_or(f64::NAN)
    }

    /// When the count last grew before a second.
    pub(crate) fn last_growth(&self, before: f64) -> f64 {
        self.growths().take_while(|at| *at < before).last().unwrap_or(f64::NAN)
    }

    fn growths(&self) -> impl Iterator<Item = f64> + '_ {
        self.0.windows(2).filter(|pair| pair[1].1 > pair[0].1).map(|pair| pair[1].0)
    }

    /// What it was seen to grow from one second to another: whole calls.
    pub(crate) fn seen(&self, from: f64, to: f64) -> u64 {
        let seen = |until: f64| self.0.iter().take_while(|(at, _)| *at <= until).last().map_or(0, |&(_, count)| count);
        seen(to) - seen(from)
    }

    fn growth(&self, from: f64, to: f64) -> f64 {
        self.at(to) - self.at(from)
    }

    /// The median of what it grew a second, in windows side by side.
    pub(crate) fn rate(&self, from: f64, to: f64) -> f64 {
        let windows = (0_u32..).map(|n| from + f64::from(n) * WINDOW).take_while(|start| start + WINDOW <= to);
        median(windows.map(|start| self.growth(start, start + WINDOW) / WINDOW))
    }

    /// The end of the first window after `from` in which it grew at nine tenths of `rate` or more, above `floor`.
    pub(crate) fn again(&self, from: f64, rate: f64, floor: u64) -> Option<f64> {
        let above = Self(self.0.iter().map(|&(at, count)| (at, count.saturating_sub(floor))).collect());
        let ends = self.0.iter().map(|&(at, _)| at).filter(|at| *at >= from + WINDOW);
        ends.into_iter().find(|end| above.growth(end - WINDOW, *end) >= FULL * rate * WINDOW)
    }

    /// The count at any second, as if it grew evenly between two looks.
    fn at(&self, second: f64) -> f64 {
        let next = self.0.partition_point(|&(at, _)| at < second);
        match (next.checked_sub(1).and_then(|last| self.0.get(last)), self.0.get(next)) {
            (Some(&(from, low)), Some(&(to, high))) => low as f64 + (high - low) as f64 * (second - from) / (to - from),
            (Some(&(_, count)), None) | (None, Some(&(_, count))) => count as f64,
            (None, None) => 0.0,
        }
    }
}
