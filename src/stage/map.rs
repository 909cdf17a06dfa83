//! Objects to records: each is written as a framed datum (or, in a dry run, a JSON line) in one walk, into one buffer a batch.

use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender};

use super::describe::Batch;
use super::{HangUp, Lane};
use crate::aws::Seat;
use crate::config::{Config, Headers};
use crate::kafka::framing;
use crate::object::Object;
use crate::record::{Encoded, Line, Origin};
use crate::sdm::{Stamp, View, rfc3339, schema};

/// How the records of one object are written: the same for all scopes of a sync.
#[derive(Debug)]
pub struct Form {
    name: String,
    topic: Arc<str>,
    headers: bool,
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
    /// The form of one object's records.
    ///
    /// # Errors
    /// apache-avro's word, should the table make a schema that is none.
    pub fn of<O: Object>(config: &Config, dry_run: bool) -> Result<Self, apache_avro::Error> {
        let schema = schema(O::NAME, O::DOC, O::TABLE);
        let wire = if dry_run { Wire::JsonLines } else { Wire::Avro { frame: framing::single_object(&schema)? } };
        Ok(Self {
            name: config.name.clone(),
            topic: Arc::from(config.kafka.topic(O::NAME)),
            headers: config.kafka.headers == Headers::CloudEvents,
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
    let writer = GenericDatumWriter::builder(&form.schema).human_readable(false).build();
    let Ok(writer) = writer.inspect_err(|error| lane.tally.trouble(&None, error.to_string())) else {
        return Err(HangUp);
    };
    let mut line = None;
    while let Some(Batch { objects, seat }) = objects.recv().await {
        if lane.tally.is_refused() {
            return Err(HangUp);
        }
        // The account may be known only from the first ARN.
        let line = line.get_or_insert_with(|| Arc::new(form.line::<O>(&lane, &stamp)));
        let encoded = match &form.wire {
            Wire::Avro { .. } => avro(line, &writer, &objects, &stamp, seat),
            Wire::JsonLines => json_lines(line, &objects, &stamp, seat),
        };
        if !encoded.is_empty() {
            records.send(encoded).await.map_err(|_| HangUp)?;
        }
    }
    Ok(())
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
            object: O::NAME,
        };
        Line {
            tally: Arc::clone(tally),
            topic: Arc::clone(&self.topic),
            captured: stamp.captured,
            at: format!("@{}", rfc3339(stamp.captured)),
            headers: if self.headers { origin.headers(stamp.captured) } else { Vec::new() },
            frame: match &self.wire {
                Wire::Avro { frame } => frame.clone(),
                Wire::JsonLines => Vec::new(),
            },
        }
    }
}

/// Framed Avro. An object that cannot be encoded leaves nothing behind but its count.
fn avro<O: Object>(
    line: &Arc<Line>,
    writer: &GenericDatumWriter<'_>,
    objects: &[O],
    stamp: &Stamp,
    seat: Seat,
) -> Encoded {
    let mut encoded = Encoded::new(Arc::clone(line), seat, objects.len());
    for object in objects {
        // The describer has counted objects without an ARN; none comes here.
        let Some(arn) = object.arn() else { continue };
        encoded.values.extend_from_slice(&line.frame);
        match writer.write_ser(&mut encoded.values, &object.view(stamp)) {
            Ok(_) => encoded.push(arn, &object.event_id(arn)),
            Err(error) => {
                encoded.truncate();
                lose(line, O::NAME, arn, &first_words(&error.to_string()));
            }
        }
    }
    encoded
}

/// What a dry run prints: a line a record.
fn json_lines<O: Object>(line: &Arc<Line>, objects: &[O], stamp: &Stamp, seat: Seat) -> Encoded {
    let mut encoded = Encoded::new(Arc::clone(line), seat, objects.len());
    let timestamp = rfc3339(line.captured);
    for object in objects {
        let Some(arn) = object.arn() else { continue };
        let id = object.event_id(arn);
        let mut headers: serde_json::Map<String, serde_json::Value> = serde_json::Map::new();
        for (name, text) in &line.headers {
            headers.insert((*name).to_owned(), json!(text));
        }
        if !headers.is_empty() {
            headers.insert("ce_id".to_owned(), json!(format!("{id}{}", line.at)));
        }
        let record =
            Printed { topic: &line.topic, key: arn, timestamp: &timestamp, headers, value: object.view(stamp) };
        match serde_json::to_writer(&mut encoded.values, &record) {
            Ok(()) => {
                encoded.values.push(b'\n');
                encoded.push(arn, &id);
            }
            Err(error) => {
                encoded.truncate();
                lose(line, O::NAME, arn, &error.to_string());
            }
        }
    }
    encoded
}

/// A record as a dry run shows it.
#[derive(serde::Serialize)]
#[serde(bound = "")]
struct Printed<'a, T: 'static> {
    topic: &'a str,
    key: &'a str,
    timestamp: &'a str,
    headers: serde_json::Map<String, serde_json::Value>,
    value: View<'a, T>,
}

fn lose(line: &Line, object: &str, arn: &str, reason: &str) {
    tracing::error!(object, arn, reason, "a record cannot be encoded");
    line.tally.trouble(&None, format!("{arn} cannot be encoded: {reason}"));
}

/// apache-avro's field error repeats the whole schema; its first line names the field.
fn first_words(text: &str) -> String {
    text.chars().take(200).collect()
}
