//! The integration tests, one binary: the real SDK over HTTP against the simulator, a real Apache Kafka, the real program.

#![allow(clippy::unwrap_used)]

mod backpressure;
mod canary;
mod cli;
mod completeness;
mod config;
mod consumer;
mod contract;
mod credentials;
mod endings;
mod faults;
mod field;
mod framing;
mod fuzzed;
mod interop;
mod kafka;
mod killed;
mod logs;
mod mapping;
mod matrix;
mod metrics;
mod mutated;
mod network;
mod online;
mod otlp;
mod pacing;
mod packaging;
mod pipeline;
mod plan;
mod refused;
mod registry;
mod report;
mod run;
mod schemas;
mod scopes;
mod sidecar;
mod signals;
mod signing_in;
mod soak;
mod stops;
mod sync_topic;
mod terminal;
