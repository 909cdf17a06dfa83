//! What text must look like: the limits of IAM, STS, the AWS SDK and Kafka, each with the words for what breaks it.

use std::net::{Ipv6Addr, SocketAddr};

/// What a text must look like.
pub(super) struct Rule {
    /// What it has to be: `"x" is not …`.
    pub(super) noun: &'static str,
    /// The way out.
    pub(super) takes: &'static str,
    /// Whether it is.
    pub(super) holds: fn(&str) -> bool,
}

/// Anything but nothing.
pub(super) const ANY: Rule = Rule { noun: "text", takes: "it takes text", holds: |_| true };

/// A path; whether it can be read is tried.
pub(super) const PATH: Rule = Rule { noun: "a path", takes: "it takes a path", holds: |_| true };

/// IAM's own limits: docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html.
pub(super) const ROLE_ARN: Rule = Rule {
    noun: "a role ARN",
    takes: "it looks like arn:aws:iam::123456789012:role/NAME",
    holds: |text| {
        let Some((account, name)) = role_arn(text) else {
            return false;
        };
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        digits && text.len() <= 2_048 && !name.ends_with('/') && name.bytes().all(|byte| is_word(byte, b"+=,.@/-"))
    },
};

/// A region's name is a label of a host name; new regions must not need a new release.
pub(super) const REGION: Rule = Rule {
    noun: "a region",
    takes: "it looks like eu-central-1",
    holds: |text| {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        text.len() <= 63 && text.bytes().all(legal) && !text.starts_with('-') && !text.ends_with('-')
    },
};

/// AssumeRole's ExternalId.
pub(super) const EXTERNAL_ID: Rule = Rule {
    noun: "an external id",
    takes: "it takes 2 to 1224 letters, digits and _+=,.@:/-",
    holds: |text| (2..=1_224).contains(&text.len()) && text.bytes().all(|byte| is_word(byte, b"+=,.@:/-")),
};

/// AssumeRole's RoleSessionName.
pub(super) const SESSION_NAME: Rule = Rule {
    noun: "a role session name",
    takes: "it takes 2 to 64 letters, digits and _+=,.@-",
    holds: |text| (2..=64).contains(&text.len()) && text.bytes().all(|byte| is_word(byte, b"+=,.@-")),
};

/// What the AWS SDK takes as an app name; past 50 characters it warns, because services cut it.
pub(super) const NAME: Rule = Rule {
    noun: "a name",
    takes: "it takes 1 to 50 ASCII letters, digits and !#$%&'*+-.^_`|~",
    holds: |text| text.len() <= 50 && text.bytes().all(|byte| is_word(byte, b"!#$%&'*+-.^`|~")),
};

/// `host:port`, an IPv6 address in brackets.
pub(super) const BROKER: Rule = Rule {
    noun: "a host:port",
    takes: "it looks like kafka.example.com:9092",
    holds: |text| {
        let Some((host, port)) = text.rsplit_once(':') else {
            return false;
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let legal = match bracketed {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|byte| is_word(byte, b".-")),
        };
        legal && port.parse::<u16>().is_ok_and(|port| port > 0)
    },
};

/// Kafka's rule for topics (`Topic.java`, `validate`).
pub(super) const TOPIC: Rule = Rule {
    noun: "a topic name",
    takes: "it takes 1 to 249 ASCII letters, digits and ._-",
    holds: |text| text.len() <= 249 && text.bytes().all(|byte| is_word(byte, b".-")) && text != "." && text != "..",
};

/// A topic's name without its longest ending, `.task-definition`.
pub(super) const TOPIC_PREFIX: Rule = Rule {
    noun: "the beginning of a topic name",
    takes: "it takes 1 to 233 ASCII letters, digits and ._-",
    holds: |text| text.len() <= 233 && text.bytes().all(|byte| is_word(byte, b".-")),
};

