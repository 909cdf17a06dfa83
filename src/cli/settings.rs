//! Settings for a command: loads them, adds what the command needs, and reports all errors at once.

use std::process::ExitCode;

use ecs_sdm_producer::aws::environment;
use ecs_sdm_producer::aws::region::default_region;
use ecs_sdm_producer::aws::trust::Trust;
use ecs_sdm_producer::config::{Config, Diagnostic, Loaded, Sources, load};
use ecs_sdm_producer::kafka::client;

use super::{SettingsArgs, USAGE, complain, warn};

/// Loads the settings. librdkafka checks its own properties.
pub(crate) fn read(settings: &SettingsArgs) -> Loaded {
    let mut loaded = load(&Sources::from_process(settings.config.clone(), settings.set.clone()));
    loaded.judge_properties(client::refusal);
    loaded
}

/// The settings of a sync, and the region of the base credentials.
///
/// The default region chain reads the environment and the profile. It asks the instance's metadata only if nothing else is wrong.
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
    let is_diagnosed = loaded.has("default_region") || loaded.has("regions");
    let region = match set {
        Some(region) => Some(region),
        None if is_diagnosed => None,
        None => default_region(loaded.config.is_ok(), &trust).await,
    };
    // A region from AWS's chain is checked like default_region, since it becomes part of a host name.
    let is_label = |region: &str| region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match &region {
        Some(region) if !is_label(region) => {
            loaded.add(Diagnostic { reason: format!("{region:?} is not a region"), ..no_region() });
        }
        None if !is_diagnosed => loaded.add(no_region()),
        _ => {}
    }
    loaded.warnings.iter().for_each(|warning| warn(warning));
    match (loaded.config, region) {
        (Ok(config), Some(region)) => Ok((config, region)),
        (Err(diagnostics), _) => Err(report_errors(&diagnostics)),
        (Ok(_), None) => Err(report_errors(&[no_region()])),
    }
}

/// Checks AWS's own variables and profile. A mistake in them could lead to another account or endpoint than the one meant.
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
