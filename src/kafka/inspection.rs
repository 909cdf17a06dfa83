//! What brokers say of the topics of a sync before there is one. Nothing is written and nothing is made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::Producer as _;

use super::raw::{self, Creation, Refusal};
use super::startup::{ANSWER, PAUSE, StartupWait};
use super::topics::{Holds, METADATA_LAG, new_topic, passes, topics};
use super::{Absence, Error, Producer};
use crate::config::{Config, TopicsCreate};

/// What brokers say of one topic.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) topic: String,
    pub(crate) holds: Holds,
    pub(crate) found: Found,
}

#[derive(Debug)]
pub(crate) enum Found {
    Topic(TopicFacts),
    /// It is not there, or not for this client.
    Absent(Absence),
    /// It cannot be used, or not be made.
    Unusable(Error),
    /// It is not there, and brokers would make it.
    Creatable,
}

/// Why a broker does not tell the settings of a topic.
#[derive(Debug, Clone)]
pub(crate) struct Untold {
    pub(crate) reason: String,
    /// Whether a right is missing.
    pub(crate) is_denied: bool,
}

impl From<Refusal> for Untold {
    fn from(Refusal { code, sentence }: Refusal) -> Self {
        let is_denied = matches!(code, Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed);
        Self { reason: sentence, is_denied }
    }
}

/// What brokers say of a topic that is there.
#[derive(Debug, Clone)]
pub(crate) struct TopicFacts {
    pub(crate) partitions: usize,
    /// Partitions without a leader.
    pub(crate) leaderless: Vec<i32>,
    /// The topic's settings by name, its broker's defaults among them; or why they may not be asked.
    pub(crate) settings: Result<HashMap<String, String>, Untold>,
    /// Whether there is a right to write. None if the broker does not tell.
    pub(crate) may_write: Option<bool>,
}

impl Producer {
    /// Asks brokers about each topic of a sync.
    ///
    /// # Errors
    /// No broker in time, or a refused connection.
    pub(crate) async fn inspect(self: &Arc<Self>, config: &Config) -> Result<Vec<Inspected>, Error> {
        match self.try_to_inspect(config).await {
            Ok(inspected) => Ok(inspected),
            Err(error) => Err(self.explained(error).await),
        }
    }

    async fn try_to_inspect(self: &Arc<Self>, config: &Config) -> Result<Vec<Inspected>, Error> {
        let wait = Arc::new(StartupWait::new(self.startup_timeout));
        self.first_token(&wait).await?;
        let mut inspected = Vec::new();
        // The metadata of a topic that was made a moment ago lags, and a leader may just be elected. All topics share this time.
        let mut lag = None;
        for (topic, holds) in topics(config) {
            let found = loop {
                let has_time = |lag: &mut Option<Instant>| {
                    Instant::now() <= *lag.get_or_insert_with(|| Instant::now() + METADATA_LAG)
                };
                match self.look_at(&topic, &wait).await {
                    Ok(Ok(facts)) if facts.leaderless.is_empty() || !has_time(&mut lag) => break Found::Topic(facts),
                    Err(error @ Error::Offsets { .. }) => break Found::Unusable(error),
                    Err(error) => return Err(error),
                    // Whoever may make a topic and not describe it does not see it appear.
                    Ok(Err(Absence::Unknown)) if config.kafka.topics_create == TopicsCreate::IfMissing => {
                        match self.try_creation(&topic, holds, config, &wait).await? {
                            Some(found) => break found,
                            // Another producer has just made it, or it is being deleted.
                            None if !has_time(&mut lag) => break Found::Unusable(Error::NotShown(topic.clone())),
                            None => tokio::time::sleep(PAUSE).await, // why: a topic that appears tells nobody
                        }
                    }
                    Ok(Err(absence)) if !has_time(&mut lag) => break Found::Absent(absence),
                    Ok(_) => tokio::time::sleep(PAUSE).await, // why: a topic that appears, or its leader, tells nobody
                }
            };
            inspected.push(Inspected { topic, holds, found });
        }
        Ok(inspected)
    }

    async fn look_at(
        self: &Arc<Self>,
        topic: &str,
        wait: &Arc<StartupWait>,
    ) -> Result<Result<TopicFacts, Absence>, Error> {
        let (topic, wait) = (topic.to_owned(), Arc::clone(wait));
        self.blocking(move |producer, handle| {
            let partitions = match producer.partitions(handle, &topic, &wait)? {
                Ok(partitions) => partitions,
                Err(absence) => return Ok(Err(absence)),
            };
            for partition in partitions.iter().filter(|partition| partition.has_leader) {
                // As a sync does: each leader has to be reached.
                producer.end_offset_of(handle, &topic, partition.id, &wait)?;
            }
            let leaderless = partitions.iter().filter(|partition| !partition.has_leader);
            let leaderless = leaderless.map(|partition| partition.id).collect();
            let settings = raw::topic_settings(handle.client(), &topic, ANSWER).map_err(Untold::from);
            let may_write = raw::may_write(handle.client(), &topic, ANSWER).unwrap_or_else(|refusal| {
                tracing::debug!(topic, reason = refusal.sentence, "its rights may not be asked");
                None
            });
            Ok(Ok(TopicFacts { partitions: partitions.len(), leaderless, settings, may_write }))
        })
        .await
    }

    /// Has brokers say whether they would make a topic. They check rights, partitions, replicas and settings. None if it is there by
    /// now.
    async fn try_creation(
        self: &Arc<Self>,
        topic: &str,
        holds: Holds,
        config: &Config,
        wait: &Arc<StartupWait>,
    ) -> Result<Option<Found>, Error> {
        let (topic, config, wait) = (topic.to_owned(), config.clone(), Arc::clone(wait));
        self.blocking(move |_, handle| {
            let new = [new_topic(&topic, holds, &config)];
            loop {
                let tried = raw::create_topics(handle.client(), &new, Creation::Tried, wait.attempt(ANSWER));
                let refusal = match tried {
                    Ok(tried) => tried.into_iter().find_map(|(_, refusal)| refusal),
                    Err(refusal) => Some(refusal),
                };
                match refusal {
                    None => return Ok(Some(Found::Creatable)),
                    Some(refusal) if refusal.code == Code::TopicAlreadyExists => return Ok(None),
                    Some(refusal) if passes(refusal.code) => {
                        if let Err(error) = wait.or(|| Error::create(&topic, &refusal)) {
                            return Ok(Some(Found::Unusable(error)));
                        }
                    }
                    Some(refusal) => return Ok(Some(Found::Unusable(Error::create(&topic, &refusal)))),
                }
                std::thread::sleep(PAUSE); // why: librdkafka's call blocks, so it has a thread of its own
            }
        })
        .await
    }
}
