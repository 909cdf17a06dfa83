//! A common start for two subjects: neither its start-up nor what it loads shall count, and neither may be first.
//!
//! Both read the same pipe, and its only other end is closed once both have said that they are ready: one act, seen by both.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{self, Child, ChildStdout, Stdio};

use clap::Args;
use kit::bench::Result;
use serde::de::DeserializeOwned;

use crate::child;

/// What a subject waits for before its clock starts.
#[derive(Debug, Args)]
pub(crate) struct Gate {
    /// A pipe whose end is the start; without it there is no waiting
    #[arg(long)]
    gate: Option<PathBuf>,
}

impl Gate {
    /// Says that all is ready and waits for the start.
    pub(crate) fn wait(&self) -> Result<()> {
        if let Some(path) = &self.gate {
            let mut gate = File::open(path)?;
            writeln!(io::stdout(), "ready")?;
            io::copy(&mut gate, &mut io::sink())?;
        }
        Ok(())
    }
}

/// Runs two subjects from a common start and reads the figures of both.
pub(crate) fn measure<A, B>(first: (&[&str], Stdio), second: (&[&str], Stdio)) -> Result<(A, B)>
where
    A: DeserializeOwned,
    B: DeserializeOwned,
{
    let (gate, opener) = io::pipe()?;
    // By this path it can be opened anew: standard input of a subject is for what it loads.
    let path = format!("/proc/{}/fd/{}", process::id(), gate.as_raw_fd());
    let (mut first, mut second) = (Waiting::start(first, &path)?, Waiting::start(second, &path)?);
    first.line()?;
    second.line()?;
    drop(opener);
    Ok((serde_json::from_str(&first.line()?)?, serde_json::from_str(&second.line()?)?))
}

/// A subject behind a gate. Dropping it ends it: where one fails, the other would only make the machine busy.
#[derive(Debug)]
struct Waiting {
    name: String,
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Waiting {
    fn start((arguments, input): (&[&str], Stdio), gate: &str) -> Result<Self> {
        let mut command = child::subject(arguments)?;
        let mut process = command.args(["--gate", gate]).stdin(input).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("a subject without standard output")?;
        Ok(Self { name: arguments.join(" "), process, output: BufReader::new(output) })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err(format!("subject {} failed", self.name).into()),
            _ => Ok(line),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
