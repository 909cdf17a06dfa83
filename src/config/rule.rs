//! What text must look like: the limits of IAM, STS, the AWS SDK and Kafka, each with the words for what breaks it.

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

use super::Listen;
use super::shown::quoted;

pub(super) struct Rule {
    /// What the text has to be: `"x" is not …`.
    pub(super) noun: &'static str,
    /// What the setting takes: `it …`.
    pub(super) takes: &'static str,
    pub(super) holds: fn(&str) -> bool,
    /// What the text is instead, and the text that was meant, where that can be told.
    pub(super) mistaken: fn(&str) -> Option<(&'static str, String)>,
}

const fn rule(noun: &'static str, takes: &'static str, holds: fn(&str) -> bool) -> Rule {
    Rule { noun, takes, holds, mistaken: |_| None }
}

/// Any text but the empty one, which no rule is asked about.
pub(super) const ANY: Rule = rule("text", "takes text", |_| true);

/// What goes into one line of a request.
pub(super) const LINE: Rule =
    rule("text of one line", "takes text of one line", |text| !text.contains(char::is_control));

/// A user of HTTP Basic authentication (RFC 7617, section 2).
pub(super) const CLIENT_ID: Rule = rule("a client's id", "takes text of one line without a colon", |text| {
    !text.contains(':') && !text.contains(char::is_control)
});

/// IAM's own limits: docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html.
pub(super) const ROLE_ARN: Rule =
    rule("a role ARN", "looks like arn:aws:iam::123456789012:role/NAME", |text| is_role_arn(text).unwrap_or(false));

/// A region becomes a label of a host name. New regions must not need a new release.
pub(super) const REGION: Rule = Rule {
    mistaken: zone,
    ..rule("a region", "looks like eu-central-1", |text| {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_label = text.bytes().all(legal) && !text.starts_with('-') && !text.ends_with('-');
        (1..=63).contains(&text.len()) && is_label && zone(text).is_none()
    })
};

/// Why a text is no region and what to do, if it is none.
pub fn region_fault(text: &str) -> Option<(String, String)> {
    match (REGION.mistaken)(text) {
        Some((what, region)) => Some((format!("{} is {what}", quoted(text)), format!("use {region}"))),
        None if (REGION.holds)(text) => None,
        None => Some((format!("{} is not {}", quoted(text), REGION.noun), format!("it {}", REGION.takes))),
    }
}

/// The kind of zone that a text names, and its region. A zone is its region with a letter (`eu-west-1a`), or with more parts
/// (`us-west-2-lax-1a`): docs.aws.amazon.com/global-infrastructure/latest/regions.
fn zone(text: &str) -> Option<(&'static str, String)> {
    let at = text
        .match_indices('-')
        .map(|(at, _)| at + 1)
        .find(|at| text[*at..].starts_with(|c: char| c.is_ascii_digit()))?;
    let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let (region, rest) = text.split_at(at + digits);
    let what = match rest.as_bytes() {
        [letter] if letter.is_ascii_lowercase() => "an availability zone",
        [b'-', ..] => "a local zone",
        _ => return None,
    };
    Some((what, region.to_owned()))
}

/// AssumeRole's ExternalId.
pub(super) const EXTERNAL_ID: Rule = rule("an external id", "takes 2 to 1224 letters, digits and _+=,.@:/-", |text| {
    consists_of(text, 2..=1_224, b"_+=,.@:/-")
});

/// AssumeRole's RoleSessionName.
pub(super) const SESSION_NAME: Rule =
    rule("a role session name", "takes 2 to 64 letters, digits and _+=,.@-", |text| {
        consists_of(text, 2..=64, b"_+=,.@-")
    });

/// What the AWS SDK takes as an app name. It warns beyond 50 characters, because services cut the rest.
pub(super) const NAME: Rule = rule("a name", "takes 1 to 50 ASCII letters, digits and !#$%&'*+-.^_`|~", |text| {
    consists_of(text, 1..=50, b"!#$%&'*+-.^_`|~")
});

/// `host:port`, an IPv6 address in brackets.
pub(super) const BROKER: Rule = rule("a host:port", "looks like kafka.example.com:9092", |text| {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let legal = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => consists_of(host, 1..=usize::MAX, b"_.-"),
    };
    legal && port.parse::<u16>().is_ok_and(|port| port > 0)
});

/// Kafka's rule for topics (`Topic.java`, `validate`).
pub(super) const TOPIC: Rule = rule("a topic name", "takes 1 to 249 ASCII letters, digits and ._-", |text| {
    consists_of(text, 1..=249, b"._-") && text != "." && text != ".."
});

/// A topic's name without its longest ending, `.task-definition`.
pub(super) const TOPIC_PREFIX: Rule =
    rule("the beginning of a topic name", "takes 1 to 233 ASCII letters, digits and ._-", |text| {
        consists_of(text, 1..=233, b"._-")
    });

/// An address to listen on.
pub(super) const LISTEN: Rule =
    rule("an address or none", "looks like 0.0.0.0:7464", |text| text.parse::<Listen>().is_ok());

/// A URL that a client can call. A user and password in it would be shown with it; they have settings of their own.
pub(super) const URL: Rule = rule("a URL without a user", "looks like https://host:port", |text| {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let is_named = !host.is_empty() && !host.starts_with(':');
        is_named
            // What looks like a path may be a user with a / in a password.
            && !rest.contains('@')
            && !rest.contains(char::is_whitespace)
            && reqwest::Url::parse(text).is_ok_and(|url| url.port() != Some(0))
    })
});

/// A URL to which paths are added.
pub(super) const BASE_URL: Rule =
    rule("a URL without a user or query", URL.takes, |text| (URL.holds)(text) && !text.contains(['?', '#']));

/// Whether a text is `arn:PARTITION:iam::ACCOUNT:role/NAME`; None where a part is missing.
fn is_role_arn(text: &str) -> Option<bool> {
    let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, name) = rest.split_once(":role/")?;
    let partition_holds =
        partition.starts_with("aws") && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let account_holds = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let name_holds = consists_of(name, 1..=2_048, b"_+=,.@/-") && !name.ends_with('/');
    Some(partition_holds && account_holds && name_holds && text.len() <= 2_048)
}

/// Whether a text has so many bytes, all of them ASCII letters, digits and these others.
fn consists_of(text: &str, length: RangeInclusive<usize>, others: &[u8]) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

#[cfg(test)]
mod tests;
