//! What stands around the tables of a bench: the broker, the head, the time it took, the exit code.

use std::alloc::GlobalAlloc;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use crate::bench::table::Bar;
use crate::bench::{Result, machine};
use crate::broker::Broker;

/// Makes tables with a broker of their own. False where `strict` makes a missed bar a failure.
///
/// `allocator` is the bench's own, which the head of the tables names.
///
/// # Errors
/// The tables cannot be made.
pub fn bench<W: Write>(
    strict: bool,
    allocator: &impl GlobalAlloc,
    out: &mut W,
    tables: impl FnOnce(&Broker, &mut W) -> Result<Vec<Bar>>,
) -> Result<bool> {
    let started = Instant::now();
    let load = machine::load()?;
    let broker = Broker::start()?;
    machine::describe(&load, allocator, out)?;
    let bars = tables(&broker, out)?;
    writeln!(out, "\nAll of it took {:.0} s.", started.elapsed().as_secs_f64())?;
    Ok(!strict || bars.iter().all(Bar::is_held))
}

/// The exit code of a process, after saying why it failed.
pub fn exit(ended: Result<bool>) -> ExitCode {
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell if even this cannot be written.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
