//! Standard error: lines of logs, errors and reports, and the progress below them where there is one.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::LazyLock;

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// How often a second the terminal is written to at most.
const RATE: u8 = 20;

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

/// Draws from now on.
pub(super) fn open() {
    BELOW.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(Screen(Term::buffered_stderr())), RATE));
}

/// Takes away what is drawn, and draws no more.
pub(super) fn close() {
    // Where a terminal cannot be cleared, it stays.
    let _ = BELOW.clear();
    BELOW.set_draw_target(ProgressDrawTarget::hidden());
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

/// The terminal, whose cursor waits at the beginning of the last line. At its end the `^C` that a terminal shows for Ctrl-C would go
/// to the next row, and one row too few would be cleared afterwards.
#[derive(Debug)]
struct Screen(Term);

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}
