//! A consumer that reads Kafka alone: it finds the newest sync on the sync topic, rebuilds the account from the data topics, and
//! says whether what it holds is whole, for each scope and type, or why not.
//!
//! `cargo run --example snapshot -- --brokers localhost:9092` ends with 0 if the snapshot is whole, 1 if it is not, 2 if it could
//! not be read. `--records` prints the rebuilt records as JSON lines; `--registry URL` is for a producer that has a schema registry.
//! What it does, a data lake's job has to do:
//!
//! 1. Read the sync topic to its end. Of one producer's name the newest STARTED is the sync to look at.
//! 2. Without an outcome for that instant it still runs or was killed: nothing is known yet. An older sync is no substitute, since
//!    compaction may have taken its records.
//! 3. Read each partition from `low` to `high`. Keep the records with that `ce_time` and this producer's `ce_source`; a record that
//!    came twice has the same `ce_source` and `ce_id`.
//! 4. A type of a scope is whole if its state is complete and as many records are there as were acknowledged. In such a type alone
//!    absence means that the object is gone from AWS.

mod reader;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::reader::{Topics, snapshot};

/// Says whether the newest snapshot on Kafka is whole.
#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    topics: Topics,
    /// Prints the rebuilt records as JSON lines, and the verdict on standard error
    #[arg(long)]
    records: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let words: &mut dyn Write = if flags.records { &mut io::stderr() } else { &mut io::stdout() };
    match snapshot(&flags.topics).and_then(|snapshot| snapshot.tell(flags.records.then_some(&mut io::stdout()), words))
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Nobody is left to tell if even this cannot be written.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
