//! The real program, and what came of it.

use std::process::{Command, Output};

use ecs_sim::Simulator;

use crate::{REGION, folders};

/// The program, in an environment that holds nothing but what a test gives.
pub fn program(simulator: Option<&Simulator>) -> Command {
    let mut command = Command::new(folders::profile().join("ecs-sdm-producer"));
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    if let Some(simulator) = simulator {
        command
            .env("AWS_ENDPOINT_URL", simulator.endpoint())
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", REGION);
    }
    command
}

/// The exit code of a program that ended by itself.
pub fn code(output: &Output) -> i32 {
    output.status.code().expect("the program ended by itself")
}

/// What a program has written, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
