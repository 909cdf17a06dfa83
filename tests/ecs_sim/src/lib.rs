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
//! | `refusal`, `counters`, `tally`, `fault` | error answers, what was seen and how it is counted, faults on demand |
//! | `server` | the listener around it all |

mod call;
mod counters;
mod ecs;
mod fault;
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

pub use counters::{Counters, RoleUse};
pub use fault::{Effect, Fault, FaultHandle};
pub use objects::CANARY;
pub use refusal::Refusal;
pub use server::Simulator;
pub use world::{Pages, RoleRule, Shape, World};
