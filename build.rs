//! Tells the program which commit it is built from, for `--version`.

#![allow(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

use std::env;
use std::path::Path;
use std::process::Command;

/// What the program is made of. Other files may differ from the commit without a word.
const SOURCES: [&str; 4] = ["Cargo.lock", "Cargo.toml", "build.rs", "src"];

/// Files of a repository of which at least one changes with every commit and checkout. A worktree has its own `HEAD`.
const HEADS: [&str; 4] = ["HEAD", "logs/HEAD", "packed-refs", "reftable/tables.list"];

fn main() {
    println!("cargo::rerun-if-env-changed=COMMIT");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // An image is built without the repository: there the variable says it.
    let given = env::var("COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = of_repository().or(given).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=COMMIT={commit}");
}

/// The commit in 12 digits, with `-dirty` where the sources differ from it.
fn of_repository() -> Option<String> {
    // Sources that lie within somebody else's repository have none of their own.
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for head in HEADS.into_iter().chain(branch.as_deref()) {
        // Cargo takes a file that is absent for one that has changed.
        if let Some(path) = git(&["rev-parse", "--git-path", head]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let changes = git(&[&["--no-optional-locks", "status", "--porcelain", "--"], &SOURCES[..]].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}-dirty") })
}

/// What git answers, if there is git and it has an answer.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
