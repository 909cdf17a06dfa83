//! The counts of a type, declared once: what stages add to, what report and sync topic show, and what totals sum up.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::SerializeStruct;

/// Each line is a count: its meaning in the schema of the sync topic, its name, and its default there. A count that came after the
/// first release has one, since older writers do not know it.
macro_rules! counts {
    ($($doc:literal $name:ident $default:expr;)+) => {
        /// The counters of one type while it is read. Stages only add to them, so that an abort or a panic loses no count.
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
            /// Name, meaning and default of each.
            pub(super) const FIELDS: &'static [(&'static str, &'static str, Option<i64>)] =
                &[$((stringify!($name), $doc, $default),)+];

            /// Serializes each as a member of its own. Avro knows no unsigned numbers, and no count comes near the end of a long.
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
    /// Adds to one of them.
    pub fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// The counts at this moment. `failed` holds unanswered ARNs; what was described and is not acknowledged is added here.
    pub fn counts(&self) -> Counts {
        let mut counts = self.load();
        counts.failed += counts.described.saturating_sub(counts.unchanged + counts.acknowledged);
        counts
    }
}
