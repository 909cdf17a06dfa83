//! How one sync in ten is made to fail, and what is put right after it.

use std::thread;
use std::time::{Duration, Instant};

use ecs_sim::{Fault, FaultHandle, Simulator};
use kit::bench::Result;
use kit::toxic::{FaultProxy, Toxics};

/// How long a sync may take to come to its gates.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens to a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nothing,
    /// The broker is gone from STARTED's acknowledgement to the sync's end: connections are cut, new ones are accepted, and nothing
    /// is answered.
    Broker,
    /// The role may not list: ListClusters and ListTaskDefinitions are denied. The session is not kept for the next sync.
    Lists,
    /// AssumeRole is denied. It comes after [`Trouble::Lists`], for a session that is kept is not asked for again.
    Role,
}

/// A trouble under way.
pub(crate) struct Made<'a> {
    faults: Vec<FaultHandle>,
    proxy: &'a FaultProxy,
}

impl Trouble {
    /// Of forty syncs two meet a broker that is gone, and two a denial.
    pub(crate) fn of(sync: u64) -> Self {
        match sync % 40 {
            4 | 24 => Self::Broker,
            9 => Self::Lists,
            10 => Self::Role,
            _ => Self::Nothing,
        }
    }

    pub(crate) fn outcome(self) -> &'static str {
        if self == Self::Nothing { "COMPLETED" } else { "FAILED" }
    }

    /// Makes the trouble for the sync that `ask` begins.
    pub(crate) fn make<'a>(
        self,
        simulator: &Simulator,
        proxy: &'a FaultProxy,
        ask: impl FnOnce() -> Result<()>,
    ) -> Result<Made<'a>> {
        let faults = match self {
            Self::Nothing => Vec::new(),
            // The first calls of a sync come after STARTED's acknowledgement.
            Self::Broker => vec![Fault::hold("ListClusters"), Fault::hold("ListTaskDefinitions")],
            Self::Lists => vec![Fault::access_denied("ListClusters"), Fault::access_denied("ListTaskDefinitions")],
            Self::Role => vec![Fault::refuse("AssumeRole", 403, "AccessDenied", "not trusted")],
        };
        let made = Made { faults: faults.into_iter().map(|fault| simulator.fault(fault)).collect(), proxy };
        ask()?;
        if self == Self::Broker {
            let deadline = Instant::now() + PATIENCE;
            while made.faults.iter().any(|gate| gate.met() == 0) {
                if Instant::now() > deadline {
                    return Err("a sync does not come to its lists".into());
                }
                thread::sleep(Duration::from_millis(1));
            }
            proxy.set(Toxics { black_hole: true, ..Toxics::default() });
            proxy.reset();
            made.faults.iter().for_each(FaultHandle::release);
        }
        Ok(made)
    }
}

impl Made<'_> {
    /// Puts it right, and says whether the sync has met all of it.
    pub(crate) fn end(self) -> bool {
        self.proxy.set(Toxics::default());
        self.faults.iter().for_each(FaultHandle::release);
        self.faults.iter().all(|fault| fault.met() > 0)
    }
}
