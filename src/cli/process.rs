//! The process around a command. Signals are heard from its first moment on, whatever the command waits for.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{fail, logs, terminal};

/// How long it may take to write a line after a signal.
const WORDS: Duration = Duration::from_millis(100);

/// The exit code of a command that panicked, as the standard library has it for a main thread.
pub(crate) const PANICKED: u8 = 101;

/// The main thread. It only waits, for signals and for the command, and writes nothing. So nothing that blocks keeps a signal unheard,
/// nor does a pipe that nobody reads.
pub(crate) struct Process {
    runtime: Runtime,
    signals: Signals,
}

/// SIGTERM, SIGINT and SIGHUP.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// None if SIGHUP was ignored when the program began, as under `nohup`.
    hangup: Option<Signal>,
}

impl Process {
    /// Installs the handlers. Until then a signal ends the process or, if that is process 1 of a container, is lost.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(crate) fn new() -> io::Result<Self> {
        let is_hangup_ignored = is_hangup_ignored();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_hangup_ignored { None } else { Some(signal(SignalKind::hangup())?) },
        };
        drop(entered);
        Ok(Self { runtime, signals })
    }

    /// Runs a command that may simply be run again. A signal ends it at once.
    pub(crate) fn run(self, command: impl FnOnce() -> ExitCode + Send + 'static) -> ExitCode {
        self.supervise(async |mut signals| {
            tokio::select! {
                biased;
                code = on_thread(command) => code.unwrap_or(PANICKED.into()),
                () = signals.next() => fail_soon(1, "ended by a signal").await,
            }
        })
    }

    /// Waits as `supervisor` does. The process then ends at once, whatever still runs beside it.
    pub(crate) fn supervise(self, supervisor: impl AsyncFnOnce(Signals) -> ExitCode) -> ExitCode {
        let code = self.runtime.block_on(supervisor(self.signals));
        self.runtime.shutdown_background();
        code
    }
}

impl Signals {
    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Runs something on a thread of its own. None if it panics, or if there is no thread for it.
pub(crate) fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Option<T>> {
    let (done, result) = oneshot::channel();
    // The result is not wanted any more if the receiver is gone. Without a thread there is no result.
    drop(thread::Builder::new().spawn(move || drop(done.send(work()))));
    async { result.await.ok() }
}

/// Writes the last error of the process to standard error, and returns its exit code. It does not wait for a pipe that nobody reads.
pub(crate) async fn fail_soon(code: u8, error: impl Display + Send + 'static) -> ExitCode {
    let said = on_thread(move || {
        terminal::close();
        logs::tell_storms();
        fail(code, error)
    });
    let _ = timeout(WORDS, said).await;
    code.into()
}

/// The runtime of a command. Its end waits for no blocking call, such as one of a resolver that does not answer.
pub(crate) struct CommandRuntime(Option<Runtime>);

impl CommandRuntime {
    /// # Errors
    /// The exit code of an error that was told.
    pub(crate) fn new(mut builder: Builder) -> Result<Self, ExitCode> {
        match builder.enable_all().build() {
            Ok(runtime) => Ok(Self(Some(runtime))),
            Err(error) => Err(fail(2, format_args!("the runtime cannot start: {error}"))),
        }
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("only drop takes it").block_on(future)
    }
}

impl Drop for CommandRuntime {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Whether SIGHUP is ignored, by the mask that Linux shows in `/proc` (proc_pid_status(5), `SigIgn`). Other systems do not say.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 is the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}
