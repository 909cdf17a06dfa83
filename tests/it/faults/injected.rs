//! Cells on librdkafka's mock cluster, for what a real broker does not do when it is asked: it answers the next produce requests with
//! errors. It appends nothing then.

use std::time::{Duration, Instant};

use ecs_sdm_producer::config::TopicsCreate;
use ecs_sdm_producer::report::Outcome::{self, Completed, Failed};
use kit::OBJECTS;
use kit::wait::wait_until;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey::Produce;
use rdkafka::types::RDKafkaRespErr::{
    self, RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER as DUPLICATE_SEQUENCE_NUMBER,
    RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH as INVALID_PRODUCER_EPOCH,
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS as NOT_ENOUGH_REPLICAS,
    RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER as OUT_OF_ORDER_SEQUENCE_NUMBER,
    RD_KAFKA_RESP_ERR_PRODUCER_FENCED as PRODUCER_FENCED, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as REQUEST_TIMED_OUT,
    RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID as UNKNOWN_PRODUCER_ID,
};

use super::judgement::Allowed;
use super::scene::{IN_FLIGHT, PAUSE, Scene};
use super::{Cell, Line};

/// A broker and a producer that do not agree on what came last.
const OUT_OF_ORDER: &[RDKafkaRespErr] = &[OUT_OF_ORDER_SEQUENCE_NUMBER];

pub(super) const CELLS: &[Cell<()>] = &[
    ("out of order sequence", |(), cell| renewed(cell, &[OUT_OF_ORDER])),
    ("out of order, three times", |(), cell| renewed(cell, &[OUT_OF_ORDER; 3])),
    ("out of order, four times", failed),
    ("out of order, answers late", answered_late),
    ("unknown producer id", unknown_producer),
    ("invalid producer epoch", |(), cell| renewed_by_itself(cell, &[INVALID_PRODUCER_EPOCH])),
    ("producer fenced", |(), cell| renewed_by_itself(cell, &[PRODUCER_FENCED])),
    ("not enough replicas, ten times", |(), cell| renewed_by_itself(cell, &[NOT_ENOUGH_REPLICAS; 10])),
    ("request timed out, ten times", |(), cell| renewed_by_itself(cell, &[REQUEST_TIMED_OUT; 10])),
    ("duplicate sequence number", without_offset),
];

/// How long a batch may take to be sent again.
const AGAIN: Duration = Duration::from_millis(300);

/// The broker that the cells are about.
const FIRST: i32 = 1;

