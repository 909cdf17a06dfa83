//! Objects to records: each is written as a framed datum (or, in a dry run, a JSON line) in one walk, into one buffer a batch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use tokio::sync::mpsc::{Receiver, Sender};

use super::describe::Batch;
use super::hashes::Hashes;
use super::{HangUp, RowContext};
use crate::aws::BufferPermit;
use crate::config::{Config, Headers};
use crate::kafka::framing::Frames;
use crate::object::Object;
use crate::record::{EncodeError, EventSource, OffsetTracker, RecordBatch, RecordContext, headers};
use crate::sdm::{Stamp, View, rfc3339, schema};

/// How the records of one object are written: the same for all scopes of a sync.
#[derive(Debug)]
pub(crate) struct Encoder {
    name: String,
    topic: Arc<str>,
    headers: bool,
    /// Shared by all that goes to the topic.
    offsets: Arc<OffsetTracker>,
    format: WireFormat,
    schema: Schema,
}

/// How a record looks to whoever reads it.
#[derive(Debug)]
pub(crate) enum WireFormat {
    /// A datum behind the bytes that tell its schema.
    Avro {
        /// Those bytes.
        frame: Vec<u8>,
    },
    /// A line of JSON, for a dry run.
    JsonLines,
}

impl Encoder {
    /// The form of one object's records: without frames, that of a dry run.
    ///
    /// # Errors
    /// apache-avro's word, should the table make a schema that is none.
    pub(crate) fn of<O: Object>(
        config: &Config,
        frames: Option<&Frames>,
        offsets: Arc<OffsetTracker>,
    ) -> Result<Self, apache_avro::Error> {
        let schema = schema(O::NAME, O::DOC, O::TABLE);
        let format = frames.map_or(WireFormat::JsonLines, |frames| WireFormat::Avro { frame: frames.of(O::NAME) });
        Ok(Self {
            name: config.name.clone(),
            topic: Arc::from(config.kafka.topic(O::NAME)),
            headers: config.kafka.headers == Headers::CloudEvents,
            offsets,
            format,
            schema: Schema::parse(&schema)?,
        })
    }
}

/// Encodes what is described. It ends early only when the sink is gone or has refused a record of this row.
pub(crate) async fn map<O: Object>(
    row: Arc<RowContext>,
    stamp: Stamp,
    encoder: Arc<Encoder>,
    mut objects: Receiver<Batch<O>>,
    records: Sender<RecordBatch>,
) -> Result<(), HangUp> {
    // Made for the first batch: most of many scopes are empty, and a writer resolves the whole schema.
    let (mut context, mut writer, mut duplicates) = (None, None, DuplicateKeys::default());
    // Batches are much alike: a buffer of the last one's size need not grow.
    let mut capacity = [0; 2];
    while let Some(Batch { objects, permit }) = objects.recv().await {
        if row.statistics.is_refused() {
            return Err(HangUp);
        }
        // The account may be known only from the first ARN.
        let context = context.get_or_insert_with(|| Arc::new(encoder.context::<O>(&row, &stamp)));
        let writer = match &mut writer {
            Some(writer) => writer,
            none => match GenericDatumWriter::builder(&encoder.schema).human_readable(false).build() {
                Ok(made) => none.insert(made),
                Err(error) => {
                    row.statistics.issue(&None, error.to_string());
                    return Err(HangUp);
                }
            },
        };
        duplicates.warn_of_new(&objects);
        let batch = match &encoder.format {
            WireFormat::Avro { .. } => encode(context, &objects, permit, capacity, |object, _, values| {
                values.extend_from_slice(&context.frame);
                // apache-avro's field error repeats the whole schema; its beginning names the field.
                let short = |error: apache_avro::Error| error.to_string().chars().take(200).collect();
                writer.write_ser(values, &object.view(&stamp)).map(drop).map_err(short)
            }),
            WireFormat::JsonLines => encode(context, &objects, permit, capacity, |object, id, values| {
                serde_json::to_writer(&mut *values, &Printed::new(context, object, id, &stamp))
                    .map(|()| values.push(b'\n'))
                    .map_err(|error| error.to_string())
            }),
        };
        capacity = [batch.values.len(), batch.names.len()].map(|bytes| bytes + bytes / 8);
        if !batch.is_empty() || !batch.encode_errors.is_empty() {
            records.send(batch).await.map_err(|_| HangUp)?;
        }
    }
    Ok(())
}

