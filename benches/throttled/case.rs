//! One client against one simulator, and what came of it.

use std::time::{Duration, SystemTime};

use ecs_sim::{Buckets, Category, ForeignUse, Shape, Simulator, World};
use kit::bench::{Result, landed};

use crate::ours::{self, Figures, Settings};
use crate::traffic::{CATEGORIES, Traffic, least_calls};

/// What is simulated, and the sync that is to read it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) world: World,
    /// Endpoint and brokers are filled in.
    pub(crate) settings: Settings,
}

/// What came of a sync.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ours: Figures,
    pub(crate) traffic: Traffic,
    /// Seconds from the first call to the last acknowledgement.
    pub(crate) acknowledged: f64,
    /// Objects that are not on the topics.
    pub(crate) lost: u64,
    /// What the first foreign caller got.
    pub(crate) foreign: Option<ForeignUse>,
}

/// A world with AWS's buckets, in one account.
pub(crate) fn world(shape: Shape, buckets: Buckets, latency_ms: [u64; 2]) -> World {
    let [least, most] = latency_ms.map(Duration::from_millis);
    World { shape, buckets: Some(buckets), latency: least..=most, record_arrivals: true, ..World::default() }
}

impl Case {
    /// Runs the sync to its end.
    pub(crate) fn run(&self, brokers: &str) -> Result<Run> {
        // Taken before the simulator takes its own, so that a time since the first call is never too short.
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        let simulator = Simulator::start(self.world.clone())?;
        let endpoint = simulator.endpoint();
        let settings = Settings { endpoint, brokers: brokers.to_owned(), ..self.settings.clone() };
        let ours = ours::measure(&settings)?;
        let foreign = simulator.foreign().first().copied();
        let traffic = seen(&simulator)?;
        let name = &settings.prefix;
        if traffic.calls() != ours.attempts || traffic.throttled() != ours.throttled {
            let (calls, throttled) = (traffic.calls(), traffic.throttled());
            return Err(format!("{name}: {calls} calls arrived, {throttled} were throttled: {ours:?}").into());
        }
        let (objects, landed) = (self.objects(), landed::keys(&settings.brokers, &settings.prefix, &settings.objects)?);
        let lost = objects.checked_sub(landed).ok_or_else(|| format!("{name}: {landed} of {objects} objects"))?;
        let (answered, least) = (traffic.calls() - traffic.throttled(), self.least_calls());
        if lost == 0 && answered != least {
            return Err(format!("{name}: {answered} calls were answered where {least} are enough").into());
        }
        let acknowledged = ours.ended as f64 / 1e3 - (epoch + traffic.first().as_secs_f64());
        Ok(Run { ours, traffic, acknowledged, lost, foreign })
    }

    fn wants(&self, object: &str) -> bool {
        self.settings.objects.iter().any(|wanted| wanted == object)
    }

    /// The shapes of all accounts that are read.
    fn shapes(&self) -> Vec<Shape> {
        let World { shape, shapes, .. } = &self.world;
        let of = |role: &String| {
            let account = role.split(':').nth(4).unwrap_or_default();
            *shapes.get(&(account.to_owned(), kit::REGION.to_owned())).unwrap_or(shape)
        };
        let roles = &self.settings.roles;
        if roles.is_empty() { vec![*shape] } else { roles.iter().map(of).collect() }
    }

    /// How many objects there are to read.
    fn objects(&self) -> u64 {
        let of = |shape: Shape| {
            let all = [
                ("EcsCluster", shape.clusters),
                ("EcsService", shape.services),
                ("EcsTask", shape.tasks),
                ("EcsTaskDefinition", shape.task_definitions),
            ];
            all.into_iter().filter(|(object, _)| self.wants(object)).map(|(_, count)| count).sum::<u64>()
        };
        self.shapes().into_iter().map(of).sum()
    }

    /// The categories that are drawn from: here clusters are always read where their services or tasks are.
    pub(crate) fn categories(&self) -> impl Iterator<Item = (Category, &'static str)> + '_ {
        let drawn = |category: Category| match category {
            Category::ClusterRead => self.wants("EcsCluster"),
            Category::ServiceRead => self.wants("EcsService"),
            Category::ClusterResourceRead => self.wants("EcsTask"),
            Category::TaskDefinitionRead => self.wants("EcsTaskDefinition"),
        };
        CATEGORIES.into_iter().filter(move |(category, _)| drawn(*category))
    }

    fn least_calls(&self) -> u64 {
        let of = |shape: Shape| self.categories().map(|(category, _)| least_calls(&shape, category)).sum::<u64>();
        self.shapes().into_iter().map(of).sum()
    }

    /// The seconds that the bucket of a category needs for a shape: a full one, of which a share is ours, and what others leave.
    pub(crate) fn floor(&self, shape: &Shape, category: Category) -> f64 {
        let World { buckets, foreign, .. } = &self.world;
        let Some(bucket) = buckets.map(|buckets| buckets.of(category)) else { return 0.0 };
        let theirs = foreign.iter().filter(|foreign| foreign.category == category).map(|foreign| foreign.per_second);
        let (capacity, per_second) = (f64::from(bucket.capacity), f64::from(bucket.per_second));
        let share = self.settings.api_share;
        let rate = (share * per_second).min(per_second - theirs.sum::<f64>());
        ((least_calls(shape, category) as f64 - share * capacity) / rate).max(0.0)
    }
}

/// What has arrived. A request that breaks a rule of the API is an error.
pub(crate) fn seen(simulator: &Simulator) -> Result<Traffic> {
    match simulator.counters().breaches.first() {
        Some(breach) => Err(format!("a request broke a rule of the API: {breach}").into()),
        None => Ok(Traffic::new(simulator.arrivals())),
    }
}
