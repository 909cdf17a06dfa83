//! A record outside librdkafka. It was not acknowledged, and will be sent again or go to the dead letter topic.

use std::sync::Arc;

use rdkafka::message::{BorrowedHeaders, Header, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use super::opaque::Opaque;
use crate::contract::rfc3339;
use crate::record::RecordContext;

#[derive(Debug)]
pub(in crate::kafka) struct OwnedRecord {
    topic: String,
    key: Vec<u8>,
    value: Vec<u8>,
    headers: Option<OwnedHeaders>,
}

impl OwnedRecord {
    /// The record of a delivery report.
    pub(in crate::kafka) fn of(message: &impl Message<Headers = BorrowedHeaders>) -> Self {
        Self {
            topic: message.topic().to_owned(),
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: message.headers().map(BorrowedHeaders::detach),
        }
    }

    /// A record without bytes, because it cannot be encoded.
    pub(in crate::kafka) fn unencoded(context: &RecordContext, key: &str, headers: Option<OwnedHeaders>) -> Self {
        Self { topic: context.topic.to_string(), key: key.as_bytes().to_vec(), value: Vec::new(), headers }
    }

    /// A record that librdkafka did not take.
    pub(in crate::kafka) fn untaken(record: BaseRecord<'_, [u8], [u8], Arc<Opaque>>) -> (Self, Arc<Opaque>) {
        let owned = Self {
            topic: record.topic.to_owned(),
            key: record.key.unwrap_or_default().to_vec(),
            value: record.payload.unwrap_or_default().to_vec(),
            headers: record.headers,
        };
        (owned, record.delivery_opaque)
    }

    /// The record as librdkafka takes it. Its timestamp comes from the context, because a delivery report does not have it.
    pub(in crate::kafka) fn record(&self, opaque: Arc<Opaque>) -> BaseRecord<'_, [u8], [u8], Arc<Opaque>> {
        let captured = opaque.context.captured;
        let record = BaseRecord::with_opaque_to(&self.topic, opaque).timestamp(captured);
        let record = record.key(&self.key[..]).payload(&self.value[..]);
        match &self.headers {
            Some(headers) => record.headers(headers.clone()),
            None => record,
        }
    }

    pub(in crate::kafka) fn key(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }

    /// The record for the dead letter topic: its own bytes, unless they are too many, and headers that say why it is there.
    pub(in crate::kafka) fn into_dead_letter(
        self,
        topic: &str,
        context: &RecordContext,
        reason: &str,
        too_large: bool,
    ) -> Self {
        let why = [
            ("dlq.reason", reason.to_owned()),
            ("dlq.topic", self.topic),
            ("dlq.object", context.record.to_owned()),
            ("dlq.sync", rfc3339(context.captured)),
            ("dlq.size", self.value.len().to_string()),
        ];
        let headers = self.headers.unwrap_or_default();
        let headers =
            why.iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        let value = if too_large { Vec::new() } else { self.value };
        Self { topic: topic.to_owned(), value, headers: Some(headers), ..self }
    }
}
