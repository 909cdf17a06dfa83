//! Topics: whether they exist, their creation if settings ask for it, and the end offsets of their partitions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::Producer as _;

use super::closing::ClosedInBackground;
use super::context::Context;
use super::handles::Handle;
use super::{Error, Producer, client};
use crate::config::{Config, Tolerance, TopicsCreate};
use crate::report::PartitionRange;

/// How long a broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How long one attempt to reach a first broker takes. It is short, so that a refusal ends the wait soon.
const ATTEMPT: Duration = Duration::from_secs(1);

/// The pause before a topic that was just created is looked for again.
const PAUSE: Duration = Duration::from_millis(50);

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// The records of an object.
    Records,
    /// The events of syncs.
    Events,
    /// Records that no other topic took.
    DeadLetters,
}

impl Holds {
    /// The ranges that the report shows: those of topics with records. Warns if events are not in order.
    fn ranges(self, topic: &str, found: Vec<PartitionRange>) -> Vec<PartitionRange> {
        if self == Self::Records {
            return found;
        }
        if self == Self::Events && found.len() > 1 {
            let partitions = found.len();
            tracing::warn!(topic, partitions, "with more than one partition a sync's events are not in order");
        }
        Vec::new()
    }
}

impl Producer {
    /// Waits for a broker, looks for the topics of a sync, creates absent ones if settings say so, and reads the end offset of each
    /// partition of the topics with records.
    ///
    /// # Errors
    /// No broker in time, a refused connection, or absent topics.
    pub async fn topics(self: &Arc<Self>, config: &Config) -> Result<Vec<PartitionRange>, Error> {
        let deadline = Instant::now() + self.startup_timeout;
        let mut absent = Vec::new();
        let mut ranges = Vec::new();
        for (topic, holds) in topics(config) {
            match self.find(&topic, deadline).await? {
                Ok(found) => ranges.extend(holds.ranges(&topic, found)),
                Err(reason) => absent.push((topic, reason, holds)),
            }
        }
        if config.kafka.topics_create == TopicsCreate::Never && !absent.is_empty() {
            return Err(Error::Topics(absent.into_iter().map(|(topic, reason, _)| (topic, reason)).collect()));
        }
        if !absent.is_empty() {
            create(&absent, config, self.context.clone(), deadline).await?;
        }
        for (topic, _, holds) in absent {
            ranges.extend(holds.ranges(&topic, self.appear(&topic).await?));
        }
        Ok(ranges)
    }

    pub(crate) async fn end_offset(self: &Arc<Self>, topic: &str, partition: i32) -> Result<i64, Error> {
        let topic = topic.to_owned();
        self.blocking(move |_, handle| end_offset(handle, &topic, partition)).await
    }

    /// A topic's partitions, or why it cannot be used.
    async fn find(
        self: &Arc<Self>,
        topic: &str,
        deadline: Instant,
    ) -> Result<Result<Vec<PartitionRange>, String>, Error> {
        let topic = topic.to_owned();
        self.blocking(move |producer, handle| match producer.partitions(handle, &topic, deadline)? {
            Err(reason) => Ok(Err(reason)),
            Ok(partitions) => {
                let range = |partition| {
                    let end = end_offset(handle, &topic, partition)?;
                    Ok(PartitionRange { topic: topic.clone(), partition, low: end, high: end })
                };
                partitions.into_iter().map(range).collect::<Result<Vec<_>, Error>>().map(Ok)
            }
        })
        .await
    }

