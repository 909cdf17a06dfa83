//! The variables: their names, and how the values of one kind are judged.

use std::fmt;
use std::time::Duration;

use super::{LONGEST, Signal};
use crate::config::diagnostics::Diagnostics;
use crate::config::shown::quoted;

/// More spans than this would wait in more memory than a sync takes: room for them is there from the start.
const MOST_SPANS: usize = 100_000;

/// The names of one variable of OTLP: the one that all signals share, that of metrics, that of traces.
#[derive(Clone, Copy)]
pub(super) struct Names(pub(super) [&'static str; 3]);

macro_rules! names {
    ($part:literal) => {
        Names([
            concat!("OTEL_EXPORTER_OTLP_", $part),
            concat!("OTEL_EXPORTER_OTLP_METRICS_", $part),
            concat!("OTEL_EXPORTER_OTLP_TRACES_", $part),
        ])
    };
}
pub(super) use names;

impl Names {
    /// Those of a signal. What is its own rules over what is shared.
    pub(super) fn of(self, signal: Signal) -> [&'static str; 2] {
        let [shared, metrics, traces] = self.0;
        match signal {
            Signal::Metrics => [metrics, shared],
            Signal::Traces => [traces, shared],
        }
    }

    /// The one that all signals share.
    pub(super) fn shared(self) -> &'static str {
        self.0[0]
    }
}

/// The variables, and what is said of them.
pub(super) struct Environment<'a> {
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    pub(super) told: Diagnostics,
}

impl Environment<'_> {
    /// A variable that is set, and not to nothing.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|text| !text.trim().is_empty())
    }

    /// The first of these that is set, with its name.
    pub(super) fn first(&self, names: [&'static str; 2]) -> Option<(&'static str, String)> {
        names.into_iter().find_map(|name| Some((name, self.get(name)?)))
    }

    /// The name of the first that is set, or else of the last.
    pub(super) fn name(&self, names: [&'static str; 2]) -> &'static str {
        self.first(names).map_or(names[1], |(name, _)| name)
    }

    /// Warns of a variable. What signals share is judged for each of them, and told once.
    pub(super) fn warn(&mut self, name: &str, warning: impl fmt::Display) {
        self.told.warning(name, warning);
        let warnings = &mut self.told.warnings;
        if let Some((last, others)) = warnings.split_last()
            && others.contains(last)
        {
            warnings.pop();
        }
    }

    /// Whether a switch is on: `true`, in any case, and nothing else ("Boolean" of the specification).
    pub(super) fn switch(&mut self, name: &str) -> bool {
        let Some(text) = self.get(name) else { return false };
        let text = text.trim();
        let is_on = text.eq_ignore_ascii_case("true");
        if !is_on && !text.eq_ignore_ascii_case("false") {
            self.warn(name, format_args!("{} is ignored; use true or false", quoted(text)));
        }
        is_on
    }

    /// A time in milliseconds, from the first of these variables that has one. 0 would mean without end or without pause.
    pub(super) fn time(&mut self, names: &[&'static str], default: Duration) -> Duration {
        let shown = default.as_millis();
        let time = names.iter().find_map(|name| self.number(name, LONGEST, "milliseconds", shown));
        time.map_or(default, Duration::from_millis)
    }

    /// A number of spans.
    pub(super) fn spans(&mut self, name: &'static str, default: usize) -> usize {
        let number = self.number(name, MOST_SPANS as u64, "spans", default);
        number.and_then(|number| number.try_into().ok()).unwrap_or(default)
    }

    /// A share from 0 to 1; 1 by default.
    pub(super) fn share(&mut self, name: &'static str) -> f64 {
        let Some(text) = self.get(name) else { return 1.0 };
        let share = text.trim().parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.unwrap_or_else(|| {
            let shown = quoted(text.trim());
            self.warn(
                name,
                format_args!("{shown} is ignored, and 1 holds: every trace is kept; use a share from 0 to 1"),
            );
            1.0
        })
    }

    /// A whole number from 1 on.
    fn number(&mut self, name: &str, most: u64, of: &str, default: impl fmt::Display) -> Option<u64> {
        let text = self.get(name)?;
        let number = text.trim().parse().ok().filter(|number| (1..=most).contains(number));
        if number.is_none() {
            let shown = quoted(text.trim());
            self.warn(name, format_args!("{shown} is ignored; use a number of {of} from 1 to {most}, as {default}"));
        }
        number
    }
}
