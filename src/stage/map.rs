//! Objects to records: each is written as a framed datum (or, in a dry run, a JSON line) in one walk, into one buffer a batch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use tokio::sync::mpsc::{Receiver, Sender};

use super::describe::Batch;
use super::hashes::Hashes;
use super::{HangUp, Lane};
use crate::aws::Seat;
use crate::config::{Config, Headers};
use crate::kafka::framing::Frames;
use crate::object::Object;
use crate::record::{Encoded, Line, Origin, Reached, Spoilt, headers};
use crate::sdm::{Stamp, View, rfc3339, schema};

/// How the records of one object are written: the same for all scopes of a sync.
#[derive(Debug)]
pub struct Form {
    name: String,
    topic: Arc<str>,
    headers: bool,
    /// Shared by all that goes to the topic.
    reached: Arc<Reached>,
    wire: Wire,
    schema: Schema,
}

/// How a record looks to whoever reads it.
#[derive(Debug)]
pub enum Wire {
    /// A datum behind the bytes that tell its schema.
    Avro {
        /// Those bytes.
        frame: Vec<u8>,
    },
    /// A line of JSON, for a dry run.
    JsonLines,
}

impl Form {
    /// The form of one object's records: without frames, that of a dry run.
    ///
    /// # Errors
    /// apache-avro's word, should the table make a schema that is none.
    pub fn of<O: Object>(
        config: &Config,
        frames: Option<&Frames>,
        reached: Arc<Reached>,
    ) -> Result<Self, apache_avro::Error> {
        let schema = schema(O::NAME, O::DOC, O::TABLE);
        let wire = frames.map_or(Wire::JsonLines, |frames| Wire::Avro { frame: frames.of(O::NAME) });
        Ok(Self {
            name: config.name.clone(),
            topic: Arc::from(config.kafka.topic(O::NAME)),
            headers: config.kafka.headers == Headers::CloudEvents,
            reached,
            wire,
            schema: Schema::parse(&schema)?,
        })
    }
}

/// Encodes what is described. It ends early only when the sink is gone or has refused a record of this row.
pub async fn map<O: Object>(
    lane: Arc<Lane>,
    stamp: Stamp,
    form: Arc<Form>,
    mut objects: Receiver<Batch<O>>,
    records: Sender<Encoded>,
) -> Result<(), HangUp> {
    // Made for the first batch: most of many scopes are empty, and a writer resolves the whole schema.
    let (mut line, mut writer, mut twins) = (None, None, Twins::default());
    // Batches are much alike: a buffer of the last one's size need not grow.
    let mut room = [0; 2];
    while let Some(Batch { objects, seat }) = objects.recv().await {
        if lane.tally.is_refused() {
            return Err(HangUp);
        }
        // The account may be known only from the first ARN.
        let line = line.get_or_insert_with(|| Arc::new(form.line::<O>(&lane, &stamp)));
        let writer = match &mut writer {
            Some(writer) => writer,
            none => match GenericDatumWriter::builder(&form.schema).human_readable(false).build() {
                Ok(made) => none.insert(made),
                Err(error) => {
                    lane.tally.trouble(&None, error.to_string());
                    return Err(HangUp);
                }
            },
        };
        twins.look(&objects);
        let encoded = match &form.wire {
            Wire::Avro { .. } => encode(line, &objects, seat, room, |object, _, values| {
                values.extend_from_slice(&line.frame);
                // apache-avro's field error repeats the whole schema; its beginning names the field.
                let short = |error: apache_avro::Error| error.to_string().chars().take(200).collect();
                writer.write_ser(values, &object.view(&stamp)).map(drop).map_err(short)
            }),
            Wire::JsonLines => encode(line, &objects, seat, room, |object, id, values| {
                serde_json::to_writer(&mut *values, &Printed::new(line, object, id, &stamp))
                    .map(|()| values.push(b'\n'))
                    .map_err(|error| error.to_string())
            }),
        };
        room = [encoded.values.len(), encoded.names.len()].map(|bytes| bytes + bytes / 8);
        if !encoded.is_empty() || !encoded.spoilt.is_empty() {
            records.send(encoded).await.map_err(|_| HangUp)?;
        }
    }
    Ok(())
}

/// Writes a batch. An object that cannot be written leaves nothing in the buffer; the sink makes its type partial.
fn encode<O: Object>(
    line: &Arc<Line>,
    objects: &[O],
    seat: Seat,
    room: [usize; 2],
    write: impl Fn(&O, &str, &mut Vec<u8>) -> Result<(), String>,
) -> Encoded {
    let mut encoded = Encoded::new(Arc::clone(line), Some(seat), objects.len(), room);
    for object in objects {
        // The describer has kept objects without an ARN to itself; none comes here.
        let Some(arn) = object.arn() else { continue };
        let id = object.event_id(arn);
        match write(object, &id, &mut encoded.values) {
            Ok(()) => encoded.push(arn, &id),
            Err(reason) => {
                encoded.truncate();
                tracing::error!(object = O::NAME, arn, reason, "a record cannot be encoded");
                encoded.spoilt.push(Spoilt { key: arn.to_owned(), id: id.into_owned(), reason });
            }
        }
    }
    encoded
}

/// ARNs that do not name one object alone: the short ones of old services, which several clusters may share.
#[derive(Default)]
struct Twins(Hashes);

impl Twins {
    /// Warns where a second object has the same ARN, and so the same key. Both are sent.
    fn look<O: Object>(&mut self, objects: &[O]) {
        for (object, arn) in objects.iter().filter_map(|object| Some((object, object.arn()?))) {
            let shared = matches!(object.event_id(arn), Cow::Owned(_));
            if shared && !self.0.insert(arn) {
                tracing::warn!(object = O::NAME, arn, "two objects share this ARN; their records share its key");
            }
        }
    }
}

impl Form {
    /// What the records of one scope share.
    fn line<O: Object>(&self, lane: &Lane, stamp: &Stamp) -> Line {
        let Lane { scope, tally, .. } = lane;
        let origin = Origin {
            name: &self.name,
            account: scope.account.get(),
            region: &scope.region,
            role: scope.role.as_deref(),
        };
        Line {
            tally: Arc::clone(tally),
            object: O::NAME,
            topic: Arc::clone(&self.topic),
            captured: stamp.captured,
            at: format!("@{}", rfc3339(stamp.captured)),
            headers: if self.headers { headers(origin.source(), O::NAME, stamp.captured) } else { Vec::new() },
            frame: match &self.wire {
                Wire::Avro { frame } => frame.clone(),
                Wire::JsonLines => Vec::new(),
            },
            reached: Arc::clone(&self.reached),
            unsettled: lane.unsettled.clone(),
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
    fn new(line: &'a Line, object: &'a O, id: &str, stamp: &'a Stamp) -> Self {
        let mut headers: BTreeMap<&str, Cow<'_, str>> =
            line.headers.iter().map(|(name, text)| (*name, Cow::Borrowed(text.as_str()))).collect();
        if !headers.is_empty() {
            headers.insert("ce_id", Cow::Owned(format!("{id}{}", line.at)));
        }
        let key = object.arn().unwrap_or_default();
        Self { topic: &line.topic, key, timestamp: rfc3339(line.captured), headers, value: object.view(stamp) }
    }
}
