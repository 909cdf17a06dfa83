//! Faults of the connection, of bodies and of whole answers, as a client meets them.

use std::io;
use std::time::{Duration, Instant};

use ecs_sim::{Chaos, Effect, Fault, Simulator, World};
use serde_json::{Value, json};

use super::Client;

const ALL: &str = r#"{"maxResults":100}"#;

fn start(world: World) -> (Simulator, Client) {
    let simulator = Simulator::start(world).expect("a simulator");
    let client = Client::connect(&simulator);
    (simulator, client)
}

#[test]
fn a_reset_is_not_a_close() {
    let (simulator, mut client) = start(World::default());
    let reset = simulator.fault(Fault::reset("ListClusters").times(1));
    let error = client.ecs("ListClusters", ALL).expect_err("no answer");
    assert_eq!((error.kind(), reset.met()), (io::ErrorKind::ConnectionReset, 1));
    simulator.fault(Fault::new("ListServices", Effect::Close));
    let mut client = Client::connect(&simulator);
    let error = client.ecs("ListServices", ALL).expect_err("no answer");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(Client::connect(&simulator).ecs("ListClusters", ALL).expect("an answer").0, 200);
}

#[tokio::test]
async fn a_hanging_request_ends_with_its_client() {
    let (simulator, mut client) = start(World::default());
    let hang = simulator.fault(Fault::hang("ListClusters"));
    client.send_ecs("ListClusters", ALL).expect("sent");
    hang.wait_met(1).await;
    assert_eq!(simulator.counters().ecs_in_flight, 1);
    drop(client);
    let until = Instant::now() + Duration::from_secs(60);
    while simulator.counters().ecs_in_flight > 0 {
        assert!(Instant::now() < until, "the simulator does not see its client go");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // One that hangs for ever does not keep the simulator from its end.
    let mut client = Client::connect(&simulator);
    client.send_ecs("ListClusters", ALL).expect("sent");
    hang.wait_met(2).await;
    drop(simulator);
    assert!(client.answer().is_err());
}

#[test]
fn a_slow_body_comes_after_its_head_and_whole() {
    let (simulator, mut client) = start(World::default());
    let whole = client.ecs("ListClusters", ALL).expect("an answer").2;
    let pause = Duration::from_millis(5);
    simulator.fault(Fault::slow("ListClusters", pause).times(1));
    let begun = Instant::now();
    assert_eq!(client.ecs("ListClusters", ALL).expect("an answer").2, whole);
    assert!(begun.elapsed() >= pause * 8);
    simulator.fault(Fault::slow("ListClusters", Duration::from_secs(3_600)));
    client.send_ecs("ListClusters", ALL).expect("sent");
    let head = client.head().expect("a head, long before the body");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains(&format!("content-length: {}", whole.len())), "{head}");
}

#[test]
fn refusals_are_those_of_the_api_or_of_a_load_balancer() {
    let (simulator, mut client) = start(World::default());
    for (fault, status, code) in [
        (Fault::expired_token("ListClusters"), 400, "ExpiredTokenException"),
        (Fault::cluster_not_found("ListClusters"), 400, "ClusterNotFoundException"),
        (Fault::server_error("ListClusters"), 500, "ServerException"),
        (Fault::throttling("ListClusters"), 400, "ThrottlingException"),
    ] {
        simulator.fault(fault.times(1));
        let (seen, head, body) = client.ecs("ListClusters", ALL).expect("an answer");
        assert_eq!((seen, simulator.counters().errors[code]), (status, 1));
        assert!(head.contains(code) && body.contains(code), "{head}{body}");
    }
    simulator.fault(Fault::unavailable("ListClusters").times(1));
    let (status, head, body) = client.ecs("ListClusters", ALL).expect("an answer");
    assert!(head.contains("text/plain") && !head.contains("x-amzn"), "{head}");
    assert!(status == 503 && serde_json::from_str::<Value>(&body).is_err(), "{body}");
    assert_eq!(simulator.counters().errors["ServiceUnavailable"], 1);
    assert_eq!(client.ecs("ListClusters", ALL).expect("an answer").0, 200);
}

#[test]
fn answers_lack_objects_and_lists_go_round() {
    let (simulator, mut client) = start(World::default());
    let mut ask = |action: &str, input: &Value| -> Value {
        serde_json::from_str(&client.ecs(action, &input.to_string()).expect("an answer").2).expect("JSON")
    };
    let arns = ask("ListClusters", &json!({"maxResults": 100}))["clusterArns"].clone();
    let describe = json!({"clusters": arns, "include": ["TAGS"]});
    simulator.fault(Fault::drop_objects("DescribeClusters", 2).times(1));
    simulator.fault(Fault::fail("DescribeClusters", "OTHER").times(1));
    for (present, failures) in [(1, 0), (2, 1), (3, 0)] {
        let answer = ask("DescribeClusters", &describe);
        let length = |member: &str| answer[member].as_array().map(Vec::len);
        assert_eq!((length("clusters"), length("failures")), (Some(present), Some(failures)), "{answer}");
    }
    assert_eq!(simulator.counters().items["DescribeClusters"], 6);

    // Met once, at the first page or at another: a client that follows tokens meets one twice.
    for skip in [0, 1] {
        simulator.fault(Fault::repeat_token("ListTaskDefinitions").skip(skip).times(1));
        let (mut tokens, mut input) = (Vec::new(), json!({"maxResults": 10}));
        let repeated = loop {
            let token = ask("ListTaskDefinitions", &input)["nextToken"].clone();
            if token.is_null() || tokens.contains(&token) {
                break token;
            }
            input["nextToken"] = token.clone();
            tokens.push(token);
        };
        assert_eq!((repeated.is_string(), tokens.len()), (true, 1), "after {skip}");
    }
    assert_eq!(simulator.counters().breaches, Vec::<String>::new());
}

#[test]
fn a_schedule_is_met_and_counted() {
    let chaos = Chaos {
        seed: 1,
        permille: 1_000,
        effects: vec![Effect::Unavailable],
        actions: vec!["ListClusters".to_owned()],
        most: Some(2),
    };
    let (simulator, mut client) = start(World { chaos: Some(chaos), ..World::default() });
    // A fault on demand goes first.
    simulator.fault(Fault::access_denied("ListClusters").times(1));
    let statuses: Vec<_> = (0..4).map(|_| client.ecs("ListClusters", ALL).expect("an answer").0).collect();
    assert_eq!(statuses, [400, 503, 503, 200]);
    assert_eq!(simulator.counters().chaos, [("unavailable".to_owned(), 2)].into());
}
