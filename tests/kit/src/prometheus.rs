//! A real Prometheus that scrapes what a test names, and is asked as Grafana asks it.

use std::fs;
use std::io::Result as IoResult;
use std::path::PathBuf;
use std::process::Child;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use form_urlencoded::Serializer;
use serde_json::Value;

use crate::wait::wait_until;
use crate::{promtool, registry, server};

/// The alerts of the product.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/prometheus-alerts.yml");

static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| promtool::find("prometheus", "PROMETHEUS"));

/// A Prometheus on a free port of 127.0.0.1. Dropping it ends it.
pub struct Prometheus {
    process: Child,
    port: u16,
    targets: usize,
    /// When it was started, seconds since the epoch.
    start: f64,
}

/// A series by its labels, and its values with their times.
pub type Series = (Value, Vec<(f64, f64)>);

impl Prometheus {
    /// Scrapes these addresses and judges the alerts that often, as the job `ecs`, and returns once it has scraped each.
    ///
    /// # Panics
    /// There is none, or a target cannot be scraped.
    pub fn start(addresses: &[&str], every: Duration) -> Self {
        let start = now();
        let started = server::on_free_ports("address already in use", || Self::try_start(addresses, every));
        let mut prometheus = started.unwrap_or_else(|why| panic!("no Prometheus for this test: {why}"));
        prometheus.start = start;
        prometheus.scraped_after(start);
        prometheus
    }

    fn try_start(addresses: &[&str], every: Duration) -> IoResult<Self> {
        let program = PROGRAM.as_ref().unwrap_or_else(|why| panic!("{why}"));
        let [port] = server::free_ports()?;
        let folder = server::new_folder("prometheus-")?;
        let (config, log) = (folder.join("prometheus.yml"), folder.join("prometheus.log"));
        let every = every.as_millis();
        fs::write(
            &config,
            format!(
                "global: {{scrape_interval: {every}ms, scrape_timeout: {every}ms, evaluation_interval: {every}ms}}\n\
                 rule_files: [{RULES:?}]\n\
                 scrape_configs: [{{job_name: ecs, static_configs: [{{targets: {addresses:?}}}]}}]\n"
            ),
        )?;
        let process = server::kept(&folder, &program.to_string_lossy(), &log)?
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .spawn()?;
        let mut prometheus = Self { process, port, targets: addresses.len(), start: 0.0 };
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        server::wait_until_started("Prometheus", &mut prometheus.process, &log, |_| registry::answers(&ready))?;
        Ok(prometheus)
    }

    /// Waits until each target was scraped after this moment, and gives the moment of which all is known then.
    ///
    /// # Panics
    /// A target cannot be scraped.
    pub fn scraped_after(&self, moment: f64) -> f64 {
        let mut last = 0.0;
        wait_until("Prometheus has scraped each target", || {
            // A scrape that fails leaves a mark that its series have gone.
            let seen = self.query("timestamp(up{job=\"ecs\"}) and up{job=\"ecs\"} == 1", now()).unwrap();
            last = seen.iter().map(|(_, at)| *at).fold(f64::INFINITY, f64::min);
            seen.len() == self.targets && last > moment
        });
        last
    }

    /// For how many seconds it has recorded, at this moment.
    pub fn recorded(&self, at: f64) -> f64 {
        at - self.start
    }

    /// The value of each series at a moment, by its labels.
    ///
    /// # Errors
    /// What Prometheus says of an expression that is none.
    pub fn query(&self, expression: &str, at: f64) -> Result<Vec<(Value, f64)>, String> {
        let time = format!("{at:.3}");
        let found = self.ask("query", &[("query", expression), ("time", time.as_str())])?;
        Ok(found.iter().map(|series| (series["metric"].clone(), sample(&series["value"]).1)).collect())
    }

    /// The values of each series from its start until a moment, that many seconds apart.
    ///
    /// # Errors
    /// What Prometheus says of an expression that is none.
    pub fn query_range(&self, expression: &str, until: f64, step: f64) -> Result<Vec<Series>, String> {
        let (start, end, step) = (format!("{:.3}", self.start), format!("{until:.3}"), step.to_string());
        let arguments =
            [("query", expression), ("start", start.as_str()), ("end", end.as_str()), ("step", step.as_str())];
        let found = self.ask("query_range", &arguments)?;
        let values = |series: &Value| series["values"].as_array().unwrap().iter().map(sample).collect::<Vec<_>>();
        Ok(found.iter().map(|series| (series["metric"].clone(), values(series))).collect())
    }

    fn ask(&self, what: &str, arguments: &[(&str, &str)]) -> Result<Vec<Value>, String> {
        let arguments = Serializer::new(String::new()).extend_pairs(arguments).finish();
        let url = format!("http://127.0.0.1:{}/api/v1/{what}?{arguments}", self.port);
        let (status, mut answer) = registry::ask("GET", &url, None);
        if status != 200 {
            return Err(answer["error"].to_string());
        }
        match answer["data"]["result"].take() {
            Value::Array(series) => Ok(series),
            other => panic!("no series: {other}"),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.wait();
    }
}

/// Seconds since the epoch.
///
/// # Panics
/// The clock stands before it.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// The time and the value of a sample.
fn sample(pair: &Value) -> (f64, f64) {
    (pair[0].as_f64().unwrap(), pair[1].as_str().unwrap().parse().unwrap())
}
