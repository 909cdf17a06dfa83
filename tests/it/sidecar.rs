//! `run` with an interval: the real program, its schedule, its health server, and its stops.

mod health;
mod page;
mod schedule;
mod starts;
mod stops;
mod systemd;

use ecs_sim::{Fault, Simulator, World};
use kit::broker;
use kit::program::program;
use kit::settings::unique;
use kit::sidecar::Sidecar;
use kit::sync::SHAPE;
use serde_json::Value;

fn simulator() -> Simulator {
    Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap()
}

/// A sidecar on the shared broker, with these settings too.
fn sidecar(simulator: &Simulator, test: &str, settings: &[(&str, &str)]) -> Sidecar {
    Sidecar::on_shared_broker(program(Some(simulator)), test, settings)
}

/// The types of a status or report, by object.
fn of<'a>(report: &'a Value, object: &str) -> &'a Value {
    report["types"].as_array().unwrap().iter().find(|one| one["object"] == object).unwrap()
}
