//! What metrics say beside the syncs: the sidecar, its limits, and the process.

use std::fs;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::otlp::Exports;
use crate::config::{Config, Signal};
use crate::contract::OBJECTS;
use crate::kafka::client;
use crate::observe::{LibrdkafkaSeen, Observers};
use crate::service::ServiceHandle;
use crate::sync::buffer_permits;

/// Parts of a second in which Linux counts CPU time (USER_HZ, time(7)), on every architecture that this program is built for.
const TICKS: f64 = 100.0;

/// `/proc` tells memory in these.
const KIB: u64 = 1_024;

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct RunKind {
    /// One sync, whatever `interval` says.
    pub is_single: bool,
    /// Records are printed, and go to no topic.
    pub is_dry: bool,
    /// What the program was built from.
    pub commit: &'static str,
}

/// What stays the same in the life of the process, and the handles by which the rest is asked.
pub(super) struct Surroundings {
    is_dry: bool,
    pub(super) interval: Option<Duration>,
    pub(super) parallel: usize,
    pub(super) buffers: usize,
    in_flight: usize,
    topics: Vec<Arc<str>>,
    build: Build,
    observers: Observers,
    exports: Arc<Exports>,
    began: Instant,
    /// Set where there is a sidecar.
    pub(super) service: OnceLock<ServiceHandle>,
}

/// Which program it is.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) commit: &'static str,
    pub(super) librdkafka: String,
}

/// The program at one moment.
pub(super) struct Program {
    pub(super) is_dry: bool,
    pub(super) interval: Option<Duration>,
    pub(super) skipped: u64,
    /// None where there is no sidecar.
    pub(super) is_ready: Option<bool>,
    pub(super) parallel: usize,
    pub(super) buffers: usize,
    pub(super) in_flight: usize,
    pub(super) librdkafka: LibrdkafkaSeen,
    pub(super) blocked: [(&'static str, Duration); 3],
    /// The topic of each object, in the contract's order.
    pub(super) topics: Vec<Arc<str>>,
    /// By signal, the exports that a collector has accepted, and those that failed.
    pub(super) exports: [(Signal, u64, u64); 2],
    pub(super) process: Process,
    pub(super) uptime: Duration,
    pub(super) build: Build,
}

/// The process by what Linux tells in `/proc/self`. Other systems tell nothing.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// CPU time by mode, in seconds.
    pub(super) cpu: Option<[(&'static str, f64); 2]>,
    /// Bytes.
    pub(super) resident: Option<u64>,
    pub(super) descriptors: Option<usize>,
}

impl Surroundings {
    pub(super) fn new(config: &Config, run: &RunKind, observers: &Observers, exports: Arc<Exports>) -> Self {
        let RunKind { is_single, is_dry, commit } = *run;
        Self {
            is_dry,
            interval: config.interval.filter(|_| !is_single),
            parallel: config.parallel_requests,
            buffers: buffer_permits(config),
            in_flight: config.limits.in_flight_records,
            topics: OBJECTS.into_iter().map(|object| config.kafka.topic(object).into()).collect(),
            build: Build { commit, librdkafka: client::librdkafka_version() },
            observers: observers.clone(),
            exports,
            began: Instant::now(),
            service: OnceLock::new(),
        }
    }

    pub(super) fn look(&self) -> Program {
        let service = self.service.get();
        Program {
            is_dry: self.is_dry,
            interval: self.interval,
            skipped: service.map_or(0, ServiceHandle::skipped),
            is_ready: service.map(ServiceHandle::is_ready),
            parallel: self.parallel,
            buffers: self.buffers,
            in_flight: self.in_flight,
            librdkafka: self.observers.librdkafka.seen(),
            blocked: self.observers.blocked.times(),
            topics: self.topics.clone(),
            exports: [Signal::Metrics, Signal::Traces]
                .map(|signal| (signal, self.exports.accepted(signal), self.exports.failed(signal))),
            process: Process::look(),
            uptime: self.began.elapsed(),
            build: self.build.clone(),
        }
    }
}

impl Process {
    fn look() -> Self {
        Self { cpu: cpu(), resident: resident(), descriptors: fs::read_dir("/proc/self/fd").ok().map(Iterator::count) }
    }
}

/// From proc_pid_stat(5): the 14th and 15th field, counted behind the name, which may hold anything.
fn cpu() -> Option<[(&'static str, f64); 2]> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || Some(fields.next()?.parse::<f64>().ok()? / TICKS);
    let (user, system) = (next()?, next()?);
    Some([("system", system), ("user", user)])
}

/// From proc_pid_status(5), which tells it in KiB, whatever the size of a page is.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * KIB)
}
