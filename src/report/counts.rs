//! The counts of a type, declared once for all uses: the counters of the stages, the report, the sync topic, and the totals.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::SerializeStruct;

/// Each line is a count: its doc in the schema of the sync topic, its name, and its default there. Counts added after the first
/// release have a default, since older events do not have the field (Avro specification, "Schema Resolution").
macro_rules! counts {
    ($($doc:literal $name:ident $default:expr;)+) => {
        /// The counters of one type while it is read. Stages only add to them, so an abort or a panic loses no count.
        #[derive(Debug, Default)]
        #[allow(missing_docs, reason = "the schema documents them")]
        pub struct Counters { $(pub $name: AtomicU64,)+ }

        /// The counts of one type, or of several.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the schema documents them")]
        pub struct Counts { $(pub $name: u64,)+ }

        impl Counters {
            fn load(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }

        impl Counts {
            /// Name, doc and default of each count.
            pub(super) const FIELDS: &'static [(&'static str, &'static str, Option<i64>)] =
                &[$((stringify!($name), $doc, $default),)+];

            /// Serializes each count as a member of its own. Avro has no unsigned integers, and no count comes near 2^63.
            pub(super) fn serialize<S: SerializeStruct>(&self, members: &mut S) -> Result<(), S::Error> {
                $(members.serialize_field(stringify!($name), &i64::try_from(self.$name).unwrap_or(i64::MAX))?;)+
                Ok(())
            }
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

counts! {
    "ARNs sent in a Describe request." asked None;
    "Objects that came back." described None;
    "ARNs listed that were no more when described." gone None;
    "Records handed to the producer." emitted None;
    "Records that Kafka acknowledged." acknowledged None;
    "ARNs unanswered, and objects described and never acknowledged." failed None;
    "Task definitions listed that the topic had already, and that were therefore not asked for." known Some(0);
    "Objects described that the topic had already, and that were therefore not sent." unchanged Some(0);
    "Tombstones that Kafka acknowledged." deleted Some(0);
}

impl Counters {
    /// Adds to one of the counters.
    pub fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// The counters as they stand: `failed` has the unanswered ARNs alone, and so never falls.
    pub(crate) fn raw(&self) -> Counts {
        self.load()
    }

    /// The counts at this moment. The counter `failed` has the unanswered ARNs; objects without an acknowledgement are added here.
    pub fn counts(&self) -> Counts {
        let mut counts = self.load();
        counts.failed += counts.described.saturating_sub(counts.unchanged + counts.acknowledged);
        counts
    }
}