/// A mock cluster with the topics of a scene: it makes none when it is asked to.
struct Mock {
    scene: Scene,
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mock {
    fn new(cell: &'static str) -> Self {
        let cluster = MockCluster::new(2).unwrap();
        // The first broker leads everything, and nobody else is asked first.
        let servers = cluster.bootstrap_servers();
        let scene = Scene::new(cell, servers.split(',').next().unwrap(), |config| {
            config.kafka.topics_create = TopicsCreate::Never;
            // The mock cluster keeps no sequence numbers: it takes the second of two requests in flight although it answered the first
            // with an error, and librdkafka then holds the first for written. A real broker refuses the second.
            config.kafka.properties.0.insert("max.in.flight".to_owned(), "1".to_owned());
        });
        let topics = OBJECTS.map(|object| (scene.topic(object), 3)).into_iter();
        for (topic, partitions) in topics.chain([(scene.config.kafka.sync_topic(), 1)]) {
            cluster.create_topic(&topic, partitions, 1).unwrap();
            (0..partitions).for_each(|partition| cluster.partition_leader(&topic, partition, Some(FIRST)).unwrap());
        }
        Self { scene, cluster }
    }

    /// A sync whose next produce requests are answered with each of the series of errors; the next once a producer was made anew.
    fn sync(&mut self, series: &[&[RDKafkaRespErr]]) {
        let cluster = &self.cluster;
        // So slowly that batches come for as long as there are errors to meet.
        let pause = if series.len() > 1 { Duration::from_millis(160) } else { PAUSE };
        self.scene.sync_slowly_amid(pause, |scene, _| {
            for (before, errors) in (0..).zip(series) {
                wait_until("a producer was made anew", || scene.heard.renewed() == before);
                cluster.request_errors(Produce, errors);
            }
        });
    }

    fn judge(mut self, outcomes: [Outcome; 2], lost: &[&'static str]) -> Line {
        self.scene.sync();
        // What was under way when the producer failed may have arrived.
        let duplicates = self.scene.heard.renewed() > 0;
        self.scene.judge(&Allowed { outcomes: outcomes.to_vec(), duplicates, lost: lost.to_vec() })
    }
}

/// Each series ends a producer, and the next one sends again.
fn renewed(cell: &'static str, series: &[&[RDKafkaRespErr]]) -> Line {
    let mut mock = Mock::new(cell);
    mock.sync(series);
    assert_eq!(mock.scene.heard.renewed(), series.len() as u64, "{}", mock.scene.reports[0].text());
    mock.judge([Completed, Completed], &[])
}

/// The producer fails while a broker has a batch and has not said so: it is sent again, and comes twice.
fn answered_late((): &mut (), cell: &'static str) -> Line {
    // On a busy machine another batch may be the one that is heard of, and the late broker has none yet.
    const TRIES: usize = 3;
    let twice = |line: &Line| line.judgement.duplicates > 0;
    let line = (0..TRIES).map(|_| fail_before_an_answer(cell)).find(twice);
    line.unwrap_or_else(|| panic!("{cell}: nothing came twice in {TRIES} tries"))
}

fn fail_before_an_answer(cell: &'static str) -> Line {
    const LATE: i32 = 2;
    /// Longer than all that has to happen before the answer.
    const LATE_BY: Duration = Duration::from_secs(60);
    let mut mock = Mock::new(cell);
    let cluster = &mock.cluster;
    cluster.partition_leader(&mock.scene.topic("EcsTask"), 0, Some(LATE)).unwrap();
    mock.scene.sync_amid(|scene, _| {
        let before = scene.heard.stalled();
        cluster.broker_round_trip_time(LATE, LATE_BY).unwrap();
        wait_until("a batch waits for its answer", || scene.heard.stalled() > before);
        // With one request in flight the late broker is sent no other: it is not the one that answers.
        cluster.request_errors(Produce, OUT_OF_ORDER);
        wait_until("the answer was given up", || scene.heard.unanswered() == 1);
        cluster.broker_round_trip_time(LATE, Duration::ZERO).unwrap();
    });
    mock.judge([Completed, Completed], &[])
}

/// No trouble for a batch that is sent for the first time, and fatal for one that may have arrived.
fn unknown_producer((): &mut (), cell: &'static str) -> Line {
    let mut mock = Mock::new(cell);
    let cluster = &mock.cluster;
    // So slowly that there are batches for as long as none has met both errors: one may meet the second alone.
    mock.scene.sync_slowly_amid(Duration::from_millis(400), |scene, flow| {
        let mut asked = Instant::now();
        cluster.request_errors(Produce, &[REQUEST_TIMED_OUT, UNKNOWN_PRODUCER_ID]);
        wait_until("a producer was made anew", || {
            if asked.elapsed() > AGAIN {
                asked = Instant::now();
                cluster.request_errors(Produce, &[REQUEST_TIMED_OUT, UNKNOWN_PRODUCER_ID]);
            }
            scene.heard.renewed() > 0
        });
        cluster.clear_request_errors(Produce);
        flow.flood();
    });
    mock.judge([Completed, Completed], &[])
}

/// librdkafka goes on with the producer that it has.
fn renewed_by_itself(cell: &'static str, errors: &[RDKafkaRespErr]) -> Line {
    let mut mock = Mock::new(cell);
    mock.sync(&[errors]);
    assert_eq!(mock.scene.heard.renewed(), 0, "{}", mock.scene.reports[0].text());
    mock.judge([Completed, Completed], &[])
}

/// A producer is made anew three times in a sync; the next sync may do so again.
fn failed((): &mut (), cell: &'static str) -> Line {
    let mut mock = Mock::new(cell);
    mock.sync(&[OUT_OF_ORDER; 4]);
    let report = &mock.scene.reports[0];
    let reason = report.stop_reason.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(reason.contains("out of order") && reason.contains("3 times"), "{}", report.text());
    mock.judge([Failed, Completed], &[])
}

/// The broker says that it has a batch already, and not where. What the mock cluster says is not true: they are missing.
fn without_offset((): &mut (), cell: &'static str) -> Line {
    let mut mock = Mock::new(cell);
    mock.sync(&[&[DUPLICATE_SEQUENCE_NUMBER]]);
    let acknowledged: u64 = mock.scene.reports[0].types.iter().map(|one| one.counts.acknowledged).sum();
    let landed: i64 = OBJECTS.iter().map(|object| mock.scene.on_topic(object)).sum();
    let missing = acknowledged - u64::try_from(landed).unwrap();
    assert!((1..=IN_FLIGHT as u64).contains(&missing), "one batch: {missing}");
    mock.judge([Completed, Completed], &OBJECTS)
}
