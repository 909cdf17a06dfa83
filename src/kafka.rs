//! Kafka, from settings to the last acknowledgement. No other module uses rdkafka. ARCHITECTURE.md says what each file holds.

pub mod client;
mod closing;
mod context;
mod delivery;
mod error;
pub mod framing;
mod handles;
mod in_flight;
mod inspection;
mod polled;
mod producer;
mod raw;
mod recovery;
mod refusal;
mod rotation;
mod security;
mod startup;
mod status;
mod topics;

pub use self::error::{Absence, Error};
pub use self::in_flight::OVERHEAD;
pub(crate) use self::inspection::{Found, Inspected, TopicFacts, Untold};
pub use self::producer::Producer;
pub use self::status::FatalProducerError;
pub(crate) use self::topics::{Holds, topic_names};
