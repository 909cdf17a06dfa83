//! The peer: boto3 in a virtual environment of the bench's own.

use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ecs_sim::{Simulator, World};
use kit::REGION;
use kit::bench::Result;
use serde::Deserialize;

use crate::case::seen;
use crate::traffic::Traffic;

/// What is compared with, to the last digit.
const PACKAGES: [&str; 2] = ["boto3==1.44.5", "botocore==1.44.8"];

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/throttled/boto3_read.py");

/// What came of a read by boto3.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) traffic: Traffic,
    pub(crate) lost: u64,
}

/// What the script prints.
#[derive(Debug, Deserialize)]
struct Said {
    calls: u64,
    throttled: u64,
    listed: u64,
    lost: u64,
}

/// A Python that has boto3, made on the first run.
///
/// # Errors
/// One line: what is missing.
pub(crate) fn python() -> std::result::Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../boto3");
    let python = folder.join("bin/python");
    if python.exists() && quietly(Command::new(&python).args(["-c", "import boto3"])).is_ok() {
        return Ok(python);
    }
    quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .map_err(|why| format!("no virtual environment: {why}; install Python 3 with its venv module"))?;
    quietly(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))
        .map_err(|why| format!("no {} from PyPI: {why}", PACKAGES.join(" ")))?;
    Ok(python)
}

/// The last line that a command says where it fails.
fn quietly(command: &mut Command) -> std::result::Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error: Error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("no reason").to_owned();
    if output.status.success() { Ok(()) } else { Err(last) }
}

/// Reads all task definitions of a world of its own.
pub(crate) fn run(python: &Path, mode: &str, world: World) -> Result<Run> {
    let revisions = world.shape.task_definitions;
    let simulator = Simulator::start(world)?;
    let mut command = Command::new(python);
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command.args([SCRIPT, &simulator.endpoint(), REGION, mode]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{SCRIPT} {mode} failed ({})", output.status).into());
    }
    let said: Said = serde_json::from_slice(&output.stdout)?;
    let traffic = seen(&simulator)?;
    if (traffic.calls(), traffic.throttled(), revisions) != (said.calls, said.throttled, said.listed) {
        let (calls, throttled) = (traffic.calls(), traffic.throttled());
        return Err(format!("boto3, {mode}: {calls} calls arrived, {throttled} were throttled: {said:?}").into());
    }
    Ok(Run { traffic, lost: said.lost })
}
