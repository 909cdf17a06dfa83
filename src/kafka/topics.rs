//! Topics: which a sync needs, whether they exist, and their creation if settings ask for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::Producer as _;

use super::raw::{self, Creation, NewTopic, Refusal};
use super::startup::{ANSWER, ATTEMPT, PAUSE, Partition, StartupWait, is_unanswered};
use super::{Absence, Error, Producer};
use crate::config::{Config, Tolerance, TopicsCreate};
use crate::report::PartitionRange;

/// For how long brokers may say that a topic is absent before it counts as absent.
pub(super) const METADATA_LAG: Duration = Duration::from_secs(5);

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
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
        match self.find_or_create(config).await {
            Ok(ranges) => Ok(ranges),
            Err(error) => Err(self.explained(error).await),
        }
    }

    async fn find_or_create(self: &Arc<Self>, config: &Config) -> Result<Vec<PartitionRange>, Error> {
        let wait = Arc::new(StartupWait::new(self.startup_timeout));
        self.first_token(&wait).await?;
        let (mut ranges, mut absent) = self.find_all(topics(config), &wait).await?;
        if config.kafka.topics_create == TopicsCreate::Never {
            // The metadata of a topic that was made a moment ago lags.
            let lag = Instant::now() + METADATA_LAG;
            while !absent.is_empty() {
                if Instant::now() > lag {
                    return Err(Error::Topics(absent.into_iter().map(|(topic, reason, _)| (topic, reason)).collect()));
                }
                tokio::time::sleep(PAUSE).await; // why: a topic that appears tells nobody
                let again = absent.into_iter().map(|(topic, _, holds)| (topic, holds)).collect();
                let (found, still_absent) = self.find_all(again, &wait).await?;
                ranges.extend(found);
                absent = still_absent;
            }
        }
        if !absent.is_empty() {
            self.create(&absent, config, &wait).await?;
        }
        for (topic, _, holds) in absent {
            ranges.extend(holds.ranges(&topic, self.appear(&topic, &wait).await?));
        }
        self.check_sync_topic(&config.kafka.sync_topic()).await?;
        // Absent topics were looked for again, after others.
        let order = |range: &PartitionRange| topics(config).iter().position(|(topic, _)| *topic == range.topic);
        ranges.sort_by_key(|range| (order(range), range.partition));
        Ok(ranges)
    }

    /// The ranges of the topics that are there, and the others with the reason.
    async fn find_all(
        self: &Arc<Self>,
        topics: Vec<(String, Holds)>,
        wait: &Arc<StartupWait>,
    ) -> Result<(Vec<PartitionRange>, Vec<(String, Absence, Holds)>), Error> {
        let (mut ranges, mut absent) = (Vec::new(), Vec::new());
        for (topic, holds) in topics {
            match self.find(&topic, wait).await? {
                Ok(found) => ranges.extend(holds.ranges(&topic, found)),
                Err(reason) => absent.push((topic, reason, holds)),
            }
        }
        Ok((ranges, absent))
    }

    /// A topic's partitions, or why it cannot be used.
    async fn find(
        self: &Arc<Self>,
        topic: &str,
        wait: &Arc<StartupWait>,
    ) -> Result<Result<Vec<PartitionRange>, Absence>, Error> {
        let (topic, wait) = (topic.to_owned(), Arc::clone(wait));
        self.blocking(move |producer, handle| match producer.partitions(handle, &topic, &wait)? {
            Err(reason) => Ok(Err(reason)),
            Ok(partitions) => {
                let range = |Partition { id: partition, .. }| {
                    let end = producer.end_offset_of(handle, &topic, partition, &wait)?;
                    Ok(PartitionRange { topic: topic.clone(), partition, low: end, high: end })
                };
                partitions.into_iter().map(range).collect::<Result<Vec<_>, Error>>().map(Ok)
            }
        })
        .await
    }

    /// Waits until a topic that was just created is known to the broker that is asked.
    async fn appear(self: &Arc<Self>, topic: &str, wait: &Arc<StartupWait>) -> Result<Vec<PartitionRange>, Error> {
        let deadline = wait.end(METADATA_LAG);
        loop {
            match self.find(topic, wait).await? {
                Ok(ranges) => return Ok(ranges),
                Err(_) if Instant::now() > deadline => return Err(Error::NotShown(topic.to_owned())),
                Err(_) => tokio::time::sleep(PAUSE).await, // why: a topic that appears tells nobody
            }
        }
    }

    /// Creates topics. A request that gets no answer is sent again until the wait is over.
    async fn create(
        self: &Arc<Self>,
        absent: &[(String, Absence, Holds)],
        config: &Config,
        wait: &Arc<StartupWait>,
    ) -> Result<(), Error> {
        let (config, wait) = (config.clone(), Arc::clone(wait));
        let absent: Vec<(String, Holds)> = absent.iter().map(|(topic, _, holds)| (topic.clone(), *holds)).collect();
        self.blocking(move |producer, handle| {
            let new: Vec<NewTopic<'_>> =
                absent.iter().map(|(topic, holds)| new_topic(topic, *holds, &config)).collect();
            let unanswered =
                |refusal: &Refusal| producer.unreachable().unwrap_or_else(|| Error::create(&absent[0].0, refusal));
            loop {
                match raw::create_topics(handle.client(), &new, Creation::Real, wait.attempt(ANSWER)) {
                    Ok(created) => match worst(&created) {
                        None => {
                            let made = created.iter().filter(|(_, refusal)| refusal.is_none());
                            let topics: Vec<&str> = made.map(|(topic, _)| topic.as_str()).collect();
                            if !topics.is_empty() {
                                tracing::info!(topics = topics.join(", "), "created topics");
                            }
                            wait.answered();
                            return Ok(());
                        }
                        Some((topic, refusal)) if passes(refusal.code) => wait.or(|| Error::create(topic, refusal))?,
                        Some((topic, refusal)) => return Err(Error::create(topic, refusal)),
                    },
                    Err(refusal) if is_unanswered(refusal.code) => wait.or(|| unanswered(&refusal))?,
                    Err(refusal) => return Err(Error::create(&absent[0].0, &refusal)),
                }
                std::thread::sleep(PAUSE); // why: librdkafka's call blocks, so it has a thread of its own
            }
        })
        .await
    }

    /// Warns if compaction takes events away: STARTED and the outcome have one key. Where the settings may not be asked, nobody is
    /// warned.
    async fn check_sync_topic(self: &Arc<Self>, topic: &str) -> Result<(), Error> {
        let topic = topic.to_owned();
        self.blocking(move |_, handle| {
            match raw::topic_settings(handle.client(), &topic, ATTEMPT) {
                Ok(settings) if settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")) => {
                    tracing::warn!(
                        topic,
                        "the sync topic is compacted, and loses events; set its cleanup.policy to delete"
                    );
                }
                Ok(_) => {}
                Err(refusal) => tracing::debug!(topic, reason = refusal.sentence, "its settings may not be asked"),
            }
            Ok(())
        })
        .await
    }
}

