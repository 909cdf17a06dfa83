//! Tokens that end while a sync runs: they are renewed, and what cannot be renewed is told by its setting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::{Config, Mechanism, Rate, SecurityProtocol};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Fault, Shape, Simulator, World};
use kit::secured::Listener;
use kit::settings::{config, on_broker};
use kit::token_endpoint::{Answers, Reply, TokenEndpoint};
use kit::topic::{admin, read};
use kit::truth::truth;
use kit::wait::wait_until;
use kit::{ACCOUNT, OBJECTS, REGION};
use rdkafka::admin::AdminOptions;

use super::{any, oauth_of, secured};

/// How long a token lives. Sessions of the listener end before it, and begin anew.
const LIFE: Duration = Duration::from_secs(10);

/// How long after its end a token that cannot be renewed may be told of.
const TOLD: Duration = Duration::from_secs(10);

/// A sync that reads so slowly that tokens end meanwhile: two calls of tasks in each second.
struct Slow {
    world: World,
    simulator: Simulator,
    endpoint: Arc<TokenEndpoint>,
    config: Config,
}

impl Slow {
    fn new(tasks: u64) -> Self {
        let shape = Shape { clusters: 3, services: 6, tasks, stopped_tasks: 0, ..Shape::small() };
        let world = World { shape, ..World::default() };
        let simulator = Simulator::start(world.clone()).unwrap();
        let endpoint = Arc::new(TokenEndpoint::https(Answers { life: LIFE, ..any() }));
        let servers = secured().at(Listener::OauthUnsecured);
        let mut config = on_broker(config(&simulator), &servers, "renewed");
        config.page_size = 5;
        config.rates.cluster_resource_read = Rate { burst: 1, per_second: 2 };
        let security = &mut config.kafka.security;
        security.protocol = SecurityProtocol::SaslPlaintext;
        security.mechanism = Some(Mechanism::OauthBearer);
        security.oauth = oauth_of(&endpoint);
        Self { world, simulator, endpoint, config }
    }

    fn engine(&self) -> Engine {
        Engine::new(self.config.clone(), REGION.to_owned()).unwrap()
    }

    /// Waits until the endpoint has answered so often with this status.
    async fn answered(&self, status: u16, times: usize) {
        let endpoint = Arc::clone(&self.endpoint);
        let answered = move || endpoint.asked().iter().filter(|asked| asked.status == Some(status)).count() >= times;
        wait(format!("{times} answers {status}"), answered).await;
    }

    /// Everything is on its topic once for each sync since the topic was made.
    fn assert_landed(&self, report: &Report, syncs: [usize; 4]) {
        assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
        for (object, syncs) in OBJECTS.iter().zip(syncs) {
            let there = truth(&self.world, object, ACCOUNT, REGION, false).len();
            let landed = read(&secured().at(Listener::Plaintext), &self.config.kafka.topic(object)).len();
            assert_eq!(landed, there * syncs, "{object}: {}", report.text());
        }
    }
}

/// The sync goes on meanwhile.
async fn wait(what: String, is_so: impl FnMut() -> bool + Send + 'static) {
    tokio::task::spawn_blocking(move || wait_until(&what, is_so)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_while_a_sync_runs_and_nothing_is_lost() {
    let slow = Slow::new(60);
    let mut engine = slow.engine();
    // Some of the tasks wait for the end of the third token.
    let last = slow.simulator.fault(Fault::hold("DescribeTasks").skip(10));
    let lives = async {
        slow.answered(200, 5).await;
        last.release();
    };
    let began = Instant::now();
    let (report, ()) = tokio::join!(engine.start(Sink::Kafka).finish(), lives);
    assert!(began.elapsed() > 3 * LIFE, "five tokens are three lives and more: {:?}", began.elapsed());
    slow.assert_landed(&report, [1; 4]);

    // The topic is made anew by an admin client, whose token is a later one.
    let topic = slow.config.kafka.topic("EcsCluster");
    admin(&secured().at(Listener::Plaintext)).delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
    let report = engine.start(Sink::Kafka).finish().await;
    slow.assert_landed(&report, [1, 2, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_renewed_is_told_soon_after_its_end() {
    let slow = Slow::new(200);
    let mut engine = slow.engine();
    let revoked = async {
        slow.answered(200, 1).await;
        let reply = Reply::json(401, r#"{"error":"invalid_client","error_description":"the secret was revoked"}"#);
        slow.endpoint.answer(|answers| answers.reply = reply);
        Instant::now()
    };
    let (report, got) = tokio::join!(engine.start(Sink::Kafka).finish(), revoked);
    let (took, said) = (got.elapsed(), report.text());
    assert!(took < LIFE + TOLD, "told after {took:?}: {said}");
    assert_eq!(report.outcome, Outcome::Failed, "{said}");
    let words = ["invalid_client: the secret was revoked", "kafka.security.oauth.client_secret", slow.endpoint.url()];
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} are not in: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_beyond_the_end_of_a_token_costs_nothing() {
    let slow = Slow::new(120);
    let mut engine = slow.engine();
    // The others come meanwhile.
    let last = slow.simulator.fault(Fault::hold("DescribeTasks").skip(20));
    let outage = async {
        slow.answered(200, 1).await;
        let got = Instant::now();
        slow.endpoint.answer(|answers| answers.reply = Reply::json(503, "{}"));
        wait("the token has ended".to_owned(), move || got.elapsed() > LIFE).await;
        // It was asked before the end of the token, and is asked after it.
        let before = slow.endpoint.asked().len() - 1;
        slow.answered(503, before + 1).await;
        slow.endpoint.answer(|answers| answers.reply = Reply::Token);
        slow.answered(200, 2).await;
        last.release();
        before
    };
    let (report, before) = tokio::join!(engine.start(Sink::Kafka).finish(), outage);
    assert!(before > 0, "a token is renewed before its end");
    slow.assert_landed(&report, [1; 4]);
}
