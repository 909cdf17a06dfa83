//! Waiting for something that tells nobody when it is so.

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

/// Far more than anything takes. The longest is the election after a node was killed, some five seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
///
/// # Panics
/// It is not so after [`PATIENCE`].
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so after {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(20)); // why: what is waited for tells nobody
    }
}

/// How many bytes wait in a pipe.
///
/// # Panics
/// It is no pipe.
pub fn unread(pipe: &impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap()
}
