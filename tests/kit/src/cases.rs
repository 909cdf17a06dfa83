//! Many cases of one test, side by side.

use std::collections::HashMap;
use std::env;
use std::fmt::Display;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Works on all cases, so many side by side, and gives what came of them. Each has a thread: reading and judging
/// what came of it would hold up others.
///
/// # Panics
/// In the end, with the names of all cases that failed; each has said before what it missed.
pub async fn side_by_side<C, T, F>(cases: Vec<C>, most: usize, work: impl Fn(C) -> F + Clone + Send + 'static) -> Vec<T>
where
    C: Display + Send + 'static,
    F: Future<Output = T>,
    T: Send + 'static,
{
    let (mut running, mut names) = (JoinSet::new(), HashMap::new());
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let mut cases = cases.into_iter();
    loop {
        while running.len() < most
            && let Some(case) = cases.next()
        {
            let (name, work, runtime) = (case.to_string(), work.clone(), Handle::current());
            names.insert(running.spawn_blocking(move || runtime.block_on(work(case))).id(), name);
        }
        match running.join_next_with_id().await {
            Some(Ok((_, outcome))) => done.push(outcome),
            Some(Err(error)) => failed.extend(names.remove(&error.id())),
            None => break,
        }
    }
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), failed.len() + done.len());
    done
}

/// A number from the environment, such as how many cases are wanted.
///
/// # Panics
/// The variable holds something else.
pub fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap())
}
