//! Where things lie: the repository, and what Cargo builds.

use std::env;
use std::fs;
use std::io::Result as IoResult;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    tests.and_then(Path::parent).expect("this crate is in tests/kit")
}

/// Cargo's folder of this profile, such as `target/debug`. Programs lie there.
pub(crate) fn profile() -> PathBuf {
    let this = env::current_exe().expect("this process has a program");
    let built = this.ancestors().find(|folder| folder.ends_with("deps") || folder.ends_with("examples"));
    let profile =
        built.and_then(Path::parent).expect("Cargo puts tests and benches into deps, and examples into examples");
    profile.to_owned()
}

/// Cargo's target folder. What is fetched once lies there, and every profile finds it.
pub(crate) fn target() -> PathBuf {
    profile().parent().expect("a profile lies in the target folder").to_owned()
}

/// Cargo's folder for the files of tests and benches.
///
/// # Errors
/// It is not there and cannot be made.
pub(crate) fn temporary() -> IoResult<PathBuf> {
    let folder = target().join("tmp");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
