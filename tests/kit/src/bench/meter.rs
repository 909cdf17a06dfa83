//! What a process costs: CPU time and memory as the kernel counts them, and the wall time.

use std::fs;
use std::ops::Add;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::bench::Result;

/// What something took, in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Cost {
    /// From its start to its end.
    pub wall: f64,
    /// User and system time of all threads of the process.
    pub cpu: f64,
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost { wall: self.wall + other.wall, cpu: self.cpu + other.cpu }
    }
}

/// Measures from where it is made to where it is read.
#[derive(Debug)]
pub struct Meter {
    wall: Instant,
    cpu: Duration,
}

impl Meter {
    /// Measures from here on.
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    /// The wall from here on, but the CPU time from the start of the process: what whoever runs it pays.
    pub fn of_process() -> Self {
        Self { wall: Instant::now(), cpu: Duration::ZERO }
    }

    /// What was spent so far.
    pub fn read(&self) -> Cost {
        Cost { wall: self.wall.elapsed().as_secs_f64(), cpu: cpu().saturating_sub(self.cpu).as_secs_f64() }
    }
}

/// User and system time of this process so far. The clock ticks of `/proc/self/stat` are 10 ms each: too coarse for 10,000
/// records.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// MiB that this process holds now.
pub fn resident() -> Result<f64> {
    status("VmRSS:")
}

/// MiB that this process held at most.
pub fn peak() -> Result<f64> {
    status("VmHWM:")
}

fn status(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kib.ok_or_else(|| format!("/proc/self/status has no {name}"))? / 1024.0)
}
