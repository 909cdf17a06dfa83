//! Where requests to ECS arrive: each is judged by its bucket, before anything else, and written down if asked for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::bucket::{Buckets, Category, Level};
use crate::call::{ACTIONS, Call, Service};
use crate::foreign::{ForeignUse, SharedBucket};
use crate::world::World;

/// A request to ECS that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When its last byte was read, since the simulator's start.
    pub at: Duration,
    /// The caller's account; empty if the credentials are not known.
    pub account: String,
    /// The region of the signature; empty if there is none.
    pub region: String,
    /// The action; `other` if it is none of those simulated.
    pub action: &'static str,
    /// Whether its bucket was empty.
    pub throttled: bool,
}

/// The one place that all requests to ECS pass, one after the other.
#[derive(Debug)]
pub(crate) struct Arrivals {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By `ACCOUNT/REGION`, in the order of [`Category::ALL`].
    buckets: HashMap<String, [SharedBucket; Category::ALL.len()]>,
    arrivals: Vec<Arrival>,
}

impl Arrivals {
    /// Starts the clock.
    pub(crate) fn start(world: &World) -> Arrivals {
        Arrivals { start: Instant::now(), state: Mutex::new(State::new(world)) }
    }

    /// A request arrives now; whether it is throttled.
    pub(crate) fn arrive(&self, world: &World, call: &Call) -> bool {
        if call.service != Service::Ecs || (world.buckets.is_none() && !world.record_arrivals) {
            return false;
        }
        let mut state = self.lock();
        // Read under the lock, so that arrivals are in order and buckets never see time go back.
        let at = self.start.elapsed();
        state.arrive(world, call, at)
    }

    /// What foreign callers got until now, in the order of [`World::foreign`].
    pub(crate) fn foreign(&self, world: &World) -> Vec<ForeignUse> {
        let mut state = self.lock();
        state.foreign(world, self.start.elapsed())
    }

