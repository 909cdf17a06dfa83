//! Settings for a command: loads them, judges what can be judged without contacting anybody, and reports all errors at once.

use std::process::ExitCode;

use ecs_sdm_producer::aws::region::default_region;
use ecs_sdm_producer::aws::trust::Trust;
use ecs_sdm_producer::aws::{self, environment};
use ecs_sdm_producer::config::{Config, Diagnostic, Loaded, Otel, Sources, load, region_fault};
use ecs_sdm_producer::kafka::client;

use super::{SettingsArgs, USAGE, complain, warn};

/// Loads the settings. librdkafka checks its own properties.
pub(crate) fn read(settings: &SettingsArgs) -> Loaded {
    let mut loaded = load_only(settings);
    loaded.judge_properties(client::refusal);
    loaded
}

/// Loads the settings, and judges nothing.
pub(crate) fn load_only(settings: &SettingsArgs) -> Loaded {
    load(&Sources::from_process(settings.config.clone(), settings.set.clone()))
}

/// The settings of a sync, and the region of the base credentials.
///
/// The default region chain reads the environment and the profile. It asks the instance's metadata only if nothing else is wrong.
pub(crate) async fn for_sync(settings: &SettingsArgs, dry_run: bool) -> Result<(Config, String), ExitCode> {
    let mut loaded = read(settings);
    let region = judge(&mut loaded, dry_run, true).await;
    loaded.warnings.iter().for_each(|warning| warn(warning));
    match (loaded.config, region) {
        (Ok(config), Some(region)) => Ok((config, region)),
        (Err(diagnostics), _) => Err(report_errors(&diagnostics)),
        (Ok(_), None) => Err(report_errors(&[no_region()])),
    }
}

/// Adds everything that would keep a sync from its start, and returns the region of the base credentials, if one is known.
///
/// With `ask_instance` the instance may tell the region. Without, it is a warning that only the instance could.
pub(crate) async fn judge(loaded: &mut Loaded, dry_run: bool, ask_instance: bool) -> Option<String> {
    let (otel, warnings) = Otel::from_process();
    loaded.warnings.extend(warnings);
    let wants_traces = loaded.config.as_ref().is_ok_and(|config| config.kafka.traceparent);
    if wants_traces && otel.traces.is_none() {
        loaded.warnings.push(
            "kafka.traceparent has no effect: no variable of OpenTelemetry asks for traces; set OTEL_EXPORTER_OTLP_ENDPOINT"
                .to_owned(),
        );
    }
    if let Some(diagnostic) = loaded.missing_brokers().filter(|_| !dry_run) {
        loaded.add(diagnostic);
    }
    let asks_chain = !loaded.has("access_key_id");
    let trust = network(loaded, asks_chain).await;
    if !dry_run {
        loaded.judge_client(client::refusal_of_all);
    }
    let set = loaded.config.as_ref().ok().and_then(|config| {
        let first = config.regions.first();
        config.default_region.clone().or_else(|| first.cloned())
    });
    let is_diagnosed = loaded.config.is_err() && (loaded.has("default_region") || loaded.has("regions"));
    if set.is_some() || is_diagnosed {
        return set;
    }
    let asks = ask_instance && loaded.config.is_ok();
    let region = default_region(asks, &trust).await;
    match &region {
        Some(region) => {
            // What AWS's chain tells is checked like default_region, since it becomes part of a host name.
            if let Some((reason, way_out)) = region_fault(region) {
                let origin = "AWS's default region chain".to_owned();
                loaded.add(Diagnostic { reason, way_out, origin, ..no_region() });
            }
        }
        None if environment::has_metadata() && !asks => loaded.warnings.push(format!(
            "{}; only the metadata of an instance could tell it, which is asked when a sync starts",
            no_region()
        )),
        None => loaded.add(no_region()),
    }
    region
}

/// Checks AWS's own variables and profile. A mistake in them could lead to another account or endpoint than the one meant. With
/// `asks_chain` AWS's chain is to provide credentials.
pub(crate) async fn network(loaded: &mut Loaded, asks_chain: bool) -> Trust {
    let issues = aws::issues(asks_chain).await;
    let trust = Trust::load().await;
    // A configuration file that cannot be read stands in the way of both.
    let untrusted = trust.as_ref().err().filter(|error| !issues.contains(error)).cloned();
    issues.into_iter().chain(untrusted).for_each(|issue| loaded.add(issue));
    trust.unwrap_or_default()
}

pub(crate) fn report_errors(diagnostics: &[Diagnostic]) -> ExitCode {
    for diagnostic in diagnostics {
        complain(&format!("error: {diagnostic}"));
    }
    ExitCode::from(USAGE)
}

fn no_region() -> Diagnostic {
    Diagnostic {
        key: "default_region".to_owned(),
        origin: "not set".to_owned(),
        reason: "no region is known, and AWS's default region chain (AWS_REGION, the profile, the instance) has none"
            .to_owned(),
        way_out: "set default_region, as in --set default_region=eu-central-1, or AWS_REGION".to_owned(),
    }
}
