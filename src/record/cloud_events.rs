//! The CloudEvents headers of binary mode (Kafka protocol binding, section 3.2).

use crate::contract::{NAMESPACE, rfc3339};

/// `ce_source`: `/name/account/region`, followed by `/role-name` if a role is assumed. `account` is None while it is not known.
pub(crate) fn source(name: &str, account: Option<&str>, region: &str, role: Option<&str>) -> String {
    let scope = format!("/{name}/{}/{region}", account.unwrap_or("unknown"));
    match role.and_then(|arn| arn.rsplit('/').next()) {
        Some(role) => format!("{scope}/{role}"),
        None => scope,
    }
}

/// All headers but `ce_id`, which differs for each record. `record` is the name in Avro.
pub(super) fn headers(source: String, record: &str, captured: i64) -> Vec<(&'static str, String)> {
    vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_source", source),
        ("ce_type", format!("{NAMESPACE}.{record}")),
        ("ce_time", rfc3339(captured)),
        ("content-type", "application/avro".to_owned()),
    ]
}
