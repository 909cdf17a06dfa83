//! How records are written: as framed Avro data or, in a dry run, as lines of JSON.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Span;

use super::{EncodeError, OffsetTracker, RecordBatch, RecordContext, cloud_events};
use crate::config::{Config, Headers};
use crate::contract::rfc3339;
use crate::observe::TypeTrace;
use crate::report::TypeStatistics;

/// The schemas of all records, parsed once in the life of the process.
static SCHEMAS: LazyLock<Result<HashMap<&'static str, Schema>, String>> = LazyLock::new(|| {
    let parsed = super::schemas().map(|(record, schema)| Ok((record, Schema::parse(&schema)?)));
    parsed.collect::<Result<_, apache_avro::Error>>().map_err(|error| error.to_string())
});

/// apache-avro refuses one of our schemas. That is a bug; no setting causes it.
#[derive(Debug, thiserror::Error)]
#[error("the schema of {record}: {reason}")]
pub(crate) struct SchemaError {
    record: &'static str,
    reason: String,
}

/// How the records of one kind are written: the same for all scopes of a sync.
pub(crate) struct Encoder {
    record: &'static str,
    pub(crate) topic: Arc<str>,
    captured: i64,
    cloud_events: bool,
    /// Whether records carry the id of their trace.
    traceparent: bool,
    /// The bytes before each datum. None writes lines of JSON.
    frame: Option<Vec<u8>>,
    writer: GenericDatumWriter<'static>,
    /// Shared by all encoders of the topic.
    offsets: Arc<OffsetTracker>,
}

impl Encoder {
    /// An encoder for one topic and the sync of `captured`. `record` is the name in Avro.
    pub(crate) fn new(
        config: &Config,
        record: &'static str,
        topic: &str,
        captured: i64,
        frame: Option<Vec<u8>>,
        offsets: Arc<OffsetTracker>,
    ) -> Result<Self, SchemaError> {
        let refused = |reason: String| SchemaError { record, reason };
        let schemas = SCHEMAS.as_ref().map_err(|reason| refused(reason.clone()))?;
        let schema = schemas.get(record).ok_or_else(|| refused("there is none".to_owned()))?;
        let writer = GenericDatumWriter::builder(schema).human_readable(false).build();
        Ok(Self {
            record,
            topic: Arc::from(topic),
            captured,
            cloud_events: config.kafka.headers == Headers::CloudEvents,
            traceparent: config.kafka.traceparent,
            frame,
            writer: writer.map_err(|error| refused(error.to_string()))?,
            offsets,
        })
    }

    /// What the records of one `ce_source` share.
    pub(crate) fn context(
        &self,
        source: String,
        statistics: Arc<TypeStatistics>,
        token: TaskTrackerToken,
        trace: TypeTrace,
    ) -> RecordContext {
        let of_event = || cloud_events::headers(source, self.record, self.captured);
        let mut headers = if self.cloud_events { of_event() } else { Vec::new() };
        let traceparent = trace.traceparent().filter(|_| self.traceparent);
        headers.extend(traceparent.map(|traceparent| ("traceparent", traceparent)));
        RecordContext {
            statistics,
            record: self.record,
            topic: Arc::clone(&self.topic),
            captured: self.captured,
            id_suffix: format!("@{}", rfc3339(self.captured)),
            headers,
            has_event_id: self.cloud_events,
            trace,
            offsets: Arc::clone(&self.offsets),
            token,
            span: Span::current(),
        }
    }

    /// Appends a record to a batch. `id` is `ce_id` without its instant, and begins with `key`. A value that cannot be encoded is
    /// noted in the batch, and leaves no bytes there.
    pub(crate) fn write(&self, batch: &mut RecordBatch, key: &str, id: Cow<'_, str>, value: &impl Serialize) {
        let RecordBatch { context, values, .. } = &mut *batch;
        let written = match &self.frame {
            Some(frame) => {
                values.extend_from_slice(frame);
                // apache-avro's error names the field first, and then repeats the whole schema.
                let shortened = |error: apache_avro::Error| error.to_string().chars().take(200).collect();
                self.writer.write_ser(values, value).map(drop).map_err(shortened)
            }
            None => serde_json::to_writer(&mut *values, &DryRunRecord::new(context, key, &id, value))
                .map(|()| values.push(b'\n'))
                .map_err(|error| error.to_string()),
        };
        match written {
            Ok(()) => batch.push(key, &id),
            Err(reason) => {
                batch.truncate();
                tracing::error!(record = self.record, key, reason, "a record cannot be encoded");
                batch.encode_errors.push(EncodeError { key: key.to_owned(), id: id.into_owned(), reason });
            }
        }
    }
}

/// A record as a dry run prints it.
#[derive(Serialize)]
struct DryRunRecord<'a, T> {
    topic: &'a str,
    key: &'a str,
    timestamp: String,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    value: &'a T,
}

impl<'a, T> DryRunRecord<'a, T> {
    fn new(context: &'a RecordContext, key: &'a str, id: &str, value: &'a T) -> Self {
        let mut headers: BTreeMap<&str, Cow<'_, str>> =
            context.headers.iter().map(|(name, text)| (*name, Cow::Borrowed(text.as_str()))).collect();
        if context.has_event_id {
            headers.insert("ce_id", Cow::Owned(format!("{id}{}", context.id_suffix)));
        }
        Self { topic: &context.topic, key, timestamp: rfc3339(context.captured), headers, value }
    }
}
