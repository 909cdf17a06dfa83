//! What the figures come from: machine, system, versions, date.

use std::alloc::GlobalAlloc;
use std::any::type_name_of_val;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::thread;
use std::time::SystemTime;

use crate::bench::Result;
use crate::broker;

/// How busy the machine is.
pub fn load() -> Result<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Three lines that no table should be without. `load` is what it was before anything was started.
pub fn describe(load: &str, allocator: &impl GlobalAlloc, out: &mut impl Write) -> Result<()> {
    let cores = thread::available_parallelism()?;
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cpu = cpu.map_or("unknown CPU", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let date = humantime::format_rfc3339_seconds(SystemTime::now());
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    writeln!(out, "{cores} cores of {cpu}, Linux {}, load average {load} at start", kernel.trim())?;
    writeln!(out, "{}, librdkafka {librdkafka}, Kafka {}, {date}", rustc(), broker::VERSION)?;
    let allocator = type_name_of_val(allocator);
    let note = if allocator.contains("Jemalloc") { "" } else { " (a release has jemalloc: --features jemalloc)" };
    writeln!(out, "allocator of ours and of the floors, librdkafka's C excepted: {allocator}{note}")?;
    Ok(())
}

/// The compiler of the toolchain that cargo has chosen.
fn rustc() -> String {
    let said = Command::new(env::var_os("RUSTC").as_deref().unwrap_or(OsStr::new("rustc"))).arg("--version").output();
    said.map_or_else(|_| "unknown rustc".to_owned(), |said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}
