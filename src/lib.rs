//! Reads the Amazon ECS inventory of one or many AWS accounts and streams every object, as a flat record in Avro, onto one
//! Kafka topic per type.
//!
//! ```text
//! scope = one AWS role in one region        one row per object type                     shared
//! parents ┌────────┐ Page  ┌────────────┐ Batch  ┌────────┐ Encoded        ┌─────────┐
//! ───────>│  list  ├──────>│  describe  ├───────>│  map   ├───────┬───────>│ produce ├──> Kafka
//!         └───┬────┘       └────────────┘        └────────┘       │        └─────────┘
//!             │ cluster ARNs feed the rows of services and tasks  │ all rows, all scopes
//! ```
//!
//! The modules in reading order:
//!
//! | Module | What it is |
//! |---|---|
//! | [`config`] | the settings, their defaults, and one list of everything wrong with them |
//! | [`sdm`] | the contract's rows, the record they make of an object, its Avro schema; pure |
//! | [`object`] | `Object`, the one abstraction, and the small values that flow |
//! | [`ecs`] | the four objects: attribute table, list, describe |
//! | [`aws`] | credentials, scopes, and the caller through which every request goes |
//! | [`stage`] | list, describe, map, produce (or print), announce |
//! | [`record`], [`tally`] | what flows to Kafka, what is counted |
//! | [`report`], [`event`] | what a sync says about itself: to whoever started it, and on the sync topic |
//! | [`kafka`] | client settings, topics, framing, deliveries |
//! | [`registry`] | the schema registry: ids of schemas |
//! | [`sync`] | one sync: [`sync::Engine`] |
//! | [`telemetry`] | logs |
//!
//! The library installs no signal handler, reads the environment only in [`config`] (and AWS's own variables in [`aws`]), and
//! never ends the process.

pub mod aws;
pub mod config;
pub mod ecs;
pub mod event;
pub mod kafka;
pub mod object;
pub mod record;
pub mod registry;
pub mod report;
pub mod sdm;
pub mod stage;
pub mod statistics;
pub mod sync;
pub mod telemetry;
