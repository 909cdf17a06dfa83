//! Settings with which there can be no client.

/// Why there can be no client: a setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}; {way_out}")]
pub struct ClientRefusal {
    pub(super) key: &'static str,
    pub(super) reason: String,
    pub(super) way_out: &'static str,
}

impl ClientRefusal {
    pub(super) fn new(key: &'static str, reason: String, way_out: &'static str) -> Self {
        Self { key, reason, way_out }
    }
}
