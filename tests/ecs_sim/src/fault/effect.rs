//! What faults do to requests and their answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::mutation::Mutation;
use crate::ecs::Answer;
use crate::refusal::Refusal;
use crate::seal::hash;

/// What a fault does to a request. What changes an answer leaves error answers, and those of actions it is not for,
/// as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// An error answer.
    Refuse(Refusal),
    /// Status 503 with a text that is no JSON and has no error code, as a load balancer answers.
    Unavailable,
    /// The answer is held until [`FaultHandle::release`](crate::FaultHandle::release). A schedule never chooses it,
    /// since nobody could release it.
    Hold,
    /// No answer, until the client goes away or the simulator ends.
    Hang,
    /// The connection closes without an answer.
    Close,
    /// The connection is reset without an answer: TCP RST instead of FIN.
    Reset,
    /// The head comes at once, the body in at most eight pieces of equal size with this pause before each, so that the
    /// last one comes after all the pauses.
    Slow(Duration),
    /// The body ends after this many bytes, as if that were all of it.
    Cut(usize),
    /// Another body, with the status of success.
    Replace(String),
    /// The body of a Describe answer has something wrong, drawn from this seed and the body; in a schedule also from the
    /// request's draw.
    Mutate(Mutation, u64),
    /// The first so many objects of a Describe answer are missing, without an entry in its failures;
    /// DescribeTaskDefinition lacks its `taskDefinition` then.
    DropObjects(usize),
    /// The first object of a Describe answer is missing and stands in its failures with this reason; not for
    /// DescribeTaskDefinition, which has no failures.
    Fail(String),
    /// A List answer's nextToken is the token that the request carried, and the one of a first page is handed out
    /// again by every page it leads to: who follows tokens meets one twice, even if the effect is met but once.
    RepeatToken,
}

/// The members of a Describe answer: its objects, and what names them.
const DESCRIBES: [(&str, &str, &str); 3] = [
    ("DescribeClusters", "clusters", "clusterArn"),
    ("DescribeServices", "services", "serviceArn"),
    ("DescribeTasks", "tasks", "taskArn"),
];

impl Effect {
    /// A short name, as `reset`; of an error answer its code, as `ServerException`.
    pub fn name(&self) -> &str {
        match self {
            Effect::Refuse(refusal) => &refusal.code,
            Effect::Unavailable => "unavailable",
            Effect::Hold => "hold",
            Effect::Hang => "hang",
            Effect::Close => "close",
            Effect::Reset => "reset",
            Effect::Slow(_) => "slow",
            Effect::Cut(_) => "cut",
            Effect::Replace(_) => "replace",
            Effect::Mutate(mutation, _) => mutation.name(),
            Effect::DropObjects(_) => "drop_objects",
            Effect::Fail(_) => "fail",
            Effect::RepeatToken => "repeat_token",
        }
    }

    /// Whether a schedule may choose it for an action of ECS: it must be able to happen there, and to end.
    pub(super) fn fits(&self, action: &str) -> bool {
        match self {
            Effect::Hold => false,
            Effect::Refuse(refusal) if refusal.code == "ClusterNotFoundException" => {
                ["ListServices", "ListTasks", "DescribeServices", "DescribeTasks"].contains(&action)
            }
            Effect::DropObjects(_) | Effect::Mutate(..) => action.starts_with("Describe"),
            Effect::Fail(_) => DESCRIBES.iter().any(|(describe, ..)| *describe == action),
            Effect::RepeatToken => action.starts_with("List"),
            _ => true,
        }
    }

    /// This effect as one request meets it.
    pub(super) fn drawn(&self, draw: u64) -> Effect {
        match self {
            Effect::Mutate(mutation, seed) => Effect::Mutate(*mutation, hash(*seed, draw)),
            effect => effect.clone(),
        }
    }

    /// The answer to an action as this effect leaves it.
    pub(crate) fn changed(&self, action: &str, answer: Answer) -> Answer {
        let members = DESCRIBES.iter().find(|(describe, ..)| *describe == action);
        match (self, members) {
            (Effect::Cut(bytes), _) => {
                let cut = |mut body: Vec<u8>| {
                    body.truncate(*bytes);
                    body
                };
                Answer { result: answer.result.map(cut), items: 0, missing: 0, ..answer }
            }
            (Effect::Mutate(mutation, seed), _) => {
                let mutate = |body: Vec<u8>| mutation.of(*seed, &body);
                Answer { result: answer.result.map(mutate), items: 0, missing: 0, ..answer }
            }
            (Effect::DropObjects(count), Some((_, objects, _))) => {
                edited(answer, |body| body[*objects].as_array_mut().map_or(0, |all| taken(all, *count).count() as u64))
            }
            (Effect::DropObjects(1..), None) if action == "DescribeTaskDefinition" => edited(answer, |body| {
                u64::from(body.as_object_mut().is_some_and(|all| all.remove("taskDefinition").is_some()))
            }),
            (Effect::Fail(reason), Some((_, objects, arn))) => edited(answer, |body| {
                let Some(mut failed) = body[*objects].as_array_mut().and_then(|all| taken(all, 1).next()) else {
                    return 0;
                };
                if let Some(failures) = body["failures"].as_array_mut() {
                    failures.push(json!({"arn": failed[*arn].take(), "reason": reason}));
                }
                1
            }),
            _ => answer,
        }
    }
}

