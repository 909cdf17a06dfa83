//! Many roles in many regions: right tallies for each, whatever becomes of the others, and one AssumeRole per role and session.

use std::collections::BTreeMap;
use std::time::Duration;

use ecs_sdm_producer::config::{Config, RoleConfig};
use ecs_sdm_producer::report::State::{self, Complete, Denied, Partial};
use ecs_sdm_producer::report::{Outcome, Report, TypeReport};
use ecs_sim::{Fault, Refusal, RoleRule, Shape, Simulator, World};
use kit::dry::Dry;
use kit::judgement::{assert_landed, assert_landed_as_reported};
use kit::settings::{account, config, config_on_kafka, role};
use kit::sync::sync;
use kit::{OBJECTS, REGION};

const SHAPE: Shape =
    Shape { clusters: 2, services: 3, tasks: 5, stopped_tasks: 0, task_definitions: 2, inactive_clusters: 0 };

/// How one role fails, and what that makes of clusters, services, tasks and task definitions.
struct Way {
    says: &'static str,
    states: [State; 4],
    rule: Option<RoleRule>,
    fault: Option<fn(usize) -> Fault>,
    /// AssumeRole requests.
    assumed: u64,
}

fn ways() -> Vec<Way> {
    let sts = |says, rule: RoleRule| Way { says, states: [Denied; 4], rule: Some(rule), fault: None, assumed: 1 };
    let ecs = |says, states, fault| Way { says, states, rule: None, fault: Some(fault), assumed: 1 };
    let refusal = |status, code: &str, message: &str| RoleRule {
        refusal: Some(Refusal::new(status, code, message)),
        ..RoleRule::default()
    };
    vec![
        sts("AssumeRole: AccessDenied: ", RoleRule { refused: true, ..RoleRule::default() }),
        sts("AssumeRole: AccessDenied: ", RoleRule { external_id: Some("theirs".to_owned()), ..RoleRule::default() }),
        sts(
            "lower it to the role's MaxSessionDuration",
            RoleRule { max_session_duration: Some(900), ..RoleRule::default() },
        ),
        sts("RegionDisabledException", refusal(403, "RegionDisabledException", "STS is not activated in this region")),
        Way {
            assumed: 3,
            ..sts("AssumeRole: InternalFailure: ", refusal(500, "InternalFailure", "try again, in vain"))
        },
        Way {
            states: [Complete; 4],
            assumed: 3,
            rule: None,
            fault: Some(|n| Fault::throttling("AssumeRole").role(&role(n)).times(2)),
            ..sts("", RoleRule::default())
        },
        ecs("ListClusters: AccessDeniedException: ", [Denied, Denied, Denied, Complete], |n| {
            Fault::access_denied("ListClusters").account(&account(n))
        }),
        ecs("ListTasks: ServerException: ", [Complete, Complete, Partial, Complete], |n| {
            Fault::refuse("ListTasks", 500, "ServerException", "down").account(&account(n))
        }),
        ecs("DescribeTaskDefinition: AccessDeniedException: ", [Complete, Complete, Complete, Denied], |n| {
            Fault::access_denied("DescribeTaskDefinition").account(&account(n))
        }),
        ecs("", [Complete; 4], |n| Fault::throttling("DescribeServices").account(&account(n)).times(2)),
    ]
}

/// Roles of which every tenth fails, each in the next of the ways.
struct Roles {
    simulator: Simulator,
    config: Config,
    ways: Vec<Way>,
    count: usize,
}

impl Roles {
    /// `first` is the way in which the first of them fails.
    fn new(test: &str, count: usize, regions: &[&str], first: usize) -> Self {
        let mut ways = ways();
        ways.rotate_left(first);
        let failing = (0..count).filter(|n| n % 10 == 3);
        let rules = failing.clone().filter_map(|n| Some((role(n), ways[n / 10 % ways.len()].rule.clone()?)));
        let world = World { shape: SHAPE, roles: rules.collect(), ..World::default() };
        let simulator = Simulator::start(world).unwrap();
        for n in failing {
            if let Some(fault) = ways[n / 10 % ways.len()].fault {
                drop(simulator.fault(fault(n)));
            }
        }
        let mut config = config_on_kafka(&simulator, test);
        config.assume_role_arns = (0..count).map(role).collect();
        config.regions = regions.iter().map(|region| (*region).to_owned()).collect();
        config.external_id = Some("ours".to_owned());
        config.maximum_retries = 2;
        Self { simulator, config, ways, count }
    }

