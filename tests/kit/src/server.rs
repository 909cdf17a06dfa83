//! Servers as child processes of the tests: what they need is fetched once, and they end with the test process, however
//! that ends.

use std::fs::{self, File};
use std::io::{Error, Result as IoResult};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::folders;

/// Five Java processes may start at once beside everything else. One that cannot start ends, and is told of at once.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// Becomes the command in `$@`, with a watcher beside it that kills it and removes the folder `$0` once standard input
/// ends. Only the test process holds the other end of that pipe, and no way to die leaves a pipe open.
const KEEPER: &str = r#"exec 3<&0 </dev/null
(cat <&3; kill -9 $$; rm -rf "$0") 2>/dev/null &
exec 3<&-
exec "$@""#;

/// A folder in the target folder, made by the first process that needs it while others wait. `make` fills it under another
/// name, so that half a folder is never taken for a whole one.
pub fn made_once(name: &str, make: impl FnOnce(&Path) -> IoResult<()>) -> IoResult<PathBuf> {
    let made = folders::target().join(name);
    let beside = |what: &str| made.with_file_name(format!("{name}.{what}"));
    let lock = File::create(beside("lock"))?;
    lock.lock()?;
    if made.exists() {
        return Ok(made);
    }
    let part = beside("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir(&part)?;
    make(&part)?;
    fs::rename(&part, &made)?;
    Ok(made)
}

/// A folder for one process.
pub(crate) fn new_folder(prefix: &str) -> IoResult<PathBuf> {
    Ok(tempfile::Builder::new().prefix(prefix).tempdir_in(folders::temporary()?)?.keep())
}

/// A program that ends, and its folder with it, once its standard input is closed; what it says goes to `log`.
/// Waiting for it closes standard input first.
pub fn kept(folder: &Path, program: &str, log: &Path) -> IoResult<Command> {
    let output = File::create(log)?;
    let mut command = Command::new("sh");
    command
        .args(["-c", KEEPER])
        .arg(folder)
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(output.try_clone()?)
        .stderr(output)
        // Ctrl-C at the terminal is for the test process; the watcher must outlive it.
        .process_group(0);
    Ok(command)
}

/// Waits until a server has `started`, which is asked with all that its log says. The error holds the log's end.
pub(crate) fn wait_until_started(
    name: &str,
    process: &mut Child,
    log: &Path,
    mut started: impl FnMut(&str) -> bool,
) -> IoResult<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let exited = process.try_wait()?;
        let said = fs::read_to_string(log)?;
        let trouble = match exited {
            Some(status) => format!("{name} ended at its start ({status})"),
            None if started(&said) => return Ok(()),
            None if Instant::now() > deadline => format!("{name} took over {START_TIMEOUT:?}"),
            None => {
                thread::sleep(Duration::from_millis(20)); // why: a log file tells nobody that it grows
                continue;
            }
        };
        return Err(Error::other(format!("{trouble}; its log ends: {}", end_of(&said))));
    }
}

/// Ends a server in its own way, and not by its watcher.
pub fn end(process: &mut Child, signal: &str) -> IoResult<()> {
    let kept_open = process.stdin.take();
    send(process, signal)?;
    process.wait()?;
    drop(kept_open);
    Ok(())
}

/// Sends a signal, by its name without SIG.
pub fn send(process: &Child, signal: &str) -> IoResult<()> {
    run(Command::new("sh").args(["-c", &format!("kill -{signal} {}", process.id())]))
}

/// Ports of 127.0.0.1 that are free now: others may take them before a server binds them.
pub fn free_ports<const N: usize>() -> IoResult<[u16; N]> {
    let listeners: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<IoResult<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Starts a server on ports that were found free. Others may have taken one before it bound it, which it tells with this word: then it
/// is started again, on others, twice at most.
pub(crate) fn on_free_ports<T>(taken: &str, mut start: impl FnMut() -> IoResult<T>) -> IoResult<T> {
    for _ in 0..2 {
        match start() {
            Err(why) if why.to_string().contains(taken) => {}
            outcome => return outcome,
        }
    }
    start()
}

/// A port of 127.0.0.1 where nobody listens. Nobody else can get it before this is dropped.
pub struct Closed(TcpSocket);

impl Closed {
    /// Takes a port.
    pub fn new() -> IoResult<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self(socket))
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> IoResult<SocketAddr> {
        self.0.local_addr()
    }
}

/// Runs a command to its end. The error names it and holds its first line: Maven's reason, before pages of advice.
pub fn run(command: &mut Command) -> IoResult<()> {
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|why| Error::new(why.kind(), format!("{program} does not run: {why}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    // Maven resets colours even where it uses none.
    let said = String::from_utf8_lossy(&said).replace("\u{1b}[0m", "");
    let reason = said.lines().next().unwrap_or_default();
    Err(Error::other(format!("{program} failed ({}): {reason}", output.status)))
}

/// The last lines of a log, without its stack traces, as one.
fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with('\t')).collect();
    lines[lines.len().saturating_sub(6)..].join(" | ")
}
