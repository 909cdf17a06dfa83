//! Prometheus's programs: those that PROMTOOL, PROMETHEUS or PATH name, else Debian's, whose package is fetched once into the target
//! folder.

use std::io::{Error, Result as IoResult, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use crate::server::made_once;

static PROMTOOL: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| find("promtool", "PROMTOOL"));

/// Runs promtool with this on its standard input.
///
/// # Panics
/// There is none.
pub fn promtool(arguments: &[&str], folder: &Path, input: &str) -> Output {
    let program = PROMTOOL.as_ref().unwrap_or_else(|why| panic!("{why}"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

/// Where the program is that the variable may name.
///
/// # Errors
/// One line with the reason and the way out.
pub(crate) fn find(program: &str, variable: &str) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(named.into());
    }
    let is_there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if is_there.is_ok_and(|status| status.success()) {
        return Ok(program.into());
    }
    let unpacked = made_once("promtool", fetch).map_err(|why| {
        format!(
            "no {program}: {why}; install Prometheus (Debian: apt-get install prometheus), or name one by {variable}"
        )
    })?;
    Ok(unpacked.join("usr/bin").join(program))
}

/// Debian's package, unpacked and not installed.
fn fetch(folder: &Path) -> IoResult<()> {
    let download = || run(Command::new("apt-get").args(["download", "--quiet", "prometheus"]).current_dir(folder));
    // A new machine has no lists of packages, which root alone can fetch.
    download().or_else(|_| run(Command::new("apt-get").args(["update", "--quiet"])).and_then(|()| download()))?;
    let mut files = std::fs::read_dir(folder)?.filter_map(Result::ok).map(|file| file.path());
    let package = files.find(|file| file.extension().is_some_and(|end| end == "deb"));
    let package = package.ok_or_else(|| Error::other("apt-get download prometheus has left no package"))?;
    run(Command::new("dpkg").arg("-x").arg(&package).arg(folder))?;
    std::fs::remove_file(package)
}

fn run(command: &mut Command) -> IoResult<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
