//! `plan`: what a sync would take. It lists, and does not describe.

use std::process::ExitCode;

use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::plan::Plan;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::Sink;
use tokio::runtime::Builder;

use super::process::CommandRuntime;
use super::{PlanArgs, ReportFormat, complain, print_json, print_then, settings};

/// Prints the plan. A type that cannot be listed as a whole makes the exit code 1.
pub(crate) fn plan(args: &PlanArgs) -> ExitCode {
    let runtime = match CommandRuntime::new(Builder::new_multi_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    runtime.block_on(async {
        let (config, region) = match settings::for_sync(&args.settings, true).await {
            Ok(read) => read,
            Err(code) => return code,
        };
        let _logs = args.logs.start(&config);
        let mut engine = Engine::dry(config.clone(), region);
        let run = engine.start(Sink::Count);
        let handle = run.handle();
        let report = Box::pin(run.finish()).await;
        let plan = Plan::new(&config, &report, &handle.planned(), handle.latency());
        if let Some(reason) = &report.stop_reason {
            complain(&format!("error: {reason}"));
        }
        let code = match report.outcome {
            Outcome::Completed => 0,
            _ if handle.has_reached_aws() => 1,
            _ => 2,
        };
        let code = ExitCode::from(code);
        match args.report {
            ReportFormat::Text => print_then(plan.text().as_bytes(), code),
            ReportFormat::Json => print_json(&plan, "plan", code),
        }
    })
}
