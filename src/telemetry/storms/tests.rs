use std::io;

use tracing::subscriber::with_default;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::config::LogFormat;
use crate::telemetry::subscriber;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Kept {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock()).lines().map(str::to_owned).collect()
    }
}

/// What is written while `events` come, and of what is told at the end.
fn written(directives: &str, events: impl FnOnce()) -> Vec<String> {
    let kept = Kept::default();
    let storms = Storms::default();
    let subscriber = subscriber(LogFormat::Text, directives, kept.clone(), false, &storms);
    with_default(subscriber, || {
        events();
        storms.tell_all();
        storms.tell_all();
    });
    kept.lines()
}

#[test]
fn a_storm_of_ten_thousand_equal_messages_is_six_lines_and_the_last_has_the_count() {
    let lines = written("", || {
        let _about = tracing::error_span!("sync", sync = %"2026").entered();
        (0..10_000).for_each(|number| tracing::warn!(arn = format!("arn:{number}"), "an object stays unanswered"));
    });
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(lines[4].ends_with("an object stays unanswered arn=\"arn:4\" sync=2026"), "{}", lines[4]);
    assert!(lines[5].contains(" WARN lines like this were held back: an object stays unanswered"), "{}", lines[5]);
    assert!(lines[5].contains("held_back=9995"), "{}", lines[5]);
    let last = r#"last="arn=\"arn:9999\" sync=2026""#;
    assert!(lines[5].ends_with(last), "the last one, and what it is about: {}", lines[5]);
}

#[test]
fn messages_that_differ_in_digits_alone_are_one_and_others_are_not() {
    let say = |text: &str| tracing::error!("{text}");
    let lines = written("", || (0..20).for_each(|number| say(&format!("{number} records, tried in {number}s"))));
    assert_eq!(lines.len(), 6, "{lines:#?}");
    let lines = written("", || ('a'..='t').for_each(|letter| say(&format!("the broker {letter} is away"))));
    assert_eq!(lines.len(), 20, "{lines:#?}");
}

#[test]
fn what_only_debugging_asks_for_is_never_held_back() {
    let lines = written("debug", || (0..20).for_each(|_| tracing::debug!("an answer of ECS")));
    assert_eq!(lines.len(), 20, "{lines:#?}");
}

/// The storm is at a rate of one a second, for half an hour.
#[test]
fn a_long_storm_is_told_of_ever_more_seldom_and_a_message_that_comes_again_later_is_written() {
    static PLACE: Place = Place;
    let storms = Storms::default();
    let begin = Instant::now();
    let at = |second| begin + Duration::from_secs(second);
    let message = || Message { place: Identifier(&PLACE), text: 0 };
    let passes = |second| storms.passes(message(), Level::WARN, at(second), Line::default);
    let mut written = 0;
    let mut told = Vec::new();
    for second in 0..1_800 {
        written += u32::from(passes(second));
        told.extend(storms.due(at(second)).into_iter().map(|told| (second, told.held_back)));
    }
    assert_eq!((written, told.as_slice()), (LINES, &[(60, 56), (180, 120), (420, 240), (900, 480)][..]));
    let rest: Vec<_> = storms.due(at(1_860)).into_iter().map(|told| told.held_back).collect();
    assert_eq!(rest, [899]);
    assert!(storms.due(at(2_860)).is_empty());
    assert!(storms.0.lock().is_empty(), "what is over is forgotten");
    assert!(passes(2_861));
}

#[test]
fn no_more_messages_are_told_apart_than_there_is_room_for() {
    static PLACE: Place = Place;
    let storms = Storms::default();
    let now = Instant::now();
    for text in 0..2 * MESSAGES as u64 {
        let message = Message { place: Identifier(&PLACE), text };
        assert!(storms.passes(message, Level::WARN, now, Line::default));
    }
    assert_eq!(storms.0.lock().len(), MESSAGES);
}

struct Place;

impl tracing::Callsite for Place {
    fn set_interest(&self, _: tracing::subscriber::Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        unreachable!("nothing asks for it")
    }
}
