//! Brokers and topics: whether a sync reaches them, signs in, finds its topics and may write.

use std::sync::Arc;

use super::{Check, Kind, Section, topic};
use crate::aws::Signer;
use crate::config::Config;
use crate::kafka::{Absence, Error, Found, Inspected, Producer, topic_names};

pub(super) async fn check(config: &Config, signer: Option<Signer>) -> Section {
    let broker = Check::new(Kind::Broker, config.kafka.bootstrap_servers.join(","));
    match inspect(config, signer).await {
        Ok(inspected) => {
            let topics = inspected.into_iter().map(|one| row(one, config));
            Section { checks: std::iter::once(broker).chain(topics).collect(), is_contacted: true }
        }
        Err(error) => {
            let is_contacted = matches!(error, Error::Refused(_) | Error::Unreachable { .. });
            let not_asked = |topic| Check::new(Kind::Topic, topic).unknown("not known: see the broker");
            let topics = topic_names(config).into_iter().map(not_asked);
            Section { checks: std::iter::once(broker.broken(error.to_string())).chain(topics).collect(), is_contacted }
        }
    }
}

async fn inspect(config: &Config, signer: Option<Signer>) -> Result<Vec<Inspected>, Error> {
    let producer = Arc::new(Producer::to_ask(config)?);
    if let Some(signer) = signer {
        producer.sign_with(signer);
    }
    producer.inspect(config).await
}

fn row(Inspected { topic, holds, found }: Inspected, config: &Config) -> Check {
    let row = Check::new(Kind::Topic, topic);
    match found {
        Found::Absent(absence) => row.broken(absent(&absence)),
        Found::Unusable(error) => row.broken(error.to_string()),
        Found::Creatable => {
            row.unknown("absent; a sync makes it, and whether it may be written to is not known before")
        }
        Found::Topic(facts) => {
            let findings = topic::judge(&facts, holds, config);
            let Some(result) = findings.iter().map(|(result, _)| *result).max() else { return row };
            let words: Vec<String> = findings.into_iter().map(|(_, words)| words).collect();
            row.with(result, words.join("; "))
        }
    }
}

fn absent(absence: &Absence) -> String {
    match absence {
        Absence::Unknown => "absent; create it, or set kafka.topics_create = \"if_missing\"".to_owned(),
        Absence::NotAllowed => {
            "absent, or there is no right to describe it; allow DESCRIBE and WRITE on the topic".to_owned()
        }
        Absence::Other(reason) => format!("it cannot be used: {reason}"),
    }
}
