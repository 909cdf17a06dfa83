//! A schedule of faults that is drawn from a seed: the same requests meet the same faults, in whatever order they come.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::effect::Effect;
use crate::bucket::Category;
use crate::call::{Call, Input};
use crate::seal::{hash, key};

/// Faults by chance. A request is known by its account, region, action, cluster, page token, filters and the objects
/// that it asks for, and by how often it was seen before: a repeated request has a new chance. Requests that are
/// throttled, that meet a fault on demand, or that cannot be read or belong to nobody meet none and are not counted.
#[derive(Debug, Clone)]
pub struct Chaos {
    /// Two simulators with one seed harm the same requests in the same way.
    pub seed: u64,
    /// How many of a thousand requests meet a fault.
    pub permille: u32,
    /// What may happen to them; each is chosen as often as the others, for actions that it fits.
    pub effects: Vec<Effect>,
    /// The actions of ECS that may meet a fault; none named is all eight.
    pub actions: Vec<String>,
    /// At most so many faults in all. Which ones of the schedule these are is then a matter of who comes first.
    pub most: Option<u64>,
}

/// [`Chaos`] at work.
#[derive(Debug, Default)]
pub(crate) struct Schedule(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// How often each request was seen.
    requests: HashMap<u64, u64>,
    /// Faults met, by the name of their effect.
    met: BTreeMap<String, u64>,
    faults: u64,
}

impl Schedule {
    /// The effect that this request meets.
    pub(crate) fn meet(&self, chaos: &Chaos, call: &Call) -> Option<Effect> {
        Category::of(&call.action)?;
        if !chaos.actions.is_empty() && !chaos.actions.contains(&call.action) {
            return None;
        }
        let (Ok(_), Ok(input)) = (&call.caller, &call.input) else {
            return None;
        };
        let identity = identity(chaos.seed, call, input);
        let mut seen = self.lock();
        let times = seen.requests.entry(identity).or_default();
        let draw = hash(identity, *times);
        *times += 1;
        let effect = chosen(chaos, &call.action, draw)?;
        if chaos.most.is_some_and(|most| seen.faults >= most) {
            return None;
        }
        seen.faults += 1;
        match seen.met.get_mut(effect.name()) {
            Some(met) => *met += 1,
            None => _ = seen.met.insert(effect.name().to_owned(), 1),
        }
        Some(effect.drawn(draw))
    }

    /// Faults met, by the name of their effect.
    pub(crate) fn met(&self) -> BTreeMap<String, u64> {
        self.lock().met.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a draw gives for an action.
fn chosen<'c>(chaos: &'c Chaos, action: &str, draw: u64) -> Option<&'c Effect> {
    if draw % 1_000 >= u64::from(chaos.permille) {
        return None;
    }
    let fitting = || chaos.effects.iter().filter(|effect| effect.fits(action));
    let number = (draw / 1_000).checked_rem(fitting().count() as u64)?;
    fitting().nth(usize::try_from(number).ok()?)
}

