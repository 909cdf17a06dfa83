//! What is wrong in AWS.

use ecs_sim::Fault;
use kit::REGION;

use super::{Case, NOT_ENABLED, broken, closed};
use crate::online::setup::{EXTERNAL_ID, ROLE, Setup};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "keys that AWS does not know",
            |setup| {
                setup.variables.insert("AWS_SESSION_TOKEN".to_owned(), "nobody".to_owned());
                broken("identity", "", "see access_key_id and secret_access_key")
            },
            |setup| _ = setup.variables.remove("AWS_SESSION_TOKEN")
        ),
        case!(
            "a role that wants more",
            |setup| {
                setup.unset("external_id");
                broken("role", ROLE.as_str(), "set external_id")
            },
            |setup| setup.set("external_id", EXTERNAL_ID)
        ),
        case!(
            "an action",
            |setup| {
                denied(setup, "DescribeTasks");
                broken("action", "DescribeTasks", "allow ecs:DescribeTasks")
            },
            |setup| released(setup)
        ),
        case!(
            "the action that others build on",
            |setup| {
                denied(setup, "ListClusters");
                broken("action", "ListClusters", "allow ecs:ListClusters")
            },
            |setup| released(setup)
        ),
        case!(
            "two actions",
            |setup| {
                denied(setup, "ListTaskDefinitions");
                denied(setup, "DescribeTaskDefinition");
                let both = ["ListTaskDefinitions", "DescribeTaskDefinition"];
                both.iter().flat_map(|action| broken("action", *action, "allow ecs:")).collect()
            },
            |setup| released(setup)
        ),
        case!(
            "a region that is not enabled",
            |setup| {
                setup.set("regions", &format!("{REGION},{NOT_ENABLED}"));
                broken("region", NOT_ENABLED, "take it out of the settings")
            },
            |setup| setup.unset("regions")
        ),
        case!(
            "an endpoint where nobody is",
            |setup| {
                setup.variables.insert("AWS_ENDPOINT_URL_ECS".to_owned(), format!("http://{}", closed()));
                broken("region", REGION, "ListClusters: Connection: ")
            },
            |setup| _ = setup.variables.remove("AWS_ENDPOINT_URL_ECS")
        ),
    ]
}

fn denied(setup: &mut Setup, action: &str) {
    setup.faults.push(setup.simulator.fault(Fault::access_denied(action)));
}

fn released(setup: &mut Setup) {
    setup.faults.iter().for_each(ecs_sim::FaultHandle::release);
}
