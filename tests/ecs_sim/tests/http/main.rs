//! The simulator over real sockets: keep-alive, counters, faults, throttling.

mod faults;
mod throttling;

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ecs_sim::{Fault, RoleRule, Simulator, World};

const REGION: &str = "eu-central-1";

/// A connection that is kept alive.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(simulator: &Simulator) -> Client {
        let stream = TcpStream::connect(simulator.endpoint().trim_start_matches("http://")).expect("a connection");
        // Without it the parts of a request would wait for acknowledgements.
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        Client(BufReader::new(stream))
    }

    fn ecs(&mut self, action: &str, body: &str) -> io::Result<(u16, String, String)> {
        self.send_ecs(action, body)?;
        self.answer()
    }

    fn send_ecs(&mut self, action: &str, body: &str) -> io::Result<()> {
        self.send("POST /", &format!("x-amz-target: AmazonEC2ContainerServiceV20141113.{action}\r\n"), body)
    }

    fn ask(&mut self, line: &str, headers: &str, body: &str) -> io::Result<(u16, String, String)> {
        self.send(line, headers, body)?;
        self.answer()
    }

    /// Sends a request, with further headers each ended by a line break.
    fn send(&mut self, line: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        write!(
            self.0.get_mut(),
            "{line} HTTP/1.1\r\nhost: localhost\r\nuser-agent: test app/it\r\n{headers}\
             authorization: AWS4-HMAC-SHA256 Credential=AKID/20261123/{REGION}/ecs/aws4_request, Signature=00\r\n\
             content-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n\r\n{body}",
        )
    }

    /// The head of one answer.
    fn head(&mut self) -> io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(head)
    }

    /// Status, head and body of one answer.
    fn answer(&mut self) -> io::Result<(u16, String, String)> {
        let head = self.head()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, head, String::from_utf8_lossy(&body).into_owned()))
    }
}

#[test]
fn answers_over_one_connection_and_counts() {
    let simulator = Simulator::start(World::default()).expect("a simulator");
    let mut client = Client::connect(&simulator);
    let (status, head, body) = client.ecs("ListClusters", r#"{"maxResults":2}"#).expect("an answer");
    assert_eq!((status, body.matches("cluster/").count()), (200, 2));
    assert!(head.contains("application/x-amz-json-1.1") && head.contains("x-amzn-requestid"), "{head}");
    let (status, head, body) = client.ecs("ListServices", "{}").expect("an answer");
    assert_eq!(
        (status, body.as_str()),
        (400, r#"{"__type":"ClusterNotFoundException","message":"Cluster not found."}"#)
    );
    assert!(head.contains("x-amzn-errortype: ClusterNotFoundException"), "{head}");
    let role = "arn:aws:iam::222222222222:role/reader";
    let form = format!("Action=AssumeRole&RoleArn={role}&RoleSessionName=s1&DurationSeconds=900&ExternalId=e1");
    let (status, head, body) = client.ask("POST /", "", &form).expect("an answer");
    assert_eq!(status, 200);
    assert!(head.contains("text/xml") && body.starts_with("<AssumeRoleResponse"), "{body}");
    let (status, _, body) = client.ask("POST /", "", "Action=AssumeRole").expect("an answer");
    assert_eq!(status, 400);
    assert!(body.contains("<Type>Sender</Type><Code>ValidationError</Code>"), "{body}");

    let counters = simulator.counters();
    assert_eq!(counters.calls_in("111111111111", REGION, "ListClusters"), 1);
    assert_eq!((counters.requests, counters.calls["AssumeRole"], counters.items["ListClusters"]), (4, 2, 2));
    assert_eq!((counters.in_flight, counters.in_flight_peak, counters.ecs_in_flight_peak), (0, 1, 1));
    assert_eq!((counters.breaches_seen, counters.breaches.len()), (1, 1));
    assert_eq!(counters.user_agent, "test app/it");
    let role = &counters.roles[role];
    assert_eq!(
        (role.calls, role.issued, role.duration_seconds.as_deref(), role.external_id.as_deref()),
        (1, 1, Some("900"), Some("e1"))
    );

    let (status, _, body) = client.ask("GET /counters", "", "").expect("an answer");
    let counters: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &counters["calls"]["ListClusters"]), (200, &serde_json::json!(1)));
}

#[tokio::test]
async fn faults_meet_the_requests_they_name() {
    let roles = [("arn:aws:iam::1:role/x".to_owned(), RoleRule::default())].into();
    let simulator = Simulator::start(World { roles, ..World::default() }).expect("a simulator");
    simulator.fault(Fault::throttling("ListClusters").region(REGION).skip(1).times(1));
    simulator.fault(Fault::access_denied("ListTasks").account("999999999999"));
    let mut client = Client::connect(&simulator);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.ecs("ListClusters", r#"{"maxResults":2}"#).expect("an answer").0);
    }
    assert_eq!((statuses, simulator.counters().throttles), (vec![200, 400, 200], 1));
    assert!(client.ecs("ListTasks", "{}").expect("an answer").2.contains("ClusterNotFound"), "another account");

    let close = simulator.fault(Fault::new("ListServices", ecs_sim::Effect::Close));
    assert!(client.ecs("ListServices", "{}").is_err());
    close.release();

    let gate = simulator.fault(Fault::hold("ListClusters"));
    let mut held = tokio::task::JoinSet::new();
    for mut client in [Client::connect(&simulator), Client::connect(&simulator)] {
        held.spawn_blocking(move || client.ecs("ListClusters", r#"{"maxResults":2}"#).expect("an answer").0);
    }
    gate.wait_met(2).await;
    assert_eq!((simulator.counters().ecs_in_flight, simulator.counters().ecs_in_flight_peak), (2, 2));
    gate.release();
    assert_eq!(held.join_all().await, [200, 200]);
    assert_eq!((gate.met(), simulator.counters().in_flight), (2, 0));
}

#[test]
fn a_fault_of_a_role_meets_that_role_alone() {
    let listen = ([127, 0, 0, 1], 0).into();
    let simulator = Simulator::start_with_threads(World::default(), listen, 1).expect("a simulator");
    let arn = |name: &str| format!("arn:aws:iam::222222222222:role/{name}");
    let fault = simulator.fault(Fault::refuse("AssumeRole", 500, "InternalFailure", "down").role(&arn("unlucky")));
    let mut client = Client::connect(&simulator);
    let mut assume = |name: &str| {
        let form = format!("Action=AssumeRole&RoleArn={}&RoleSessionName=s1", arn(name));
        client.ask("POST /", "", &form).expect("an answer").0
    };
    assert_eq!((assume("unlucky"), assume("lucky"), assume("unlucky")), (500, 200, 500));
    fault.release();
    assert_eq!((assume("unlucky"), fault.met()), (200, 2));
    let counters = simulator.counters();
    let issued = |name: &str| (counters.roles[&arn(name)].calls, counters.roles[&arn(name)].issued);
    assert_eq!((issued("unlucky"), issued("lucky")), ((3, 1), (1, 1)));
    assert_eq!((counters.calls["AssumeRole"], counters.errors["InternalFailure"]), (4, 2));
    assert_eq!((counters.items["AssumeRole"], counters.calls_in("111111111111", REGION, "AssumeRole")), (0, 4));
}