/// Writes a batch. An object that cannot be written leaves nothing in the buffer; the sink makes its type partial.
fn encode<O: Object>(
    context: &Arc<RecordContext>,
    objects: &[O],
    permit: BufferPermit,
    capacity: [usize; 2],
    write: impl Fn(&O, &str, &mut Vec<u8>) -> Result<(), String>,
) -> RecordBatch {
    let mut batch = RecordBatch::new(Arc::clone(context), Some(permit), objects.len(), capacity);
    for object in objects {
        // The describer has kept objects without an ARN to itself; none comes here.
        let Some(arn) = object.arn() else { continue };
        let id = object.event_id(arn);
        match write(object, &id, &mut batch.values) {
            Ok(()) => batch.push(arn, &id),
            Err(reason) => {
                batch.truncate();
                tracing::error!(object = O::NAME, arn, reason, "a record cannot be encoded");
                batch.encode_errors.push(EncodeError { key: arn.to_owned(), id: id.into_owned(), reason });
            }
        }
    }
    batch
}

/// ARNs that do not name one object alone: the short ones of old services, which several clusters may share.
#[derive(Default)]
struct DuplicateKeys(Hashes);

impl DuplicateKeys {
    /// Warns where a second object has the same ARN, and so the same key. Both are sent.
    fn warn_of_new<O: Object>(&mut self, objects: &[O]) {
        for (object, arn) in objects.iter().filter_map(|object| Some((object, object.arn()?))) {
            let shared = matches!(object.event_id(arn), Cow::Owned(_));
            if shared && !self.0.insert(arn) {
                tracing::warn!(object = O::NAME, arn, "two objects share this ARN; their records share its key");
            }
        }
    }
}

impl Encoder {
    /// What the records of one scope share.
    fn context<O: Object>(&self, row: &RowContext, stamp: &Stamp) -> RecordContext {
        let RowContext { scope, statistics, .. } = row;
        let source = EventSource {
            name: &self.name,
            account: scope.account.get(),
            region: &scope.region,
            role: scope.role.as_deref(),
        };
        RecordContext {
            statistics: Arc::clone(statistics),
            object: O::NAME,
            topic: Arc::clone(&self.topic),
            captured: stamp.captured,
            at: format!("@{}", rfc3339(stamp.captured)),
            headers: if self.headers { headers(source.source(), O::NAME, stamp.captured) } else { Vec::new() },
            frame: match &self.format {
                WireFormat::Avro { frame } => frame.clone(),
                WireFormat::JsonLines => Vec::new(),
            },
            offsets: Arc::clone(&self.offsets),
            token: row.token.clone(),
        }
    }
}

/// A record as a dry run shows it.
#[derive(serde::Serialize)]
#[serde(bound = "")]
struct Printed<'a, T: 'static> {
    topic: &'a str,
    key: &'a str,
    timestamp: String,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    value: View<'a, T>,
}

impl<'a, O: Object> Printed<'a, O> {
    fn new(context: &'a RecordContext, object: &'a O, id: &str, stamp: &'a Stamp) -> Self {
        let mut headers: BTreeMap<&str, Cow<'_, str>> =
            context.headers.iter().map(|(name, text)| (*name, Cow::Borrowed(text.as_str()))).collect();
        if !headers.is_empty() {
            headers.insert("ce_id", Cow::Owned(format!("{id}{}", context.at)));
        }
        let key = object.arn().unwrap_or_default();
        Self { topic: &context.topic, key, timestamp: rfc3339(context.captured), headers, value: object.view(stamp) }
    }
}
