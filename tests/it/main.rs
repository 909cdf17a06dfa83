//! The integration tests, one binary: the real SDK over HTTP against the simulator, a real Apache Kafka, the real program.

#![allow(clippy::unwrap_used)]

mod backpressure;
mod broker;
mod canary;
mod certificates;
mod cli;
mod cluster;
mod completeness;
mod config;
mod consumer;
mod contract;
mod credentials;
mod faults;
mod framing;
mod golden;
mod guard;
mod interop;
mod kafka;
mod killed;
mod mapping;
mod matrix;
mod network;
mod oracle;
mod pacing;
mod pipeline;
mod proxy;
mod refused;
mod registry;
mod schemas;
mod scopes;
mod server;
mod soak;
mod support;
mod sync_topic;
mod toxic;
