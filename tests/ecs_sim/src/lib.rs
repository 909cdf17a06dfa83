//! A faithful Amazon ECS and STS on loopback, for tests, benchmarks and the demo.
//!
//! Accounts of any size are generated from a seed and never held in memory: every object is a pure function of
//! (seed, account, region, numbers), and every name, id and page token can be decoded again. The simulator is
//! the judge of its clients: it counts calls and requests in flight, and writes down each request that breaks a
//! rule of the API. It shares no code with any of them.
//!
//! | In reading order | |
//! |---|---|
//! | `world` | what the simulated accounts hold, and the ground truth for tests |
//! | `seal`, `site` | numbers as ids that prove themselves; how objects are spread over clusters |
//! | `json`, `objects` | the API objects, written straight as JSON, with the odd cases of real records |
//! | `call`, `ecs`, `page`, `sts` | the core: a request in, an answer out; no clock, no waiting |
//! | `refusal`, `counters`, `tally` | error answers, what was seen and how it is counted |
//! | `bucket`, `foreign`, `arrival` | throttling: token buckets, who else takes from them, where requests are judged |
//! | `fault` | faults: what they do (`effect`, `mutation`), on demand, or by a schedule drawn from a seed (`chaos`) |
//! | `body`, `exchange`, `server` | bodies, slow ones too; one request and its answer; the listener around it all |

mod arrival;
mod body;
mod bucket;
mod call;
mod counters;
mod ecs;
mod exchange;
mod fault;
mod foreign;
mod json;
mod objects;
mod page;
mod refusal;
mod seal;
mod server;
mod site;
mod sts;
mod tally;
#[cfg(test)]
mod tests;
mod world;

pub use arrival::Arrival;
pub use bucket::{Bucket, Buckets, Category, Refill};
pub use counters::{Counters, RoleUse};
pub use fault::{Chaos, Effect, Fault, FaultHandle, Mutation};
pub use foreign::{Foreign, ForeignUse};
pub use objects::CANARY;
pub use refusal::Refusal;
pub use server::Simulator;
pub use world::{Pages, RoleRule, Shape, World};
