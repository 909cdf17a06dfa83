//! What the figures come from: machine, system, versions, date.

use std::any::type_name_of_val;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::SystemTime;

use crate::{ALLOCATOR, Result};

/// How busy the machine is.
pub(crate) fn load() -> Result<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Three lines that no table should be without. `load` is what it was before anything was started.
pub(crate) fn describe(load: &str, out: &mut impl Write) -> Result<()> {
    let cores = thread::available_parallelism()?;
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cpu = cpu.map_or("unknown CPU", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let date = humantime::format_rfc3339_seconds(SystemTime::now());
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    writeln!(out, "{cores} cores of {cpu}, Linux {}, load average {load} at start", kernel.trim())?;
    writeln!(out, "{}, librdkafka {librdkafka}, Kafka {}, {date}", rustc(), kafka()?.as_deref().unwrap_or("?"))?;
    writeln!(out, "allocator of ours and of the floors, librdkafka's C excepted: {}", type_name_of_val(&ALLOCATOR))?;
    Ok(())
}

/// The compiler of the toolchain that cargo has chosen.
fn rustc() -> String {
    let said = Command::new(env::var_os("RUSTC").as_deref().unwrap_or(OsStr::new("rustc"))).arg("--version").output();
    said.map_or_else(|_| "unknown rustc".to_owned(), |said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// The version in the name of the folder that the newest broker was started from.
fn kafka() -> Result<Option<String>> {
    let mut newest = None;
    for folder in fs::read_dir(Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."))? {
        let folder = folder?;
        let name = folder.file_name().to_string_lossy().into_owned();
        // Beside it lies the lock of those who make it.
        if let Some(version) = name.strip_prefix("kafka-").filter(|version| !version.ends_with(".lock")) {
            newest = newest.max(Some((folder.metadata()?.modified()?, version.to_owned())));
        }
    }
    Ok(newest.map(|(_, version)| version))
}
