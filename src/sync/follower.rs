//! Who follows the syncs of a process: told when one is tried, and when it has ended.

use super::run::RunHandle;
use crate::report::Report;

/// Who follows the syncs of a process.
pub trait Follower: Send + Sync {
    /// A sync is tried.
    fn begin(&self, run: &RunHandle);

    /// It has ended, or has not begun to read.
    fn end(&self, report: &Report, has_begun: bool);
}

/// Nobody follows.
impl Follower for () {
    fn begin(&self, _: &RunHandle) {}

    fn end(&self, _: &Report, _: bool) {}
}