    fn way(&self, n: usize) -> Option<&Way> {
        (n % 10 == 3).then(|| &self.ways[n / 10 % self.ways.len()])
    }

    /// Every type of every role and region, with its state, reason and counts, and every record.
    fn assert(&self, report: &Report) {
        let counters = self.simulator.counters();
        assert_eq!(counters.breaches, Vec::<String>::new());
        assert!(counters.in_flight_peak <= self.config.parallel_requests as u64, "STS counts too");
        assert_eq!(report.types.len(), self.count * self.config.regions.len() * 4);
        let types: BTreeMap<(&str, &str, &str), &TypeReport> = report
            .types
            .iter()
            .map(|one| ((one.account.as_deref().unwrap(), one.region.as_deref().unwrap(), one.object), one))
            .collect();
        let counts = [SHAPE.clusters, SHAPE.services, SHAPE.tasks, SHAPE.task_definitions];
        for n in 0..self.count {
            let (arn, account) = (role(n), account(n));
            let states = self.way(n).map_or([Complete; 4], |way| way.states);
            for region in &self.config.regions {
                for ((object, state), count) in OBJECTS.iter().zip(states).zip(counts) {
                    let one = types[&(account.as_str(), region.as_str(), *object)];
                    assert_eq!((one.state, one.role.as_ref()), (state, Some(&arn)), "{one:?}");
                    if state == Complete {
                        assert_eq!(
                            (one.counts.asked, one.counts.described, one.counts.acknowledged, one.counts.failed),
                            (count, count, count, 0)
                        );
                    } else {
                        assert_eq!((one.counts.described, one.counts.acknowledged), (0, 0), "{one:?}");
                        let says = self.way(n).unwrap().says;
                        assert!(one.error.as_ref().unwrap().contains(says), "{one:?}");
                    }
                }
            }
            let assumed = self.way(n).map_or(1, |way| way.assumed);
            assert_eq!(counters.roles[&arn].calls, assumed, "{arn}: one AssumeRole, and its retries");
        }
        let accounts: Vec<String> = (0..self.count).map(account).collect();
        let scopes: Vec<(&str, &str, &str)> = accounts
            .iter()
            .flat_map(|account| self.config.regions.iter().map(move |region| (&**account, &**region, "/reader")))
            .collect();
        assert_landed_as_reported(self.simulator.world(), &self.config, report, &scopes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_roles_of_which_a_tenth_fails() {
    let roles = Roles::new("five-hundred", 500, &[REGION], 0);
    let report = sync(&roles.config).await;
    assert_eq!(report.outcome, Outcome::Partial);
    roles.assert(&report);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_roles_in_seventeen_regions_of_which_a_tenth_fails() {
    let regions: Vec<String> = (1..=17).map(|n| format!("eu-test-{n}")).collect();
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    // Five fail: in the ways of ECS, in all their regions.
    let roles = Roles::new("fifty", 50, &regions, 5);
    let report = sync(&roles.config).await;
    assert_eq!(report.outcome, Outcome::Partial);
    roles.assert(&report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_not_enabled_is_denied_and_costs_its_role_one_more_session() {
    let regions = ["eu-west-1", "ap-east-1", "eu-west-1", "me-south-1", "us-east-1"];
    let disabled = ["ap-east-1", "me-south-1"].map(str::to_owned).into();
    let simulator = Simulator::start(World { shape: SHAPE, disabled_regions: disabled, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "disabled");
    config.assume_role_arns = vec![role(0)];
    config.roles =
        vec![RoleConfig { arn: role(1), regions: regions.map(str::to_owned).to_vec(), ..RoleConfig::default() }];
    config.regions = vec!["us-east-1".to_owned(), "us-east-1".to_owned()];
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    assert_eq!(report.types.len(), 4 * (1 + 4), "a region given twice is read once");
    for one in &report.types {
        let expected =
            if ["ap-east-1", "me-south-1"].contains(&one.region.as_deref().unwrap()) { Denied } else { Complete };
        assert_eq!(one.state, expected, "{one:?}");
        if expected == Denied {
            let error = one.error.as_ref().unwrap();
            assert!(error.contains("UnrecognizedClientException") && error.contains("not enabled"), "{error}");
        }
    }
    let counters = simulator.counters();
    assert_eq!((counters.roles[&role(0)].calls, counters.roles[&role(1)].calls), (1, 2));
    let scopes = [(0, "us-east-1"), (1, "us-east-1"), (1, "eu-west-1"), (1, "ap-east-1"), (1, "me-south-1")];
    let scopes = scopes.map(|(n, region)| (account(n), region));
    let scopes: Vec<(&str, &str, &str)> = scopes.iter().map(|(id, region)| (&**id, *region, "/reader")).collect();
    assert_landed_as_reported(simulator.world(), &config, &report, &scopes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_hangs_lets_others_pass_between_its_tries_even_with_one_request_at_a_time() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "hanging-role");
    config.assume_role_arns = (0..4).map(role).collect();
    config.parallel_requests = 1;
    config.maximum_retries = 1;
    config.limits.attempt_timeout = Duration::from_secs(10);
    let gate = simulator.fault(Fault::hold("AssumeRole").role(&role(0)));
    let second_try = async {
        gate.wait_met(2).await;
        simulator.counters().calls["AssumeRole"]
    };
    let (report, assumed) = tokio::join!(sync(&config), second_try);
    assert!(assumed >= 5, "those that waited went first: {assumed}");
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    for one in &report.types {
        let expected = if one.role == Some(role(0)) { Denied } else { Complete };
        assert_eq!(one.state, expected, "{one:?}");
    }
    assert_eq!(simulator.counters().roles[&role(0)].calls, 2, "maximum_retries hold for STS too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clusters_of_a_scope_are_listed_side_by_side() {
    let shape = Shape { clusters: 20, tasks: 20, ..Shape::empty() };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "side-by-side");
    config.objects = vec!["EcsTask".to_owned()];
    // One after the other, the first list would fail before the second is asked for.
    config.maximum_retries = 0;
    let gate = simulator.fault(Fault::hold("ListTasks"));
    let release = async {
        gate.wait_met(config.parallel_requests as u64).await;
        gate.release();
    };
    let (report, ()) = tokio::join!(sync(&config), release);
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_eq!(simulator.counters().calls["ListTasks"], 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_again_and_what_is_odd_lands_once_and_whole() {
    let world = World {
        shape: Shape {
            clusters: 130,
            services: 260,
            tasks: 900,
            stopped_tasks: 200,
            task_definitions: 130,
            inactive_clusters: 0,
        },
        repeat_every: Some(1),
        list_twice_every: Some(3),
        twin_services: true,
        large_task_definition_every: Some(13),
        ..World::default()
    };
    let simulator = Simulator::start(world).unwrap();
    let mut config = config_on_kafka(&simulator, "odd");
    config.operation_options.ecs_task.fetch_stopped_tasks = true;
    config.page_size = 4;
    let restarted = Fault::refuse("ListTaskDefinitions", 400, "InvalidParameterException", "Invalid token.");
    drop(simulator.fault(restarted.skip(20).times(1)));
    let report = sync(&config).await;
    let items = simulator.counters().items;
    assert!(items["ListClusters"] > 130 && items["ListTasks"] > 1_100 && items["ListTaskDefinitions"] > 130 + 60);
    assert_landed(simulator.world(), &config, &report, &[("111111111111", REGION, "")]);
    let shared = simulator.world().services("111111111111", REGION).fold(BTreeMap::new(), |mut arns, service| {
        *arns.entry(service["serviceArn"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        arns
    });
    assert!(shared.values().filter(|count| **count == 2).count() > 10, "services share short ARNs");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_causes_of_a_whole_sync_are_bounded_and_each_type_has_its_reason() {
    let simulator = Simulator::start(World { shape: Shape { clusters: 6, ..SHAPE }, ..World::default() }).unwrap();
    for action in ["ListServices", "ListTasks"] {
        simulator.fault(Fault::refuse(action, 400, "ClientException", "it is not to be"));
    }
    let mut config = config(&simulator);
    config.regions = (0..10).map(|number| format!("region-{number}")).collect();
    config.limits.issues = 15;
    let report = Dry::run(&config).await.report;
    let incomplete: Vec<&TypeReport> = report.types.iter().filter(|one| one.state != Complete).collect();
    assert_eq!(incomplete.len(), 20, "services and tasks of ten regions: {}", report.text());
    for one in &incomplete {
        assert!(one.error.as_ref().is_some_and(|error| error.contains("it is not to be")), "{one:?}");
    }
    // Without the bound there would be one for each cluster: 120.
    let causes: usize = incomplete.iter().map(|one| one.causes.len()).sum();
    assert_eq!(causes, 20 + 15, "one of each type, and as many more as the sync keeps");
}
