//! The dashboard as it stands in its file, and what can be said of it without a Prometheus.

use std::fs;
use std::path::Path;

use ecs_sdm_producer::telemetry::{INSTRUMENTS, Kind};
use serde_json::Value;

const FILTER: &str = "job=~\"$job\",instance=~\"$instance\"";

const ROWS: [&str; 4] =
    ["Is the inventory whole and fresh?", "What holds it up?", "What does it cost the account?", "What is lost?"];

/// What Prometheus itself has of an alert that fires.
const ALERTS: &str = "ALERTS";

/// Whether Prometheus could scrape.
const UP: &str = "up";

pub(super) fn is_alarm(colour: &str) -> bool {
    ["orange", "red"].contains(&colour)
}

pub(super) struct Target {
    pub(super) expression: String,
    pub(super) is_instant: bool,
}

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) targets: Vec<Target>,
    /// What is shown where there is no value.
    pub(super) no_value: String,
    /// From which value on which colour is shown. The first has no value.
    steps: Vec<(Option<f64>, String)>,
}

impl Panel {
    fn read(panel: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let target = |target: &Value| Target {
            expression: text(&target["expr"]),
            is_instant: target["instant"].as_bool().unwrap_or_default(),
        };
        let defaults = &panel["fieldConfig"]["defaults"];
        let step = |step: &Value| (step["value"].as_f64(), text(&step["color"]));
        Self {
            title: text(&panel["title"]),
            kind: text(&panel["type"]),
            targets: list(&panel["targets"]).iter().map(target).collect(),
            no_value: text(&defaults["noValue"]),
            steps: list(&defaults["thresholds"]["steps"]).iter().map(step).collect(),
        }
    }

    /// Whether any of its colours is an alarm.
    pub(super) fn can_alarm(&self) -> bool {
        self.steps.iter().any(|(_, colour)| is_alarm(colour))
    }

    /// The colour that Grafana shows: of the last step that the value reaches, and of the first one where there is no value.
    pub(super) fn colour(&self, value: Option<f64>) -> String {
        let reached = |from: &Option<f64>| from.is_none_or(|from| value.is_some_and(|value| value >= from));
        let last = self.steps.iter().rfind(|(from, _)| reached(from));
        last.unwrap_or_else(|| panic!("{} has no colours", self.title)).1.clone()
    }
}

pub(super) struct Dashboard {
    json: Value,
    /// All but the rows.
    pub(super) panels: Vec<Panel>,
}

impl Dashboard {
    pub(super) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/grafana/dashboards/ecs-sdm-producer.json");
        let json: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let panels = panels(&json).filter(|panel| panel["type"] != "row").map(Panel::read).collect();
        Self { json, panels }
    }

    pub(super) fn stats(&self) -> impl Iterator<Item = &Panel> {
        self.panels.iter().filter(|panel| panel.kind == "stat")
    }

    /// All expressions with where they stand: of panels, of variables as a question whether they have values, and of annotations.
    pub(super) fn named_expressions(&self) -> Vec<(String, String)> {
        let of_panels = self
            .panels
            .iter()
            .flat_map(|panel| panel.targets.iter().map(|target| (panel.title.clone(), target.expression.clone())));
        let variables = self.json["templating"]["list"].as_array().unwrap().iter();
        let of_variables = variables.filter(|variable| variable["type"] == "query").map(|variable| {
            let query = variable["query"]["query"].as_str().unwrap();
            let values = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (series, label) = values.rsplit_once(", ").unwrap();
            (format!("variable {}", variable["name"]), format!("count by ({label}) ({series})"))
        });
        let annotations = self.json["annotations"]["list"].as_array().unwrap().iter();
        let of_annotations =
            annotations.map(|one| (format!("annotation {}", one["name"]), one["expr"].as_str().unwrap().to_owned()));
        of_panels.chain(of_variables).chain(of_annotations).collect()
    }
}

fn panels(json: &Value) -> impl Iterator<Item = &Value> {
    json["panels"].as_array().unwrap().iter()
}

/// The names before the braces of an expression, with what is between these.
fn selectors(expression: &str) -> Vec<(&str, &str)> {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let opened = expression.match_indices('{').map(|(open, _)| {
        let before = expression[..open].trim_end_matches(is_of_name);
        let (inside, _) = expression[open + 1..].split_once('}').unwrap();
        (&expression[before.len()..open], inside)
    });
    opened.collect()
}

fn is_metric(name: &str) -> bool {
    let known = |base: &str, is_histogram: bool| {
        INSTRUMENTS.iter().any(|row| row.prometheus == base && matches!(row.kind, Kind::Histogram(_)) == is_histogram)
    };
    let parts = ["_bucket", "_sum", "_count"].iter().filter_map(|part| name.strip_suffix(part));
    known(name, false) || parts.into_iter().any(|base| known(base, true))
}

#[test]
fn each_expression_names_metrics_and_keeps_to_the_chosen_jobs_and_instances() {
    for (name, expression) in Dashboard::read().named_expressions() {
        let found = selectors(&expression);
        let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let metrics = words.filter(|word| is_metric(word) || [ALERTS, UP].contains(word)).count();
        // The variable of jobs has nothing to keep to, and that of instances the jobs alone.
        if name.starts_with("variable ") {
            assert_eq!(metrics, 1, "{name}: {expression}");
            continue;
        }
        assert_eq!(metrics, found.len(), "{name}: a metric without a filter, or a name that is none: {expression}");
        for (metric, labels) in found {
            assert!(is_metric(metric) || [ALERTS, UP].contains(&metric), "{name}: no metric: {metric}");
            assert!(labels.starts_with(FILTER), "{name}: {metric}{{{labels}}}");
        }
    }
}

#[test]
fn each_panel_says_what_it_is_and_has_a_place_of_its_own() {
    let dashboard = Dashboard::read();
    let number = |panel: &Value, key: &str| panel["gridPos"][key].as_u64().unwrap();
    let all: Vec<&Value> = panels(&dashboard.json).collect();
    for (index, panel) in all.iter().enumerate() {
        let title = panel["title"].as_str().unwrap();
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| number(panel, key));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title}");
        for other in &all[..index] {
            let [ox, oy, ow, oh] = ["x", "y", "w", "h"].map(|key| number(other, key));
            let apart = x + w <= ox || ox + ow <= x || y + h <= oy || oy + oh <= y;
            assert!(apart, "{title} lies on {}", other["title"]);
            assert!(panel["id"] != other["id"] && panel["title"] != other["title"], "{title}");
        }
        if panel["type"] == "row" {
            continue;
        }
        let words = panel["description"].as_str().unwrap_or_default();
        assert!(words.len() > 40 && words.ends_with('.'), "{title}: {words:?}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title} asks nothing");
    }
    let rows = all.iter().filter(|panel| panel["type"] == "row").map(|row| row["title"].as_str().unwrap());
    assert_eq!(rows.collect::<Vec<_>>(), ROWS);
    let named = |words: &str| words.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let operations = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let operations = fs::read_to_string(operations).unwrap();
    let headings: Vec<&str> = operations
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .collect();
    let titles: Vec<&str> = all.iter().filter_map(|panel| panel["title"].as_str()).collect();
    for panel in &all {
        for name in named(panel["description"].as_str().unwrap_or_default()) {
            let is_there = headings.contains(&name.as_str()) || titles.contains(&name.as_str());
            assert!(is_there, "{}: there is no {name:?}", panel["title"]);
        }
    }
}
