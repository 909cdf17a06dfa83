//! The progress of a sync on a terminal: a line for the sync, one for each object type, and one for Kafka where it is slow.

mod words;

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;
use ecs_sdm_producer::config::{Config, LogFormat};
use ecs_sdm_producer::sync::{RunHandle, Totals};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::RunArgs;
use super::terminal::{self, BELOW};

/// How often the lines are drawn anew.
const EVERY: Duration = Duration::from_millis(200);

/// The name of the thread that draws.
const THREAD: &str = "progress";

/// How long a terminal may take for the last of it. One that its user has stopped takes nothing.
const LAST: Duration = Duration::from_millis(200);

/// The columns that a line needs beside its bar and its counts.
const OTHERS: usize = 59;

/// The fewest and the most columns that a bar has.
const BAR: (usize, usize) = (4, 40);

/// From so many columns on there is room for more words.
const WIDE: usize = 100;

/// What runs at this moment, if anything does.
type Running = Box<dyn Fn() -> Option<RunHandle> + Send>;

/// Progress that is shown until it is told to end.
pub(super) struct Progress {
    until: SyncSender<()>,
    ended: oneshot::Receiver<()>,
}

impl Progress {
    /// Shows what runs from now on. It has a thread of its own, since a terminal may block.
    pub(super) fn show(running: impl Fn() -> Option<RunHandle> + Send + 'static) -> Self {
        let running: Running = Box::new(running);
        panic_above();
        let (until, stop) = sync_channel(1);
        let (end, ended) = oneshot::channel();
        // Without a thread there is no progress to see, and nothing else is missing.
        drop(thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            follow(&running, &stop);
            // Nobody may wait for it any more.
            let _ = end.send(());
        }));
        Self { until, ended }
    }

    /// Takes the lines away.
    pub(super) async fn end(self) {
        drop(self.until);
        let _ = timeout(LAST, self.ended).await;
    }
}

/// Has panics written above the lines, too.
fn panic_above() {
    let write = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // The one that draws may hold what it draws with.
        if thread::current().name() == Some(THREAD) { write(panic) } else { BELOW.suspend(|| write(panic)) }
    }));
}

fn follow(running: &Running, stop: &Receiver<()>) {
    let mut shown: Option<Lines> = None;
    loop {
        let run = running();
        // The lines of the last sync go before those of the next come.
        drop(shown.take_if(|lines| run.as_ref().is_none_or(|run| run.sync() != lines.sync)));
        if let Some(run) = run {
            shown.get_or_insert_with(|| Lines::of(run.sync())).draw(&run.totals());
        }
        if stop.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// The lines of one sync, until they are dropped.
struct Lines {
    sync: i64,
    since: Instant,
    head: ProgressBar,
    types: Vec<ProgressBar>,
    /// Only while Kafka is slow.
    kafka: Option<ProgressBar>,
    /// How wide the bars are. None if there is no room for them.
    width: Option<usize>,
}

impl Lines {
    fn of(sync: i64) -> Self {
        terminal::open();
        Self { sync, since: Instant::now(), head: line(), types: Vec::new(), kafka: None, width: None }
    }

    fn draw(&mut self, totals: &Totals) {
        self.head.set_message(words::of_sync(totals, self.since.elapsed()));
        self.draw_types(totals);
        match words::of_kafka(totals) {
            Some(words) => self.kafka.get_or_insert_with(line).set_message(words),
            None => self.kafka.take().iter().for_each(|line| BELOW.remove(line)),
        }
    }

    fn draw_types(&mut self, totals: &Totals) {
        let counts: Vec<String> = totals.types.iter().map(words::of_counts).collect();
        let widest = counts.iter().map(String::len).max().unwrap_or_default();
        let columns = usize::from(Term::stderr().size().1);
        // A terminal that is too narrow for bars has none.
        let width = columns.checked_sub(OTHERS + widest).filter(|width| *width >= BAR.0).map(|width| width.min(BAR.1));
        let style = width.map_or_else(|| style("  {prefix:17} {wide_msg}"), bar);
        for (at, (total, counts)) in totals.types.iter().zip(counts).enumerate() {
            if at == self.types.len() {
                let after = self.types.last().unwrap_or(&self.head);
                let added = BELOW.insert_after(after, ProgressBar::new(0).with_style(style.clone()));
                self.types.push(added);
            } else if width != self.width {
                self.types[at].set_style(style.clone());
            }
            let bar = &self.types[at];
            bar.set_length(total.listed);
            bar.set_position(words::done(total));
            let state = words::of_state(total, totals, bar.eta(), columns >= WIDE);
            let rate = if total.has_ended { String::new() } else { words::rate(bar.per_sec()) };
            bar.set_prefix(total.object);
            bar.set_message(match width {
                Some(_) => format!("{counts:>widest$} {rate:>8}  {state}"),
                None => format!("{} {state}", counts.trim_end()),
            });
        }
        self.width = width;
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        terminal::close();
        for line in self.types.iter().chain([&self.head]).chain(&self.kafka) {
            BELOW.remove(line);
        }
    }
}

fn line() -> ProgressBar {
    BELOW.add(ProgressBar::no_length().with_style(style("{wide_msg}")))
}

fn bar(width: usize) -> ProgressStyle {
    style(&format!("  {{prefix:17}} [{{bar:{width}.green}}] {{msg}}")).progress_chars("=> ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Whether progress is shown: on a terminal, where it disturbs neither logs for machines nor records.
pub(super) fn is_wanted(args: &RunArgs, config: &Config) -> bool {
    let is_for_people = config.telemetry.log_format == LogFormat::Text && !args.logs.quiet;
    is_for_people && terminal::is_rich() && (!args.dry_run || terminal::is_output_apart())
}
