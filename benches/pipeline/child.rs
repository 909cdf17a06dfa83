//! Starts subjects and the simulator, which is the judge of what its clients ask.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;
use ecs_sim::{Shape, Simulator};
use kit::bench::Result;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What the simulator shall hold in every account and region.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct World {
    #[arg(long)]
    pub(crate) clusters: u64,
    #[arg(long)]
    pub(crate) tasks: u64,
    #[arg(long)]
    pub(crate) latency_ms: u64,
}

/// Simulates until standard input ends: with the process that holds its other end, however that ends.
pub(crate) fn simulate(world: &World) -> Result<()> {
    let latency = Duration::from_millis(world.latency_ms);
    let simulator = Simulator::start(ecs_sim::World {
        shape: Shape { clusters: world.clusters, tasks: world.tasks, ..Shape::empty() },
        latency: latency..=latency,
        ..ecs_sim::World::default()
    })?;
    writeln!(io::stdout(), "{}", simulator.endpoint())?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// A simulator in a process of its own. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct SimulatorProcess {
    process: Child,
    endpoint: String,
}

/// What the simulator has seen.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    /// Requests to ECS and STS.
    pub(crate) requests: u64,
    calls: BTreeMap<String, u64>,
    breaches: Vec<String>,
}

impl SimulatorProcess {
    pub(crate) fn start(world: World) -> Result<Self> {
        let World { clusters, tasks, latency_ms } = world;
        let flags = [("--clusters", clusters), ("--tasks", tasks), ("--latency-ms", latency_ms)];
        let flags = flags.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]);
        let mut process =
            program()?.arg("simulator").args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut endpoint = String::new();
        if let Some(said) = process.stdout.take() {
            BufReader::new(said).read_line(&mut endpoint)?;
        }
        Ok(Self { process, endpoint: endpoint.trim().to_owned() })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What it has seen since it started. A request that breaks a rule of the API is an error.
    pub(crate) fn seen(&self) -> Result<Seen> {
        let address = self.endpoint.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address)?;
        write!(connection, "GET /counters HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("the simulator's answer has no body")?;
        let seen: Seen = serde_json::from_str(body)?;
        match seen.breaches.first() {
            Some(breach) => Err(format!("a request broke a rule of the API: {breach}").into()),
            None => Ok(seen),
        }
    }
}

impl Seen {
    /// Requests to ECS alone.
    pub(crate) fn of_ecs(&self) -> u64 {
        let of_sts = ["AssumeRole", "GetCallerIdentity"];
        let of_sts: u64 = of_sts.iter().filter_map(|action| self.calls.get(*action)).sum();
        self.requests - of_sts
    }
}

impl Drop for SimulatorProcess {
    fn drop(&mut self) {
        // Waiting closes standard input first, which ends it.
        let _ = self.process.wait();
    }
}

/// Runs a subject to its end and reads its figures, the one line that it prints.
pub(crate) fn measure<T: DeserializeOwned>(arguments: &[&str], input: Stdio) -> Result<T> {
    let output = subject(arguments)?.stdin(input).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("subject {} failed ({})", arguments.join(" "), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a subject that has no figures. Its output, where it has one, is a file.
pub(crate) fn record(arguments: &[&str], output: Stdio) -> Result<()> {
    let status = subject(arguments)?.stdin(Stdio::null()).stdout(output).status()?;
    if status.success() { Ok(()) } else { Err(format!("subject {} failed ({status})", arguments.join(" ")).into()) }
}

/// A subject that is still to be started.
pub(crate) fn subject(arguments: &[&str]) -> Result<Command> {
    let mut command = program()?;
    command.arg("subject").args(arguments);
    Ok(command)
}

/// This program, away from the AWS settings of this machine.
fn program() -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    Ok(command)
}
