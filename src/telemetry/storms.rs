//! Storms: one message again and again. The first lines of it are written; of the others it is told from time to time how many there
//! were.
//!
//! Crates that do the like (tracing-throttle) tell messages apart by the values of all their fields. What makes a storm here, such as an
//! ARN in each line, is just what differs.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{DefaultFields, JsonFields};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// How many lines of a message are written before it is a storm, in [`FIRST`].
const LINES: u32 = 5;

/// How long what is held back is counted before it is told for the first time. Each time after that takes twice as long.
const FIRST: Duration = Duration::from_secs(60);

/// The longest such time.
const LONGEST: Duration = Duration::from_secs(960);

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_secs(5);

/// Who is never held back: the outcome of each sync is told, however short the interval, and so is what was held back.
const EXEMPT: [&str; 2] = ["ecs_sdm_producer::service", module_path!()];

/// How many messages are told apart. There are fewer places in the code; some have texts of others in their message.
const MESSAGES: usize = 1_000;

/// What is held back of messages that come in storms. Clones share it.
///
/// A message is a place in the code and its text without digits, so that times and counts within it make no other message. Its fields
/// may differ. Nothing is held back below `INFO`: whoever asks for that wants all of it.
#[derive(Debug, Clone, Default)]
pub struct Storms(Arc<Mutex<HashMap<Message, Storm>>>);

/// Which message it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Message {
    place: Identifier,
    /// A hash of its text.
    text: u64,
}

/// How often a message came of late.
#[derive(Debug)]
struct Storm {
    /// The beginning of the present time.
    since: Instant,
    time: Duration,
    /// How many of its lines may still be written in this time.
    left: u32,
    held_back: u64,
    level: Level,
    /// The last that was held back.
    last: Line,
}

/// A line as it would have been written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Line {
    text: String,
    /// Its fields, and what it is about.
    fields: String,
}

/// What is told of a message.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    level: Level,
    last: Line,
    held_back: u64,
    time: Duration,
}

impl Storms {
    /// A filter that holds back what comes in storms.
    pub(super) fn filter<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Filter<S> + use<S> {
        StormFilter(self.clone())
    }

    /// Tells from time to time what was held back. It never ends.
    pub async fn tell(&self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK).await; // why: a storm that has ended tells nobody
            self.due(Instant::now()).iter().for_each(tell);
        }
    }

    /// Tells all that was held back and is not told yet. It is for the end of a process.
    pub fn tell_all(&self) {
        let mut storms = self.0.lock();
        let told: Vec<Told> = storms.values_mut().filter(|storm| storm.held_back > 0).map(Storm::tell).collect();
        drop(storms);
        told.iter().for_each(tell);
    }

    /// Whether a message is written.
    fn passes(&self, message: Message, level: Level, now: Instant, line: impl FnOnce() -> Line) -> bool {
        let mut storms = self.0.lock();
        if storms.len() >= MESSAGES && !storms.contains_key(&message) {
            storms.retain(|_, storm| !storm.is_over(now));
            if storms.len() >= MESSAGES {
                return true;
            }
        }
        let begun = || Storm { since: now, time: FIRST, left: LINES, held_back: 0, level, last: Line::default() };
        let storm = storms.entry(message).or_insert_with(begun);
        if storm.is_over(now) {
            *storm = begun();
        }
        if storm.left > 0 {
            storm.left -= 1;
            return true;
        }
        storm.last = line();
        storm.held_back += 1;
        false
    }

    /// What is to be told now. A message of which nothing came in its last time is forgotten.
    fn due(&self, now: Instant) -> Vec<Told> {
        let mut storms = self.0.lock();
        storms.retain(|_, storm| !storm.is_over(now));
        let due = storms.values_mut().filter(|storm| now >= storm.since + storm.time);
        let tell = |storm: &mut Storm| {
            let told = storm.tell();
            *storm = Storm { since: now, time: (storm.time * 2).min(LONGEST), last: Line::default(), ..*storm };
            told
        };
        due.map(tell).collect()
    }
}

impl Storm {
    /// Whether its time is over, and nothing was held back in it.
    fn is_over(&self, now: Instant) -> bool {
        self.held_back == 0 && now >= self.since + self.time
    }

    fn tell(&mut self) -> Told {
        let (level, last, time) = (self.level, std::mem::take(&mut self.last), self.since.elapsed());
        Told { level, last, held_back: std::mem::take(&mut self.held_back), time }
    }
}

fn tell(told: &Told) {
    let Told { level, last: Line { text, fields: last }, held_back, time } = told;
    let within = humantime::format_duration(Duration::from_secs(time.as_secs().max(1)));
    match *level {
        Level::ERROR => tracing::error!(held_back, %within, last, "lines like this were held back: {text}"),
        Level::WARN => tracing::warn!(held_back, %within, last, "lines like this were held back: {text}"),
        _ => tracing::info!(held_back, %within, last, "lines like this were held back: {text}"),
    }
}

struct StormFilter(Storms);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for StormFilter {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, context: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO || EXEMPT.contains(&metadata.target()) {
            return true;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let message = Message { place: metadata.callsite(), text: line.hash() };
        let whole = || {
            let about = context.event_span(event);
            let extensions = about.as_ref().map(|span| span.extensions());
            // In text, or in JSON.
            let of_text = extensions.as_ref().and_then(|all| all.get::<FormattedFields<DefaultFields>>());
            let of_json = extensions.as_ref().and_then(|all| all.get::<FormattedFields<JsonFields>>());
            let about = of_text.map(|of| of.fields.as_str()).or(of_json.map(|of| of.fields.as_str()));
            line.fields.extend(about);
            line
        };
        self.0.passes(message, *metadata.level(), Instant::now(), whole)
    }
}

impl Line {
    fn hash(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        self.text.bytes().filter(|byte| !byte.is_ascii_digit()).for_each(|byte| byte.hash(&mut hasher));
        hasher.finish()
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.text = format!("{value:?}"),
            name => self.fields += &format!("{name}={value:?} "),
        }
    }
}

#[cfg(test)]
mod tests;