/// An address to listen on.
pub(super) const LISTEN: Rule =
    Rule { noun: "an address", takes: "it looks like 0.0.0.0:9464", holds: |text| text.parse::<SocketAddr>().is_ok() };

/// A URL that a client can call. A user and password in it would be shown with it, and have settings of their own.
pub(super) const URL: Rule = Rule {
    noun: "a URL without a user",
    takes: "it looks like https://host:port",
    holds: |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|rest| {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            !host.is_empty() && !host.starts_with(':') && !host.contains('@') && !rest.contains(char::is_whitespace)
        })
    },
};

/// A URL to which paths are added.
pub(super) const BASE_URL: Rule = Rule {
    noun: "a URL without a user or query",
    takes: URL.takes,
    holds: |text| (URL.holds)(text) && !text.contains(['?', '#']),
};

/// Account and name of `arn:PARTITION:iam::ACCOUNT:role/NAME`.
fn role_arn(text: &str) -> Option<(&str, &str)> {
    let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
    let legal = partition.starts_with("aws") && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let (account, name) = rest.split_once(":role/")?;
    (legal && !name.is_empty()).then_some((account, name))
}

/// IAM's `\w`, and some more.
fn is_word(byte: u8, more: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || more.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::table::OBJECTS;
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rules_hold_for_what_aws_and_kafka_take() {
        let table: [(&Rule, &[&str], &[&str]); 10] = [
            (&ROLE_ARN,
                &["arn:aws:iam::123456789012:role/reader", "arn:aws-us-gov:iam::123456789012:role/path/to/a+b=c,d.e@f-g_h"],
                &["arn:aws:iam::12:role/x", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:role/x/", "arn:gcp:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/a b", "arn:aws:sts::123456789012:assumed-role/x/y"]),
            (&REGION, &["eu-central-1", "us-gov-west-1"], &["EU-central-1", "eu_central_1", "-eu", "eu-"]),
            (&EXTERNAL_ID, &["12", "a+=,.@:/-_b"], &["1", "a b"]),
            (&SESSION_NAME, &["me", "a+=,.@-_b"], &["m", "a/b", "a:b"]),
            (&NAME, &["ecs-sdm-producer", "a!#$%&'*+-.^_`|~"], &["a b", "a/b", "ä"]),
            (&BROKER, &["localhost:9092", "10.0.0.1:1", "[::1]:9092", "b-1.msk_x.eu:65535"], &["localhost", ":9092", "a:0", "a:65536", "::1:9092", "PLAINTEXT://a:9092", "a b:9092"]),
            (&TOPIC, &["sdm.ecs.task-definition", "_x"], &[".", "..", "a/b", "a b"]),
            (&LISTEN, &["0.0.0.0:9464", "[::]:0"], &[":9464", "localhost", "9464"]),
            (&URL, &["http://a", "https://a:8081/path?a=b"], &["a:8081", "https://", "ftp://a", "http:///a", "http://a b", "http://u:p@a"]),
            (&BASE_URL, &["https://a:8081/path"], &["http://u:p@a", "http://a?b", "http://a#b"]),
        ];
        for (rule, good, bad) in table {
            for text in good {
                assert!((rule.holds)(text), "{text} is {}", rule.noun);
            }
            for text in bad {
                assert!(!(rule.holds)(text), "{text} is not {}", rule.noun);
            }
        }
        for (rule, longest) in [(&EXTERNAL_ID, 1_224), (&SESSION_NAME, 64), (&NAME, 50), (&TOPIC, 249), (&TOPIC_PREFIX, 233)] {
            assert!((rule.holds)(&"a".repeat(longest)) && !(rule.holds)(&"a".repeat(longest + 1)), "{}", rule.noun);
        }
    }

    #[test]
    fn the_longest_prefix_makes_a_legal_topic() {
        let mut kafka = Config::default().kafka;
        kafka.topic_prefix = "a".repeat(233);
        assert!(OBJECTS.iter().all(|object| (TOPIC.holds)(&kafka.topic(object))));
    }
}
