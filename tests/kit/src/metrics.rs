//! Metrics: `docs/metrics.md`, written from the product's table; and the text of `/metrics`, read.

use std::collections::BTreeMap;

use ecs_sdm_producer::telemetry::{INSTRUMENTS, Kind};

/// The text of `docs/metrics.md`.
pub fn metrics_md() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         A sidecar serves them at `/metrics`, in Prometheus's text format. Names in OpenTelemetry follow its conventions \
         (`messaging.*`, `process.*`), names in Prometheus its rules for compatibility: units and `_total` are added, dots become \
         underscores. Counters count for the life of the process, over all syncs. What has not happened yet is absent, so that no zero \
         is taken for a time.\n\n\
         Only three have labels for the account and the region. Past 1,000 of these they are left out, and \
         `ecs_sdm_scopes_omitted` says so.\n\n\
         Renaming a metric or a label is a breaking change. This file is generated from the table of metrics by \
         `cargo run --example generate`.\n\n\
         | Prometheus | OpenTelemetry | Kind, unit | Labels | The question that it answers |\n|---|---|---|---|---|\n",
    );
    for row in INSTRUMENTS {
        let kind = match row.kind {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::UpDownCounter => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let unit = if row.unit.is_empty() { String::new() } else { format!(", {}", row.unit.trim_matches(['{', '}'])) };
        let labels = if row.attributes.is_empty() { "–" } else { row.attributes };
        text += &format!("| `{}` | `{}` | {kind}{unit} | {labels} | {} |\n", row.prometheus, row.name, row.question);
    }
    text
}

/// What `/metrics` says: the value of each series, by its name with its labels as they stand, such as `a_total{b="c"}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scrape(pub BTreeMap<String, f64>);

impl Scrape {
    /// Reads the text format 0.0.4, without time stamps.
    ///
    /// # Panics
    /// It is none, or a series comes twice.
    pub fn read(text: &str) -> Self {
        let mut series = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            let value = value.parse().unwrap_or_else(|why| panic!("{why}: {line}"));
            assert!(series.insert(name.to_owned(), value).is_none(), "twice: {name}");
        }
        Self(series)
    }

    /// The value of the only series with this name and all of these labels.
    ///
    /// # Panics
    /// There is none, or several.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.all(name, labels);
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
        found[0].1
    }

    /// The sum of all series with this name and all of these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).iter().map(|(_, value)| value).sum()
    }

    /// All series with this name and all of these labels.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(&str, f64)> {
        let has = |series: &str| labels.iter().all(|(label, value)| series.contains(&format!("{label}=\"{value}\"")));
        let named = |series: &str| series.split('{').next() == Some(name);
        let found = self.0.iter().filter(|(series, _)| named(series) && has(series));
        found.map(|(series, value)| (series.as_str(), *value)).collect()
    }

    /// The names, of histograms without their ends.
    pub fn names(&self) -> std::collections::BTreeSet<&str> {
        let ends = ["_bucket", "_sum", "_count"];
        let base = |name: &'_ str| ends.iter().find_map(|end| name.strip_suffix(end)).map(str::len);
        self.0
            .keys()
            .map(|series| series.split('{').next().unwrap_or_default())
            .map(|name| base(name).map_or(name, |length| &name[..length]))
            .collect()
    }
}
