//! Standard error: lines of logs, errors and reports, and the progress below them where there is one.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressDrawTarget};

/// What is drawn below the lines. It is hidden until a sync shows its progress.
pub(super) static BELOW: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::hidden()));

/// Whether standard error is a terminal that understands escape sequences, and its user wants them (<https://no-color.org>).
pub(super) fn is_rich() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = || env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb()
}

/// Whether standard output is a file, or the null device. A terminal shows its lines, and so may a terminal behind a pipe.
pub(super) fn is_output_apart() -> bool {
    let descriptor = io::stdout().as_fd().try_clone_to_owned();
    let kind = descriptor.and_then(|descriptor| File::from(descriptor).metadata()).map(|data| data.file_type());
    !io::stdout().is_terminal() && kind.is_ok_and(|kind| kind.is_file() || kind.is_char_device())
}

/// Standard error for whole lines. Each is written above what is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines;

impl Write for Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        BELOW.suspend(|| io::stderr().lock().write_all(lines))?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