    /// Waits until a topic that was just created is known to the broker that is asked.
    async fn appear(self: &Arc<Self>, topic: &str) -> Result<Vec<PartitionRange>, Error> {
        let deadline = Instant::now() + ANSWER;
        loop {
            match self.find(topic, deadline).await? {
                Ok(ranges) => return Ok(ranges),
                Err(reason) if Instant::now() > deadline => {
                    return Err(Error::Topics(vec![(topic.to_owned(), reason)]));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Asks for one topic by name. A listing of all topics would leave out those that may not be described.
    fn partitions(&self, handle: &Handle, topic: &str, deadline: Instant) -> Result<Result<Vec<i32>, String>, Error> {
        let metadata = loop {
            match handle.client().fetch_metadata(Some(topic), ATTEMPT) {
                Ok(metadata) => break metadata,
                Err(error) => self.still_starting(&error.to_string(), deadline)?,
            }
        };
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(Err("not in the broker's answer".to_owned()));
        };
        if let Some(code) = found.error() {
            return Ok(Err(Code::from(code).to_string()));
        }
        let mut partitions: Vec<i32> = found.partitions().iter().map(|partition| partition.id()).collect();
        partitions.sort_unstable();
        if partitions.is_empty() {
            return Ok(Err("it has no partition yet".to_owned()));
        }
        Ok(Ok(partitions))
    }

    /// An error ends the wait for a first broker: a refusal, or the time-out.
    fn still_starting(&self, error: &str, deadline: Instant) -> Result<(), Error> {
        if let Some(fatal) = self.fatal() {
            return Err(Error::Refused(fatal));
        }
        if Instant::now() < deadline {
            return Ok(());
        }
        let reason = self.context.status.last_error().unwrap_or_else(|| error.to_owned());
        Err(Error::NoBroker {
            servers: self.servers.clone(),
            waited: humantime::format_duration(self.startup_timeout).to_string(),
            reason: format!("{reason}; see kafka.bootstrap_servers, and whether the port wants TLS or SASL"),
        })
    }
}

/// The end offset of a partition. A partition that was just created may have no leader yet, so this tries for a while.
fn end_offset(handle: &Handle, topic: &str, partition: i32) -> Result<i64, Error> {
    let deadline = Instant::now() + ANSWER;
    loop {
        match handle.client().fetch_watermarks(topic, partition, ANSWER) {
            Ok((_, end)) => return Ok(end),
            Err(source) if Instant::now() > deadline => {
                return Err(Error::Offsets { topic: topic.to_owned(), source });
            }
            Err(error) => {
                tracing::debug!(topic, partition, %error, "the end offset of a partition is asked for again");
                std::thread::sleep(PAUSE); // why: librdkafka's call blocks, so it has a thread of its own
            }
        }
    }
}

/// Every topic of a sync, once each, since objects may share a topic.
fn topics(config: &Config) -> Vec<(String, Holds)> {
    let data = config.objects.iter().map(|object| (config.kafka.topic(object), Holds::Records));
    let dead_letters = (config.errors.tolerance == Tolerance::Dlq).then(|| config.kafka.dead_letter_topic());
    let own = [(config.kafka.sync_topic(), Holds::Events)];
    let mut topics: Vec<(String, Holds)> = Vec::new();
    for topic in data.chain(own).chain(dead_letters.map(|topic| (topic, Holds::DeadLetters))) {
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}

/// The settings of a new topic. Each sync sends every object again, so compaction and retention together keep the data whole and
/// bounded. The compaction lag of a day lets a late reader find a whole snapshot. Events and dead letters are kept for a month.
fn new_topic<'a>(topic: &'a str, holds: Holds, config: &Config, retention: &'a str) -> NewTopic<'a> {
    // -1 leaves the replication factor to the broker (KIP-464).
    let replication = TopicReplication::Fixed(config.kafka.replication_factor.unwrap_or(-1));
    match holds {
        Holds::Records => NewTopic::new(topic, config.kafka.partitions, replication)
            .set("cleanup.policy", "compact,delete")
            .set("retention.ms", retention)
            .set("min.compaction.lag.ms", "86400000"),
        Holds::Events | Holds::DeadLetters => {
            NewTopic::new(topic, 1, replication).set("cleanup.policy", "delete").set("retention.ms", "2592000000")
        }
    }
}

/// Creates topics. A request that gets no answer is sent again until the deadline.
async fn create(
    absent: &[(String, String, Holds)],
    config: &Config,
    context: Context,
    deadline: Instant,
) -> Result<(), Error> {
    let failed = |topic: &str, reason: String| Error::Create { topic: topic.to_owned(), reason };
    let all = |error: KafkaError| failed(&absent[0].0, error.to_string());
    // It has our context for the sake of sign-in: what goes wrong with it can end the sync like any other error of a connection.
    let admin: AdminClient<Context> = client::admin(config).create_with_context(context).map_err(all)?;
    let admin = ClosedInBackground::new(admin);
    let retention = config.kafka.retention.as_millis().to_string();
    let new: Vec<NewTopic<'_>> =
        absent.iter().map(|(topic, _, holds)| new_topic(topic, *holds, config, &retention)).collect();
    let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
    let created = loop {
        match admin.create_topics(&new, &options).await {
            Err(error) if is_unanswered(&error) && Instant::now() < deadline => {
                tracing::debug!(%error, "the topics are created once more");
                tokio::time::sleep(PAUSE).await;
            }
            created => break created.map_err(all)?,
        }
    };
    for created in created {
        match created {
            Ok(topic) => tracing::info!(topic, "created the topic"),
            // Another producer may have created it meanwhile.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(failed(&topic, code.to_string())),
        }
    }
    Ok(())
}

/// Whether a connection was lost, or the broker did not answer in time.
fn is_unanswered(error: &KafkaError) -> bool {
    matches!(error, KafkaError::AdminOp(Code::BrokerTransportFailure | Code::OperationTimedOut | Code::RequestTimedOut))
}
