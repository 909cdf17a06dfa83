//! Faults on demand: which requests meet one.

mod chaos;
mod effect;
mod mutation;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::call::Call;
use crate::refusal::Refusal;

pub use chaos::Chaos;
pub(crate) use chaos::Schedule;
pub use effect::Effect;
pub use mutation::Mutation;

/// A rule: requests that match meet the effect. Of several rules the first that applies is met.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The action, as `ListTasks`; none is any.
    pub action: Option<String>,
    /// The caller's account; none is any.
    pub account: Option<String>,
    /// The region; none is any.
    pub region: Option<String>,
    /// The cluster as the request names it; none is any.
    pub cluster: Option<String>,
    /// The role that an AssumeRole asks for, by ARN; none is any.
    pub role: Option<String>,
    /// This many matching requests pass unharmed first.
    pub skip: u64,
    /// At most this many then meet the effect.
    pub times: u64,
    /// What happens to them.
    pub effect: Effect,
}

impl Fault {
    /// Every request of an action meets an effect.
    pub fn new(action: &str, effect: Effect) -> Fault {
        let action = Some(action.to_owned());
        Fault { action, account: None, region: None, cluster: None, role: None, skip: 0, times: u64::MAX, effect }
    }

    /// An error answer to every request of an action.
    pub fn refuse(action: &str, status: u16, code: &str, message: &str) -> Fault {
        Fault::new(action, Effect::Refuse(Refusal::new(status, code, message)))
    }

    /// AccessDeniedException, as without a permission for the action.
    pub fn access_denied(action: &str) -> Fault {
        let message =
            format!("User is not authorized to perform: ecs:{action} because no identity-based policy allows it");
        Fault::refuse(action, 400, "AccessDeniedException", &message)
    }

    /// ThrottlingException.
    pub fn throttling(action: &str) -> Fault {
        Fault::new(action, Effect::Refuse(Refusal::throttled()))
    }

    /// ExpiredTokenException, as ECS says it: the session's end came early.
    pub fn expired_token(action: &str) -> Fault {
        Fault::new(action, Effect::Refuse(Refusal::expired_token()))
    }

    /// ClusterNotFoundException: with [`Fault::cluster`] and [`Fault::skip`] a cluster that is deleted mid-sync.
    pub fn cluster_not_found(action: &str) -> Fault {
        Fault::new(action, Effect::Refuse(Refusal::cluster_not_found()))
    }

    /// ServerException, with status 500.
    pub fn server_error(action: &str) -> Fault {
        Fault::refuse(action, 500, "ServerException", "Service Unavailable. Please try again later.")
    }

    /// Status 503 from a load balancer, with a body that is no JSON.
    pub fn unavailable(action: &str) -> Fault {
        Fault::new(action, Effect::Unavailable)
    }

    /// A TCP reset instead of an answer.
    pub fn reset(action: &str) -> Fault {
        Fault::new(action, Effect::Reset)
    }

    /// No answer, until the client goes away.
    pub fn hang(action: &str) -> Fault {
        Fault::new(action, Effect::Hang)
    }

    /// Bodies in at most eight pieces, with this pause before each.
    pub fn slow(action: &str, pause: Duration) -> Fault {
        Fault::new(action, Effect::Slow(pause))
    }

    /// The first `count` objects of a Describe answer are missing, and nothing tells it.
    pub fn drop_objects(action: &str, count: usize) -> Fault {
        Fault::new(action, Effect::DropObjects(count))
    }

    /// The first object of a Describe answer is among its failures, with this reason.
    pub fn fail(action: &str, reason: &str) -> Fault {
        Fault::new(action, Effect::Fail(reason.to_owned()))
    }

    /// A List answer that sends its client round in a circle.
    pub fn repeat_token(action: &str) -> Fault {
        Fault::new(action, Effect::RepeatToken)
    }

    /// Holds the answers to an action: a gate for tests.
    pub fn hold(action: &str) -> Fault {
        Fault::new(action, Effect::Hold)
    }

    /// For this account only.
    #[must_use]
    pub fn account(self, account: &str) -> Fault {
        Fault { account: Some(account.to_owned()), ..self }
    }

    /// For this region only.
    #[must_use]
    pub fn region(self, region: &str) -> Fault {
        Fault { region: Some(region.to_owned()), ..self }
    }

    /// For requests that name this cluster only.
    #[must_use]
    pub fn cluster(self, cluster: &str) -> Fault {
        Fault { cluster: Some(cluster.to_owned()), ..self }
    }

    /// For AssumeRole requests of this role only.
    #[must_use]
    pub fn role(self, arn: &str) -> Fault {
        Fault { role: Some(arn.to_owned()), ..self }
    }

    /// The first `skip` matching requests pass.
    #[must_use]
    pub fn skip(self, skip: u64) -> Fault {
        Fault { skip, ..self }
    }

    /// At most `times` requests meet the effect.
    #[must_use]
    pub fn times(self, times: u64) -> Fault {
        Fault { times, ..self }
    }

    fn matches(&self, call: &Call) -> bool {
        let is = |rule: &Option<String>, seen: Option<&str>| rule.is_none() || rule.as_deref() == seen;
        is(&self.action, Some(&call.action))
            && is(&self.account, Some(call.account()))
            && is(&self.region, Some(&call.region))
            && is(&self.cluster, call.cluster())
            && is(&self.role, call.role_arn())
    }
}

/// A fault at work. Dropping the handle leaves the fault in place.
#[derive(Debug, Clone)]
pub struct FaultHandle(Arc<Rule>);

#[derive(Debug)]
struct Rule {
    fault: Fault,
    /// Matching requests seen, those that passed included.
    matched: Mutex<u64>,
    /// Requests that met the effect.
    met: watch::Sender<u64>,
    released: watch::Sender<bool>,
}

impl FaultHandle {
    /// Ends the fault: requests held go on, later ones pass.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }

    /// How many requests met the fault so far.
    pub fn met(&self) -> u64 {
        *self.0.met.borrow()
    }

    /// Waits until that many requests met the fault.
    pub async fn wait_met(&self, count: u64) {
        // The sender lives as long as this handle, so waiting cannot fail.
        let _ = self.0.met.subscribe().wait_for(|met| *met >= count).await;
    }

    /// Waits for [`FaultHandle::release`].
    pub(crate) async fn released(&self) {
        let _ = self.0.released.subscribe().wait_for(|released| *released).await;
    }
}

/// All faults of a simulator, in the order they were added.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<FaultHandle>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> FaultHandle {
        let (met, released) = (watch::Sender::new(0), watch::Sender::new(false));
        let handle = FaultHandle(Arc::new(Rule { fault, matched: Mutex::new(0), met, released }));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle.clone());
        handle
    }

    /// The effect that this request meets, with the handle to wait on.
    pub(crate) fn meet(&self, call: &Call) -> Option<(Effect, FaultHandle)> {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = faults.iter().find(|handle| handle.0.takes(call))?.clone();
        Some((handle.0.fault.effect.clone(), handle))
    }
}

impl Rule {
    fn takes(&self, call: &Call) -> bool {
        if *self.released.borrow() || !self.fault.matches(call) {
            return false;
        }
        let mut matched = self.matched.lock().unwrap_or_else(PoisonError::into_inner);
        *matched += 1;
        let takes = *matched > self.fault.skip && *matched - self.fault.skip <= self.fault.times;
        if takes {
            self.met.send_modify(|met| *met += 1);
        }
        takes
    }
}
