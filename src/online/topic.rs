//! What is judged of a topic that is there: the right to write, settings and partitions. Pure: facts in, findings out.

use std::time::Duration;

use super::CheckResult;
use crate::config::{Config, TopicsCreate};
use crate::kafka::{Holds, TopicFacts, Untold};

/// How long a sync is expected to take where there is no `timeout`: each record has the time at which its sync began.
const SYNC: Duration = Duration::from_secs(3600);

/// How far clocks may be apart. Kafka's default since 4.0 (KIP-1030) is this.
const CLOCKS: Duration = Duration::from_secs(3600);

/// The size that records may have: Kafka's default is a little more. The largest object of ECS is smaller.
const SIZE: u64 = 1 << 20;

/// What is worth saying of a topic, each with how bad it is.
pub(super) fn judge(facts: &TopicFacts, holds: Holds, config: &Config) -> Vec<(CheckResult, String)> {
    let mut findings = Vec::new();
    if !facts.leaderless.is_empty() {
        let partitions: Vec<String> = facts.leaderless.iter().map(ToString::to_string).collect();
        let words = format!("no leader for partition {}; see whether its brokers are up", partitions.join(", "));
        findings.push((CheckResult::Broken, words));
    }
    match facts.may_write {
        Some(true) => {}
        Some(false) => {
            findings
                .push((CheckResult::Broken, "there is no right to write to it; allow WRITE on the topic".to_owned()));
        }
        None => findings.push((CheckResult::Unknown, "the broker does not tell who may write to it".to_owned())),
    }
    match &facts.settings {
        Ok(_) => findings.extend(compare(facts, holds, config).into_iter().map(|words| (CheckResult::Warning, words))),
        Err(Untold { reason, is_denied }) => {
            let way_out =
                if *is_denied { "allow DESCRIBE_CONFIGS on the topic to have them compared" } else { "ask again" };
            findings.push((CheckResult::Unknown, format!("its settings may not be asked ({reason}); {way_out}")));
        }
    }
    if let Some(words) = partitions(facts.partitions, holds, config) {
        findings.push((CheckResult::Warning, words));
    }
    findings
}

/// The settings that do not go with a sync.
fn compare(facts: &TopicFacts, holds: Holds, config: &Config) -> Vec<String> {
    let setting = |name: &str| facts.settings.as_ref().ok()?.get(name);
    let mut words = Vec::new();
    let policy = setting("cleanup.policy").map(String::as_str).unwrap_or_default();
    let policies: Vec<&str> = policy.split(',').map(str::trim).collect();
    match holds {
        Holds::Records if policies == ["compact"] => words.push(
            "its cleanup.policy is compact alone, so that records of objects that are gone stay for ever; set it to \
             compact,delete"
                .to_owned(),
        ),
        Holds::Events if policies.contains(&"compact") => {
            words.push("the sync topic is compacted, and loses events; set its cleanup.policy to delete".to_owned());
        }
        _ => {}
    }
    let sync = config.timeout.unwrap_or(SYNC);
    let limits = [
        ("message.timestamp.before.max.ms", sync),
        ("message.timestamp.after.max.ms", sync.min(CLOCKS)),
        // Both, on brokers before 3.6 (KIP-937).
        ("message.timestamp.difference.max.ms", sync),
    ];
    // A broker that puts its own time on records does not look at theirs.
    let is_looked_at = setting("message.timestamp.type").is_none_or(|kind| kind != "LogAppendTime");
    for (name, least) in limits.into_iter().filter(|_| is_looked_at) {
        // What is not a number is "no limit" in some other brokers.
        let limit = setting(name).and_then(|text| text.parse::<u64>().ok());
        if let Some(limit) = limit.filter(|limit| u128::from(*limit) < least.as_millis()) {
            words.push(format!(
                "its {name} is {limit}, and records carry the time at which their sync began; set it to {} or more",
                least.as_millis()
            ));
        }
    }
    let size = setting("max.message.bytes").and_then(|text| text.parse::<u64>().ok());
    if let Some(size) = size.filter(|size| *size < SIZE) {
        words.push(format!(
            "its max.message.bytes is {size}, which a large object may exceed; set it to {SIZE} or more"
        ));
    }
    words
}

