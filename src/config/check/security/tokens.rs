//! What mechanisms with tokens need: where a token comes from, and the region of one of AWS's.

use super::super::super::diagnostics::Diagnostics;
use super::super::super::security::{Mechanism, msk_region};
use super::{Judge, is_loopback, key_of};

/// Without these no token can be fetched.
const NEEDED: [&str; 3] = ["oauth.token_endpoint", "oauth.client_id", "oauth.client_secret"];

/// The mechanisms with a user and a password, in words.
pub(super) const PASSWORD: &str = "PLAIN or SCRAM";

/// What only some mechanisms use, and their names.
pub(super) const USED: &[(&str, &str)] = &[
    ("username", PASSWORD),
    ("password", PASSWORD),
    ("aws_region", "AWS_MSK_IAM"),
    ("oauth.token_endpoint", "OAUTHBEARER"),
    ("oauth.ca", "OAUTHBEARER"),
    ("oauth.client_id", "OAUTHBEARER"),
    ("oauth.client_secret", "OAUTHBEARER"),
    ("oauth.scope", "OAUTHBEARER"),
    ("oauth.audience", "OAUTHBEARER"),
    ("oauth.extensions", "OAUTHBEARER"),
];

impl Judge<'_> {
    pub(super) fn tokens(&self, diagnostics: &mut Diagnostics) {
        let Some(mechanism) = self.mechanism() else { return };
        self.without_effect(mechanism, diagnostics);
        match mechanism {
            Mechanism::OauthBearer => self.token_endpoint(diagnostics),
            Mechanism::AwsMskIam => self.region(diagnostics),
            _ => {}
        }
    }

    fn without_effect(&self, mechanism: Mechanism, diagnostics: &mut Diagnostics) {
        let used_by = |by: &str| match mechanism {
            Mechanism::OauthBearer | Mechanism::AwsMskIam => by == mechanism.name(),
            _ => by == PASSWORD,
        };
        for (name, by) in USED.iter().filter(|(name, by)| self.is_named(name) && !used_by(by)) {
            let (key, name) = (key_of(name), mechanism.name());
            let origin = self.entries.origin(&key);
            let why = format!("has no effect ({origin}): the mechanism is {name}, and only {by} uses it");
            diagnostics.warning(&key, why);
        }
    }

    /// librdkafka's own way to a token is taken where the mechanism and all that belongs to it are properties.
    fn token_endpoint(&self, diagnostics: &mut Diagnostics) {
        if !self.is_named("mechanism") && !self.is_named("oauth") {
            return;
        }
        let missing: Vec<String> = NEEDED.iter().filter(|name| !self.is_named(name)).map(|name| key_of(name)).collect();
        if !missing.is_empty() {
            let name = if self.is_named("mechanism") { "mechanism" } else { "oauth" };
            let are = if missing.len() == 1 { "which is" } else { "which are" };
            let reason = format!("OAUTHBEARER needs {}, {are} missing", missing.join(", "));
            self.error(diagnostics, name, reason, "set what is missing");
        }
        let endpoint = self.config.kafka.security.oauth.token_endpoint.as_deref().unwrap_or_default();
        if let Some(rest) = endpoint.strip_prefix("http://")
            && !is_loopback(rest.split(['/', '?', '#']).next().unwrap_or_default())
        {
            let why = "sends the client's secret in clear text; use an https:// endpoint";
            diagnostics.warning(&key_of("oauth.token_endpoint"), why);
        }
    }

    fn region(&self, diagnostics: &mut Diagnostics) {
        let servers = &self.config.kafka.bootstrap_servers;
        let mut told = servers.iter().filter_map(|server| Some((server, msk_region(server)?)));
        let Some((server, region)) = told.next() else { return };
        if let Some((other, elsewhere)) = told.find(|(_, elsewhere)| *elsewhere != region) {
            let key = "kafka.bootstrap_servers";
            let reason = format!("{server} is in {region}, and {other} in {elsewhere}");
            diagnostics.error(key, self.entries.origin(key), reason, "keep the brokers of one cluster");
        }
        if let Some(set) = self.config.kafka.security.aws_region.as_ref().filter(|set| **set != region) {
            let reason = format!("is {set}, and the broker {server} is in {region}");
            self.error(diagnostics, "aws_region", reason, "leave it out: the names of the brokers tell it");
        }
    }
}