/// A number that stands for a request. In which order it asks for its objects does not matter.
fn identity(seed: u64, call: &Call, input: &Input) -> u64 {
    let objects = [&input.clusters, &input.services, &input.tasks].into_iter().flatten().flatten();
    let objects = objects.fold(0, |sum: u64, arn| sum.wrapping_add(key(seed, &[arn])));
    let request = key(seed, &[&call.scope, &call.action]);
    let names = [&input.cluster, &input.next_token, &input.task_definition];
    let filters = [&input.desired_status, &input.family_prefix, &input.status, &input.sort];
    let members = names.into_iter().chain(filters).map(|member| member.as_deref().unwrap_or_default());
    hash(members.fold(request, |request, member| key(request, &[member])), objects)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::World;
    use crate::tests::call;

    fn chaos(permille: u32, effects: &[Effect]) -> Chaos {
        Chaos { seed: 7, permille, effects: effects.to_vec(), actions: Vec::new(), most: None }
    }

    fn effects() -> Vec<Effect> {
        vec![Effect::Reset, Effect::Slow(Duration::from_millis(1)), Effect::DropObjects(2), Effect::RepeatToken]
    }

    /// Lists and describes of many clusters, each request once.
    fn requests() -> Vec<Call> {
        let world = World::default();
        let ask = |action: &str, input: serde_json::Value| call(&world, None, Some(action), &input.to_string());
        (0..500)
            .flat_map(|n| {
                [
                    ask("ListTasks", json!({"cluster": n.to_string()})),
                    ask("ListTasks", json!({"cluster": n.to_string(), "nextToken": "t"})),
                    ask("DescribeTasks", json!({"cluster": "c", "tasks": [n.to_string(), "x"]})),
                    ask("DescribeTaskDefinition", json!({"taskDefinition": n.to_string()})),
                ]
            })
            .collect()
    }

    fn met(schedule: &Schedule, chaos: &Chaos, call: &Call) -> Option<String> {
        schedule.meet(chaos, call).map(|effect| effect.name().to_owned())
    }

    #[test]
    fn a_schedule_does_not_depend_on_the_order() {
        let (chaos, calls) = (chaos(100, &effects()), requests());
        let (forward, backward) = (Schedule::default(), Schedule::default());
        for round in 0..2 {
            let one: Vec<_> = calls.iter().map(|call| met(&forward, &chaos, call)).collect();
            let mut two: Vec<_> = calls.iter().rev().map(|call| met(&backward, &chaos, call)).collect();
            two.reverse();
            assert_eq!(one, two, "round {round}");
            let faults = one.iter().flatten().count();
            assert!((150..250).contains(&faults), "{faults} of 2,000 requests at 100 in 1,000");
        }
        assert_eq!(forward.met(), backward.met());
        assert_eq!(forward.met().keys().collect::<Vec<_>>(), ["drop_objects", "repeat_token", "reset", "slow"]);
        let other = Schedule::default();
        let reseeded = Chaos { seed: 8, ..chaos.clone() };
        let draws =
            |schedule: &Schedule, chaos| calls.iter().map(|call| met(schedule, chaos, call)).collect::<Vec<_>>();
        assert_ne!(draws(&other, &reseeded), draws(&Schedule::default(), &chaos));
    }

    #[test]
    fn a_repeated_request_has_a_new_chance() {
        let (chaos, schedule, calls) = (chaos(500, &effects()), Schedule::default(), requests());
        let faults = (0..1_000).filter(|_| schedule.meet(&chaos, &calls[0]).is_some()).count();
        assert!((400..600).contains(&faults), "{faults}");
    }

    #[test]
    fn objects_are_the_same_in_any_order() {
        let world = World::default();
        let of = |tasks: &[&str]| {
            let call = call(&world, None, Some("DescribeTasks"), &json!({"tasks": tasks}).to_string());
            identity(1, &call, call.input.as_ref().expect("an input"))
        };
        assert_eq!(of(&["a", "b", "c"]), of(&["c", "a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
    }

    #[test]
    fn only_what_fits_and_is_named_is_met() {
        let (calls, schedule) = (requests(), Schedule::default());
        let all = |chaos: &Chaos| calls.iter().map(|call| met(&schedule, chaos, call)).collect::<Vec<_>>();
        let dropped = all(&chaos(1_000, &[Effect::DropObjects(1), Effect::Hold]));
        for (call, met) in calls.iter().zip(dropped) {
            assert_eq!(met.is_some(), call.action.starts_with("Describe"), "{}", call.action);
        }
        let named = Chaos { actions: vec!["ListTasks".to_owned()], ..chaos(1_000, &[Effect::Reset]) };
        assert_eq!(all(&named).iter().flatten().count(), 1_000);
        for none in [chaos(0, &[Effect::Reset]), chaos(1_000, &[]), chaos(1_000, &[Effect::Hold])] {
            assert_eq!(all(&none).iter().flatten().count(), 0);
        }
        let world = World::default();
        let (nobody, unread, other) = (
            call(&world, Some("invented"), Some("ListTasks"), "{}"),
            call(&world, None, Some("ListTasks"), "no JSON"),
            call(&world, None, None, "Action=GetCallerIdentity"),
        );
        for call in [nobody, unread, other] {
            assert_eq!(schedule.meet(&chaos(1_000, &[Effect::Reset]), &call), None);
        }
    }

    #[test]
    fn faults_end_when_there_were_enough() {
        let (schedule, chaos) = (Schedule::default(), Chaos { most: Some(3), ..chaos(1_000, &[Effect::Reset]) });
        let faults = requests().iter().filter(|call| schedule.meet(&chaos, call).is_some()).count();
        assert_eq!((faults, schedule.met()["reset"]), (3, 3));
    }
}
