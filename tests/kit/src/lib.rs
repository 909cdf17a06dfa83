//! What the integration tests and the benches of the product share.
//!
//! | In reading order | |
//! |---|---|
//! | `settings`, `sync`, `dry` | settings for a simulator; a sync on Kafka; a sync that prints |
//! | `program`, `snapshot` | the real program; the consumer of `examples/snapshot` |
//! | `terminal` | a program on a terminal, and what its screen shows |
//! | `report` | counts and states of a report |
//! | `topic`, `truth`, `judgement` | what is on a topic; what must be there; the comparison |
//! | `oracle` | a second reading of the contract, which shares no code with the product |
//! | `broker`, `secured`, `cluster`, `registry` | Kafka and a schema registry, as child processes on loopback |
//! | `guard`, `proxy`, `toxic`, `tls_port`, `certificates` | what stands between a client and a server, and what can go wrong there |
//! | `jwt`, `token_endpoint` | tokens of OAuth 2.0, and who hands them out |
//! | `server`, `folders` | how child processes live and end; where things lie |
//! | `cases`, `wait` | cases side by side; waiting for something that tells nobody |
//! | `metrics` | `docs/metrics.md`, written from the table of metrics; what `/metrics` says |
//! | `otlp` | who takes metrics and traces |
//! | `http_server` | what those who are asked over HTTP have in common |
//! | `promtool`, `prometheus` | Prometheus's own judgement of metrics and rules; one that scrapes and is asked |
//! | `reference` | `config/connector.toml` and `docs/settings.md`, written from the table of settings |
//! | `bench` | clocks, tables and the sync of a bench |

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

pub mod bench;
pub mod broker;
pub mod cases;
pub mod certificates;
pub mod cluster;
pub mod dry;
mod folders;
pub mod guard;
mod http_server;
pub mod judgement;
pub mod jwt;
pub mod metrics;
pub mod oracle;
pub mod otlp;
pub mod page;
pub mod program;
pub mod prometheus;
pub mod promtool;
pub mod proxy;
pub mod reference;
pub mod registry;
pub mod report;
pub mod secured;
pub mod server;
pub mod settings;
pub mod sidecar;
pub mod snapshot;
pub mod sync;
pub mod terminal;
pub mod tls_port;
pub mod token_endpoint;
pub mod topic;
pub mod toxic;
pub mod truth;
pub mod wait;

pub use ecs_sdm_producer::contract::OBJECTS;

/// The account of the simulator's base credentials.
pub const ACCOUNT: &str = "111111111111";

/// The region of the base credentials.
pub const REGION: &str = "eu-west-1";