/// Every topic of a sync, once each, since objects may share a topic.
pub(super) fn topics(config: &Config) -> Vec<(String, Holds)> {
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

/// Their names.
pub(crate) fn topic_names(config: &Config) -> Vec<String> {
    topics(config).into_iter().map(|(topic, _)| topic).collect()
}

/// The settings of a new topic. Each sync sends every object again, so compaction and retention together keep the data whole and
/// bounded. The compaction lag of a day lets a late reader find a whole snapshot. Events and dead letters are kept for a month.
pub(super) fn new_topic<'a>(name: &'a str, holds: Holds, config: &Config) -> NewTopic<'a> {
    let replication_factor = config.kafka.replication_factor.unwrap_or(-1);
    let (partitions, settings) = match holds {
        Holds::Records => (
            config.kafka.partitions,
            vec![
                ("cleanup.policy", "compact,delete".to_owned()),
                ("retention.ms", config.kafka.retention.as_millis().to_string()),
                ("min.compaction.lag.ms", "86400000".to_owned()),
            ],
        ),
        Holds::Events | Holds::DeadLetters => {
            (1, vec![("cleanup.policy", "delete".to_owned()), ("retention.ms", "2592000000".to_owned())])
        }
    };
    NewTopic { name, partitions, replication_factor, settings }
}

/// The refusal that keeps topics from being there: one that stays before one that passes. A topic that is there already is none, since
/// another producer may have created it meanwhile.
fn worst(created: &[(String, Option<Refusal>)]) -> Option<(&str, &Refusal)> {
    let refused = created.iter().filter_map(|(topic, refusal)| Some((topic.as_str(), refusal.as_ref()?)));
    let refused = refused.filter(|(_, refusal)| refusal.code != Code::TopicAlreadyExists);
    refused.min_by_key(|(_, refusal)| passes(refusal.code))
}

/// Whether a refusal passes: a controller that has just moved refuses for a moment.
pub(super) fn passes(code: Code) -> bool {
    code == Code::NotController || is_unanswered(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_stays_counts_more_than_one_that_passes_and_a_topic_that_is_there_is_no_refusal() {
        let worst = |codes: &[Option<Code>]| {
            let of = |code: &Option<Code>| code.map(|code| Refusal { code, sentence: String::new() });
            let created: Vec<_> = codes.iter().map(|code| ("topic".to_owned(), of(code))).collect();
            worst(&created).map(|(_, refusal)| refusal.code)
        };
        assert_eq!(worst(&[None, Some(Code::TopicAlreadyExists)]), None);
        assert_eq!(worst(&[None, Some(Code::NotController)]), Some(Code::NotController));
        let both = [Some(Code::NotController), Some(Code::InvalidConfig), Some(Code::TopicAlreadyExists)];
        assert_eq!(worst(&both), Some(Code::InvalidConfig));
    }
}
