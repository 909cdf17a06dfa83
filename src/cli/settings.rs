//! Settings for a command: loaded, completed with what the command needs, and all mistakes said at once.

use std::process::ExitCode;

use ecs_sdm_producer::aws::environment;
use ecs_sdm_producer::aws::region::default_region;
use ecs_sdm_producer::aws::trust::Trust;
use ecs_sdm_producer::config::{Config, Diagnostic, Loaded, Sources, load};
use ecs_sdm_producer::kafka::client;

use super::{SettingsArgs, USAGE, complain};

/// Loads the settings as they are; librdkafka judges its own properties.
pub(crate) fn read(settings: &SettingsArgs) -> Loaded {
    let mut loaded = load(&Sources::from_process(settings.config.clone(), settings.set.clone()));
    loaded.judge_properties(client::refusal);
    loaded
}

/// The settings of a sync, and the region of the base credentials.
///
/// The default region chain reads the environment and the profile; it asks the instance's metadata only when nothing else is wrong.
pub(crate) async fn for_sync(settings: &SettingsArgs, dry_run: bool) -> Result<(Config, String), ExitCode> {
    let mut loaded = read(settings);
    if let Some(diagnostic) = loaded.missing_brokers().filter(|_| !dry_run) {
        loaded.add(diagnostic);
    }
    let trust = network(&mut loaded).await;
    let set = loaded.config.as_ref().ok().and_then(|config| {
        let first = config.regions.first();
        config.default_region.clone().or_else(|| first.cloned())
    });
    let region = match set {
        Some(region) => Some(region),
        None if loaded.has("default_region") || loaded.has("regions") => None,
        None => default_region(loaded.config.is_ok(), &trust).await,
    };
    // What default_region is checked for, a region from AWS's chain has to be too: it becomes part of a host name.
    let is_label = |region: &String| region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if let Some(issues) = region.as_ref().filter(|region| !is_label(region)) {
        loaded.add(Diagnostic { reason: format!("{issues:?} is not a region"), ..no_region() });
    }
    if region.is_none() && !loaded.has("default_region") && !loaded.has("regions") {
        loaded.add(no_region());
    }
    for warning in &loaded.warnings {
        warn(warning);
    }
    match (loaded.config, region) {
        (Ok(config), Some(region)) => Ok((config, region)),
        (Err(diagnostics), _) => Err(report_errors(&diagnostics)),
        (Ok(_), None) => Err(report_errors(&[no_region()])),
    }
}

/// What AWS's own variables and profile say of who we are and of the way to AWS: a mistake there would lead to others than those
/// meant.
pub(crate) async fn network(loaded: &mut Loaded) -> Trust {
    for environment::EnvironmentIssue { key, origin, reason, way_out } in environment::issues().await {
        loaded.add(Diagnostic { key: key.to_owned(), origin: origin.to_owned(), reason, way_out: way_out.to_owned() });
    }
    Trust::load().await.unwrap_or_else(|error| {
        loaded.add(Diagnostic {
            key: error.key.to_owned(),
            origin: error.origin.to_owned(),
            reason: error.to_string(),
            way_out: "name a file of certificates in PEM, or unset it to trust those of this system".to_owned(),
        });
        Trust::default()
    })
}

/// Says every mistake in a line of its own.
pub(crate) fn report_errors(diagnostics: &[Diagnostic]) -> ExitCode {
    for diagnostic in diagnostics {
        complain(&format!("error: {diagnostic}"));
    }
    ExitCode::from(USAGE)
}

/// Warnings come before the logs are set up, whose format is itself a setting.
fn warn(warning: &str) {
    complain(&format!("warning: {warning}"));
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
