//! Reads the Amazon ECS inventory of one or many AWS accounts and streams every object, as a flat record in Avro, onto one
//! Kafka topic per type.
//!
//! ```text
//! scope = one AWS role in one region        one row per object type                     shared
//! parents ┌────────┐ Page  ┌────────────┐ Batch  ┌────────┐ RecordBatch    ┌─────────┐
//! ───────>│  list  ├──────>│  describe  ├───────>│  map   ├───────┬───────>│ produce ├──> Kafka
//!         └───┬────┘       └────────────┘        └────────┘       │        └─────────┘
//!             │ cluster ARNs feed the rows of services and tasks  │ all rows, all scopes
//! ```
//!
//! ARCHITECTURE.md lists the modules in reading order, and says where a change belongs.
//!
//! The library installs no signal handler, reads the environment only in [`config`] (and AWS's own variables in [`aws`]), and
//! never ends the process.

pub mod aws;
mod columns;
pub mod config;
pub mod contract;
pub mod ecs;
pub mod engine;
mod foreign;
pub mod kafka;
pub mod observe;
pub mod online;
pub mod plan;
pub mod record;
pub mod registry;
pub mod report;
pub mod service;
pub mod stage;
pub mod sync;
pub mod telemetry;
mod web;