/// The first so many of a list, which are no longer in it then.
fn taken(list: &mut Vec<Value>, count: usize) -> impl Iterator<Item = Value> {
    list.drain(..count.min(list.len()))
}

/// An answer with its body edited; `edit` tells how many objects are gone.
fn edited(answer: Answer, edit: impl FnOnce(&mut Value) -> u64) -> Answer {
    let Some(mut body) = answer.result.as_ref().ok().and_then(|body| serde_json::from_slice::<Value>(body).ok()) else {
        return answer;
    };
    let gone = edit(&mut body);
    Answer { result: Ok(body.to_string().into_bytes()), items: answer.items - gone, ..answer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::World;
    use crate::call::ACTIONS;
    use crate::tests::{ACCOUNT, REGION, body, ecs};

    /// Three of every kind, described.
    fn described(action: &str, members: [&str; 2]) -> Answer {
        let world = World::default();
        let [member, arn] = members;
        let (account, region) = (ACCOUNT, REGION);
        let objects: Vec<Value> = match action {
            "DescribeClusters" => world.clusters(account, region).take(3).collect(),
            "DescribeServices" => world.services(account, region).take(3).collect(),
            "DescribeTasks" => world.tasks(account, region, false).take(3).collect(),
            _ => {
                let definition = world.task_definitions(account, region).next().expect("a task definition");
                return ecs(&world, action, &json!({"taskDefinition": definition[arn]}));
            }
        };
        let arns: Vec<&Value> = objects.iter().map(|object| &object[arn]).collect();
        let mut input = json!({"include": ["TAGS"], member: arns});
        if member != "clusters" {
            input["cluster"] = objects[0]["clusterArn"].clone();
        }
        ecs(&world, action, &input)
    }

    #[test]
    fn objects_are_dropped_and_nothing_tells_it() {
        for (action, member, arn) in DESCRIBES {
            let whole = body(described(action, [member, arn]));
            for (count, left) in [(0, 3), (1, 2), (3, 0), (9, 0)] {
                let answer = Effect::DropObjects(count).changed(action, described(action, [member, arn]));
                assert_eq!((answer.items, answer.missing), (left, 0));
                let mut expected = whole.clone();
                taken(expected[member].as_array_mut().expect("objects"), count).for_each(drop);
                assert_eq!(body(answer), expected, "{action} without {count}");
            }
        }
        let whole = || described("DescribeTaskDefinition", ["taskDefinition", "taskDefinitionArn"]);
        let answer = Effect::DropObjects(1).changed("DescribeTaskDefinition", whole());
        assert_eq!((answer.items, body(answer)), (0, json!({})));
        let answer = Effect::DropObjects(0).changed("DescribeTaskDefinition", whole());
        assert!(body(answer)["taskDefinition"].is_object());
    }

    #[test]
    fn the_first_object_fails_with_its_reason() {
        for (action, member, arn) in DESCRIBES {
            let whole = body(described(action, [member, arn]));
            let answer = Effect::Fail("THROTTLED".to_owned()).changed(action, described(action, [member, arn]));
            assert_eq!(answer.items, 2);
            let failed = body(answer);
            assert_eq!(failed["failures"], json!([{"arn": whole[member][0][arn], "reason": "THROTTLED"}]));
            assert_eq!(failed[member].as_array().map(Vec::as_slice), whole[member].as_array().map(|all| &all[1..]));
        }
    }

    #[test]
    fn other_answers_stay_as_they_are() {
        let list = || ecs(&World::default(), "ListClusters", &json!({"maxResults": 100}));
        let definition = || described("DescribeTaskDefinition", ["taskDefinition", "taskDefinitionArn"]);
        let refused = || ecs(&World::default(), "DescribeTasks", &json!({"cluster": "no", "tasks": ["t"]}));
        for effect in [Effect::DropObjects(1), Effect::Fail("WHY".to_owned())] {
            assert_eq!(effect.changed("ListClusters", list()).result, list().result);
            assert_eq!(effect.changed("AssumeRole", list()).result, list().result);
            assert_eq!(effect.changed("DescribeTasks", refused()).result, refused().result);
        }
        let failed = Effect::Fail("WHY".to_owned()).changed("DescribeTaskDefinition", definition());
        assert_eq!(failed.result, definition().result);
    }

    #[test]
    fn a_schedule_chooses_what_fits() {
        let fits = |effect: &Effect| -> Vec<&str> {
            ACTIONS
                .into_iter()
                .filter(|action| !["AssumeRole", "GetCallerIdentity"].contains(action))
                .filter(|action| effect.fits(action))
                .collect()
        };
        let (describes, lists) = (
            ["DescribeClusters", "DescribeServices", "DescribeTaskDefinition", "DescribeTasks"],
            ["ListClusters", "ListServices", "ListTaskDefinitions", "ListTasks"],
        );
        assert_eq!(fits(&Effect::Hold), Vec::<&str>::new());
        assert_eq!(fits(&Effect::Reset), [describes, lists].concat());
        assert_eq!(fits(&Effect::DropObjects(1)), describes);
        assert_eq!(fits(&Effect::RepeatToken), lists);
        assert_eq!(fits(&Effect::Fail(String::new())), ["DescribeClusters", "DescribeServices", "DescribeTasks"]);
        assert_eq!(
            fits(&Effect::Refuse(Refusal::cluster_not_found())),
            ["DescribeServices", "DescribeTasks", "ListServices", "ListTasks"]
        );
        assert_eq!(fits(&Effect::Refuse(Refusal::throttled())).len(), 8);
    }
}
