//! The sidecar that is measured: the syncs it is asked for, and what the kernel says of its process.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ecs_sim::{Shape, Simulator, World};
use kit::bench::Result;
use kit::program::program;
use kit::sidecar::Sidecar;
use serde_json::Value;

/// A thousand objects.
pub(crate) const SMALL: Shape =
    Shape { clusters: 4, services: 96, tasks: 800, task_definitions: 100, ..Shape::empty() };

/// No sync but the first one begins by itself.
pub(crate) const NEVER: (&str, &str) = ("interval", "24h");

/// Buckets that no account empties, for the simulator does not throttle. The values of `rates.*` are set as a whole.
pub(crate) const ENDLESS: [(&str, &str); 4] = [
    ("rates.cluster_read", BUCKET),
    ("rates.service_read", BUCKET),
    ("rates.cluster_resource_read", BUCKET),
    ("rates.task_definition_read", BUCKET),
];
const BUCKET: &str = "{burst=1000000,per_second=100000}";

/// Between two looks at `/status`.
const LOOK: Duration = Duration::from_millis(10);

/// The unit of the times in `/proc/PID/stat`. Linux shows every program a hundredth of a second, whatever its own clock is.
const TICKS_PER_SECOND: f64 = 100.0;

/// A sidecar that runs, on topics of its own. Dropping it kills it.
pub(crate) struct Subject {
    pub(crate) sidecar: Sidecar,
}

/// A sync that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Its name.
    sync: String,
    pub(crate) outcome: String,
    error: String,
    pub(crate) seconds: f64,
}

/// A small account without throttling.
pub(crate) fn small() -> Result<Simulator> {
    Ok(Simulator::start(World { shape: SMALL, ..World::default() })?)
}

impl Subject {
    /// Starts one, and returns when its health server listens. The first sync begins meanwhile.
    pub(crate) fn start(simulator: &Simulator, brokers: &str, prefix: &str, settings: &[(&str, &str)]) -> Self {
        let kafka = [
            ("kafka.bootstrap_servers", brokers),
            ("kafka.topic_prefix", prefix),
            ("kafka.topics_create", "if_missing"),
        ];
        Self { sidecar: Sidecar::start(program(Some(simulator)), &[&kafka, settings].concat()) }
    }

    /// Waits until the first sync has ended, which must be COMPLETED.
    pub(crate) fn first(&self, limit: Duration) -> Result<Ended> {
        let first = self.ended_after(None, limit)?;
        if first.outcome == "COMPLETED" { Ok(first) } else { Err(format!("the first sync: {first}").into()) }
    }

    /// Asks for a sync.
    pub(crate) fn ask(&self) -> Result<()> {
        match self.sidecar.ask("POST", "/sync") {
            (202, _) => Ok(()),
            (status, said) => Err(format!("POST /sync: {status}: {said}").into()),
        }
    }

    /// Waits until a sync has ended that is not `last`.
    pub(crate) fn ended_after(&self, last: Option<&Ended>, limit: Duration) -> Result<Ended> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.sidecar.status();
            if let Some(ended) = Ended::of(&status["last"])?
                && last.is_none_or(|last| last.sync != ended.sync)
            {
                return Ok(ended);
            }
            if Instant::now() > deadline {
                return Err(format!("no sync has ended in {limit:?}: {status}: {}", self.sidecar.logs()).into());
            }
            thread::sleep(LOOK);
        }
    }

    /// MiB that it holds now.
    pub(crate) fn resident(&self) -> Result<f64> {
        Ok(self.status("VmRSS:")? / 1024.0)
    }

    /// MiB that it held at most since [`Subject::forget_peak`].
    pub(crate) fn peak(&self) -> Result<f64> {
        Ok(self.status("VmHWM:")? / 1024.0)
    }

    /// The peak is what is held now.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        Ok(fs::write(self.file("clear_refs"), "5")?)
    }

    pub(crate) fn threads(&self) -> Result<f64> {
        self.status("Threads:")
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> Result<f64> {
        Ok(fs::read_dir(self.file("fd"))?.count() as f64)
    }

    /// Open connections to a port of this machine: a part of the descriptors.
    pub(crate) fn connections_to(&self, port: u16) -> Result<f64> {
        let mut sockets = HashSet::new();
        for entry in fs::read_dir(self.file("fd"))? {
            // A descriptor may be closed by now.
            let Ok(target) = fs::read_link(entry?.path()) else { continue };
            let target = target.to_string_lossy().into_owned();
            sockets.extend(target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')).map(str::to_owned));
        }
        // The third field is the other end, with its port in hexadecimal digits, and the tenth the socket.
        let there = format!(":{port:04X}");
        let table = fs::read_to_string(self.file("net/tcp"))?;
        let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let is_one = |fields: &Vec<&str>| {
            fields.get(2).is_some_and(|end| end.ends_with(&there))
                && fields.get(9).is_some_and(|socket| sockets.contains(*socket))
        };
        Ok(fields.filter(is_one).count() as f64)
    }

    /// User and system time so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.file("stat"))?;
        // The second field is the program's name, and may hold anything; the times are the 14th and the 15th.
        let (_, rest) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
        let times = rest.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(times.sum::<std::result::Result<f64, _>>()? / TICKS_PER_SECOND)
    }

    fn status(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(self.file("status"))?;
        let found = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        Ok(found.ok_or_else(|| format!("/proc/PID/status has no {name}"))?)
    }

    fn file(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.sidecar.id()).into()
    }
}

impl Ended {
    /// None before the first one.
    fn of(last: &Value) -> Result<Option<Self>> {
        let Some(sync) = last["sync"].as_str() else { return Ok(None) };
        let seconds = instant(&last["ended"])?.duration_since(instant(&last["started"])?)?.as_secs_f64();
        let text = |member: &str| last[member].as_str().unwrap_or_default().to_owned();
        Ok(Some(Self { sync: sync.to_owned(), outcome: text("outcome"), error: text("error"), seconds }))
    }
}

impl Display for Ended {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { sync, outcome, error, seconds } = self;
        write!(formatter, "{sync} {outcome} after {seconds:.1} s: {error}")
    }
}

/// An instant of a report or of `/status`.
pub(crate) fn instant(value: &Value) -> Result<SystemTime> {
    Ok(humantime::parse_rfc3339(value.as_str().ok_or_else(|| format!("{value} is no instant"))?)?)
}