    pub(crate) fn recorded(&self) -> Vec<Arrival> {
        self.lock().arrivals.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// With the buckets of foreign callers, which no client may ever ask for.
    fn new(world: &World) -> State {
        let mut state = State::default();
        for foreign in world.buckets.iter().flat_map(|_| &world.foreign) {
            let scope = [&foreign.account, "/", &foreign.region].concat();
            state.bucket(world, &scope, &foreign.account, &foreign.region, foreign.category);
        }
        state
    }

    fn arrive(&mut self, world: &World, call: &Call, at: Duration) -> bool {
        // A request of nobody known, or to where nobody is, belongs to no bucket.
        let category = match &call.caller {
            Ok(_) if !world.disabled_regions.contains(&call.region) => Category::of(&call.action),
            _ => None,
        };
        let bucket =
            category.and_then(|category| self.bucket(world, &call.scope, call.account(), &call.region, category));
        let throttled = bucket.is_some_and(|bucket| !bucket.take(at));
        if world.record_arrivals {
            self.arrivals.push(Arrival {
                at,
                account: call.account().to_owned(),
                region: call.region.clone(),
                action: call.action_number.map_or("other", |number| ACTIONS[number]),
                throttled,
            });
        }
        throttled
    }

    fn bucket(
        &mut self,
        world: &World,
        scope: &str,
        account: &str,
        region: &str,
        category: Category,
    ) -> Option<&mut SharedBucket> {
        let buckets = world.buckets.as_ref()?;
        // Looked up twice rather than copying the scope for every request.
        if !self.buckets.contains_key(scope) {
            self.buckets.insert(scope.to_owned(), full(world, buckets, account, region));
        }
        self.buckets.get_mut(scope).map(|buckets| &mut buckets[category as usize])
    }

    fn foreign(&mut self, world: &World, at: Duration) -> Vec<ForeignUse> {
        let mut all = vec![ForeignUse::default(); world.foreign.len()];
        for bucket in self.buckets.values_mut().flatten() {
            bucket.pass(at);
            bucket.uses().for_each(|(index, seen)| all[index] = seen);
        }
        all
    }
}

fn full(world: &World, buckets: &Buckets, account: &str, region: &str) -> [SharedBucket; Category::ALL.len()] {
    Category::ALL.map(|category| {
        let level = Level::full(buckets, world.seed, account, region, category);
        SharedBucket::new(world, level, account, region, category)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::{ACCOUNT, NOW, REGION, call};
    use crate::{Foreign, Refill};

    const OTHER: &str = "222222222222";
    const AT: Duration = Duration::from_millis(100);

    fn request(world: &World, account: &str, action: &str) -> Call {
        let token = crate::call::session_token(world, account, "role", "session", NOW + 1_000);
        call(world, Some(&token), Some(action), "{}")
    }

    fn world() -> World {
        World { buckets: Some(Buckets::published(Refill::Stepped)), ..World::default() }
    }

    fn throttled(state: &mut State, world: &World, account: &str, action: &str, tries: usize) -> usize {
        (0..tries).filter(|_| state.arrive(world, &request(world, account, action), AT)).count()
    }

    #[test]
    fn buckets_are_of_an_account_a_region_and_a_category() {
        let world = World { buckets: Some(Buckets::published(Refill::Smooth)), ..world() };
        let mut state = State::new(&world);
        assert_eq!(throttled(&mut state, &world, ACCOUNT, "ListClusters", 40), 0);
        assert_eq!(throttled(&mut state, &world, ACCOUNT, "DescribeClusters", 20), 10, "the same bucket");
        assert_eq!(throttled(&mut state, &world, ACCOUNT, "ListServices", 110), 10);
        assert_eq!(throttled(&mut state, &world, OTHER, "ListClusters", 60), 10);
        let mut elsewhere = request(&world, ACCOUNT, "ListClusters");
        elsewhere.region = "eu-west-1".to_owned();
        elsewhere.scope = [ACCOUNT, "/eu-west-1"].concat();
        assert!(!state.arrive(&world, &elsewhere, AT));
    }

    #[test]
    fn without_known_credentials_or_buckets_nothing_is_throttled() {
        let world = world();
        let mut state = State::new(&world);
        assert_eq!(throttled(&mut state, &world, ACCOUNT, "CreateCluster", 200), 0);
        let unknown = call(&world, Some("invented"), Some("ListClusters"), "{}");
        let disabled = World { disabled_regions: [REGION.to_owned()].into(), ..world.clone() };
        for _ in 0..200 {
            assert!(!state.arrive(&world, &unknown, AT));
            assert!(!state.arrive(&disabled, &request(&world, ACCOUNT, "ListClusters"), AT));
        }
        let open = World { buckets: None, ..world };
        assert_eq!(throttled(&mut State::new(&open), &open, ACCOUNT, "ListClusters", 200), 0);
    }

    #[test]
    fn arrivals_are_recorded_in_order() {
        let world = World { record_arrivals: true, ..world() };
        let mut state = State::new(&world);
        let bad_input = call(&world, None, Some("ListTasks"), &json!({"no": "member"}).to_string());
        state.arrive(&world, &bad_input, AT);
        state.arrive(&world, &call(&world, Some("invented"), Some("Invented"), "{}"), AT * 2);
        let seen = |at, account: &str, action| Arrival {
            at,
            account: account.to_owned(),
            region: REGION.to_owned(),
            action,
            throttled: false,
        };
        assert_eq!(state.arrivals, [seen(AT, ACCOUNT, "ListTasks"), seen(AT * 2, "", "other")]);
    }

    #[test]
    fn foreign_callers_are_counted_where_no_client_asks() {
        let foreign = |account: &str, per_second| Foreign {
            account: account.to_owned(),
            region: REGION.to_owned(),
            category: Category::TaskDefinitionRead,
            per_second,
        };
        let world = World { foreign: vec![foreign(OTHER, 40.0), foreign(ACCOUNT, 5.0)], ..world() };
        let mut state = State::new(&world);
        let seen = state.foreign(&world, Duration::from_secs(10));
        assert_eq!((seen[0].calls, seen[1]), (400, ForeignUse { calls: 50, throttled: 0 }));
        assert!(seen[0].throttled >= 400 - 50 - 10 * 20, "{seen:?}");
        let open = World { buckets: None, ..world };
        let none = [ForeignUse::default(); 2];
        assert_eq!(State::new(&open).foreign(&open, Duration::from_secs(10)), none);
    }
}
