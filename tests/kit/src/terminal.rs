//! A program whose standard error is a terminal, and what the screen of that shows.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::wait::wait_until;

/// More lines than a test writes, so that none scrolls away.
const ROWS: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// A program on a terminal. Dropping it kills it.
pub struct Terminal {
    process: Child,
    written: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    columns: u16,
    keyboard: File,
}

impl Terminal {
    /// The same, with a keyboard: it is the controlling terminal, and Ctrl-C typed there is a signal.
    pub fn start_with_keyboard(program: &Command, columns: u16) -> Self {
        let mut session = Command::new("setsid");
        session.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // The test's own PATH finds setsid.
        session.arg("--ctty").arg(program.get_program()).args(program.get_args()).stdout(Stdio::null());
        Self::start(session, columns)
    }

    /// Types on the keyboard.
    pub fn keys(&self, keys: &[u8]) {
        (&self.keyboard).write_all(keys).unwrap();
    }

    /// Starts a program on a terminal with so many columns. Its standard output is none, unless the command has another.
    pub fn start(mut program: Command, columns: u16) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        tcsetwinsize(&controller, Winsize { ws_row: ROWS.get(), ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let device = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let process = program.stdin(device.try_clone().unwrap()).stderr(device).spawn().unwrap();
        // The command keeps the terminal open, and its reader would wait for ever.
        drop(program);
        let written = Arc::default();
        let keyboard = File::from(controller);
        let reader = read(keyboard.try_clone().unwrap(), Arc::clone(&written));
        Self { process, written, reader: Some(reader), columns, keyboard }
    }

    /// What the screen shows now, without blanks at the ends of lines.
    pub fn screen(&self) -> String {
        let mut screen = vt100::Parser::new(ROWS, NonZeroU16::new(self.columns).unwrap(), 0);
        screen.process(&self.written.lock().unwrap());
        let rows = screen.screen().rows(0, self.columns);
        rows.map(|row| row.trim_end().to_owned() + "\n").collect::<String>().trim_end().to_owned()
    }

    /// Waits until the screen is so, and gives it.
    pub fn wait_for(&mut self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> String {
        let mut screen = String::new();
        wait_until(what, || {
            screen = self.screen();
            let so = is_so(&screen);
            assert!(so || self.process.try_wait().unwrap().is_none(), "it has ended before {what}:\n{screen}");
            so
        });
        screen
    }

    /// The process.
    pub fn process(&self) -> &Child {
        &self.process
    }

    /// Waits for its end: how it ended, what the screen shows then, and all that was written.
    pub fn end(mut self) -> (ExitStatus, String, Vec<u8>) {
        let status = self.process.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let written = self.written.lock().unwrap().clone();
        (status, self.screen(), written)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads until the program has closed the terminal, which is an error here.
fn read(mut controller: File, written: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = controller.read(&mut bytes) {
            written.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
    })
}
