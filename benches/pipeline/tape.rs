//! The records of a sync in one file: what librdkafka alone has to produce again, byte for byte.
//!
//! What all records of a line share stands there once, as in the product's memory; a record refers to its line.

use std::io::{Read, Write};

use kit::bench::Result;
use serde::{Deserialize, Serialize};

const LINE: u8 = b'L';
const RECORD: u8 = b'R';

/// What records have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The contract's object, which tells the topic under any prefix.
    pub(crate) object: String,
    /// Milliseconds since the epoch.
    pub(crate) timestamp: i64,
    /// All headers but `ce_id`, in order.
    pub(crate) headers: Vec<(String, String)>,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// Which of the lines it is of.
    pub(crate) line: usize,
    /// Where it lay.
    pub(crate) partition: u32,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    /// `ce_id`; empty where headers are off.
    pub(crate) id: &'a [u8],
}

/// Writes a tape.
#[derive(Debug)]
pub(crate) struct Recorder<W> {
    file: W,
    lines: Vec<Line>,
}

impl<W: Write> Recorder<W> {
    pub(crate) fn new(file: W) -> Self {
        Self { file, lines: Vec::new() }
    }

    /// The number of a line, which is written where it is new.
    pub(crate) fn line(&mut self, line: Line) -> Result<usize> {
        if let Some(known) = self.lines.iter().position(|known| *known == line) {
            return Ok(known);
        }
        self.file.write_all(&[LINE])?;
        self.text(&serde_json::to_vec(&line)?)?;
        self.lines.push(line);
        Ok(self.lines.len() - 1)
    }

    pub(crate) fn record(&mut self, record: Record<'_>) -> Result<()> {
        self.file.write_all(&[RECORD])?;
        self.number(u32::try_from(record.line)?)?;
        self.number(record.partition)?;
        [record.key, record.value, record.id].into_iter().try_for_each(|text| self.text(text))
    }

    pub(crate) fn end(mut self) -> Result<()> {
        Ok(self.file.flush()?)
    }

    fn text(&mut self, text: &[u8]) -> Result<()> {
        self.number(u32::try_from(text.len())?)?;
        Ok(self.file.write_all(text)?)
    }

    fn number(&mut self, number: u32) -> Result<()> {
        Ok(self.file.write_all(&number.to_le_bytes())?)
    }
}

/// A tape in memory.
#[derive(Debug)]
pub(crate) struct Tape {
    bytes: Vec<u8>,
}

impl Tape {
    pub(crate) fn read(mut file: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Self { bytes })
    }

    /// Its lines, and its records in the order in which they were found.
    pub(crate) fn play(&self) -> Result<(Vec<Line>, Vec<Record<'_>>)> {
        let (mut lines, mut records) = (Vec::new(), Vec::new());
        let mut rest = self.bytes.as_slice();
        while let Some((kind, after)) = rest.split_first() {
            rest = after;
            match *kind {
                LINE => lines.push(serde_json::from_slice(text(&mut rest)?)?),
                RECORD => records.push(Record {
                    line: usize::try_from(number(&mut rest)?)?,
                    partition: number(&mut rest)?,
                    key: text(&mut rest)?,
                    value: text(&mut rest)?,
                    id: text(&mut rest)?,
                }),
                _ => return Err("the tape holds neither a line nor a record where one must be".into()),
            }
        }
        Ok((lines, records))
    }
}

fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = usize::try_from(number(rest)?)?;
    let (text, after) = rest.split_at_checked(length).ok_or("the tape is cut")?;
    *rest = after;
    Ok(text)
}

fn number(rest: &mut &[u8]) -> Result<u32> {
    let (number, after) = rest.split_first_chunk().ok_or("the tape is cut")?;
    *rest = after;
    Ok(u32::from_le_bytes(*number))
}