fn partitions(found: usize, holds: Holds, config: &Config) -> Option<String> {
    let wanted = usize::try_from(config.kafka.partitions).unwrap_or_default();
    match holds {
        Holds::Events if found > 1 => {
            Some(format!("with {found} partitions a sync's events are not in order; make it anew with one"))
        }
        Holds::Records if config.kafka.topics_create == TopicsCreate::IfMissing && found != wanted => Some(format!(
            "it has {found} partitions, and kafka.partitions is {wanted}; a topic that is there stays as it is"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(settings: &[(&str, &str)]) -> TopicFacts {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        TopicFacts { partitions: 6, leaderless: Vec::new(), settings: Ok(settings.collect()), may_write: Some(true) }
    }

    /// What is said of a topic of records, which has to be one thing or nothing.
    fn said(settings: &[(&str, &str)], config: &Config) -> Option<String> {
        let findings = judge(&facts(settings), Holds::Records, config);
        assert!(
            findings.iter().all(|(verdict, _)| *verdict == CheckResult::Warning) && findings.len() < 2,
            "{findings:?}"
        );
        findings.into_iter().next().map(|(_, words)| words)
    }

    #[test]
    fn limits_are_compared_with_the_time_and_size_that_a_sync_needs() {
        let (before, after) = ("message.timestamp.before.max.ms", "message.timestamp.after.max.ms");
        let config = |timeout: Option<u64>| Config { timeout: timeout.map(Duration::from_secs), ..Config::default() };
        for (timeout, name, value, is_said) in [
            (None, before, "3599999", true),
            (None, before, "3600000", false),
            (None, before, "9223372036854775807", false),
            (None, after, "3599999", true),
            (None, after, "3600000", false),
            (Some(600), before, "600000", false),
            (Some(600), after, "599999", true),
            (Some(7200), before, "3600000", true),
            (Some(7200), after, "3600000", false),
            (None, "message.timestamp.difference.max.ms", "3599999", true),
            (None, "max.message.bytes", "1048575", true),
            (None, "max.message.bytes", "1048576", false),
            (None, "max.message.bytes", "unlimited", false),
            (None, "cleanup.policy", "compact", true),
            (None, "cleanup.policy", "compact,delete", false),
            (None, "cleanup.policy", "delete, compact", false),
            (None, "cleanup.policy", "delete", false),
        ] {
            let said = said(&[(name, value)], &config(timeout));
            assert_eq!(said.as_ref().is_some_and(|words| words.contains(name)), is_said, "{timeout:?} {name} {value}");
            assert_eq!(said.is_some(), is_said, "{timeout:?} {name} {value}: {said:?}");
        }
    }

    #[test]
    fn a_broker_that_puts_its_own_time_on_records_takes_any() {
        let settings = [("message.timestamp.type", "LogAppendTime"), ("message.timestamp.before.max.ms", "1")];
        assert_eq!(said(&settings, &Config::default()), None);
    }

    #[test]
    fn what_is_worse_of_a_topic_rules_and_nothing_is_left_out() {
        let facts = TopicFacts {
            partitions: 2,
            leaderless: vec![1],
            settings: Err(Untold { reason: "not yours".to_owned(), is_denied: true }),
            may_write: Some(false),
        };
        let findings = judge(&facts, Holds::Events, &Config::default());
        let verdicts: Vec<_> = findings.iter().map(|(verdict, _)| *verdict).collect();
        assert_eq!(
            verdicts,
            [CheckResult::Broken, CheckResult::Broken, CheckResult::Unknown, CheckResult::Warning],
            "{findings:?}"
        );
        assert_eq!(verdicts.into_iter().max(), Some(CheckResult::Broken));
        let untold = TopicFacts { may_write: None, ..self::facts(&[]) };
        assert_eq!(judge(&untold, Holds::DeadLetters, &Config::default())[0].0, CheckResult::Unknown);
    }
}
