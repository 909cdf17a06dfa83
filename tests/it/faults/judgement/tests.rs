//! The judge is judged: of each kind of mistake it complains, and of nothing else.

use ecs_sdm_producer::report::PartitionRange;
use kit::report::completed;

use super::*;

const OBJECT: &str = "EcsTask";

/// Two syncs of three tasks, each acknowledged and on its topic once.
struct Case {
    truth: Truth,
    reports: Vec<Report>,
    topics: Topics,
    events: Vec<Landed>,
    allowed: Allowed,
}

fn record(key: &str, sync: i64, offset: i64) -> Landed {
    Landed {
        key: key.to_owned(),
        value: key.as_bytes().to_vec(),
        timestamp: sync,
        headers: BTreeMap::from([("ce_id".to_owned(), format!("{key}@{sync}"))]),
        partition: 0,
        offset,
    }
}

fn report(sync: i64, low: i64) -> Report {
    completed(sync, OBJECT, 3, PartitionRange { topic: "tasks".to_owned(), partition: 0, low, high: low + 3 })
}

fn good() -> Case {
    let keys = ["a", "b", "c"];
    let landed = (0..).zip([1, 2].into_iter().flat_map(|sync| keys.map(|key| (key, sync))));
    Case {
        truth: BTreeMap::from([(OBJECT, keys.map(str::to_owned).into())]),
        reports: vec![report(1, 0), report(2, 3)],
        topics: BTreeMap::from([(
            OBJECT,
            ("tasks".to_owned(), landed.map(|(offset, (key, sync))| record(key, sync, offset)).collect()),
        )]),
        events: [1, 2]
            .iter()
            .flat_map(|sync| ["STARTED", "SCOPE", "COMPLETED"].map(|event| record(&format!("name,{event}"), *sync, 0)))
            .collect(),
        allowed: Allowed { outcomes: vec![Outcome::Completed; 2], ..Allowed::default() },
    }
}

impl Case {
    fn landed(&mut self) -> &mut Vec<Landed> {
        &mut self.topics.get_mut(OBJECT).unwrap().1
    }

    fn first(&mut self) -> &mut TypeReport {
        &mut self.reports[0].types[0]
    }

    /// The last task of the first sync was not acknowledged, and it is said so.
    fn unacknowledged(&mut self) {
        let one = self.first();
        (one.state, one.counts.acknowledged, one.counts.failed) = (State::Partial, 2, 1);
        one.error = Some("not acknowledged".to_owned());
        self.reports[0].outcome = Outcome::Partial;
        self.events[2] = record("name,PARTIAL", 1, 0);
        self.allowed.outcomes[0] = Outcome::Partial;
    }
}

fn judged(change: impl FnOnce(&mut Case)) -> Judgement {
    let mut case = good();
    change(&mut case);
    judge(&case.truth, &case.reports, &case.topics, &case.events, &case.allowed)
}

#[track_caller]
fn complains(of: &str, change: impl FnOnce(&mut Case)) {
    let Judgement { complaints, .. } = judged(change);
    assert!(complaints.iter().any(|complaint| complaint.contains(of)), "{complaints:?}");
}

#[test]
fn of_a_good_case_nothing_is_said() {
    let judgement = judged(|_| {});
    assert_eq!((judgement.acknowledged, judgement.complaints), (6, Vec::<String>::new()));
    assert_eq!(judged(Case::unacknowledged).complaints, Vec::<String>::new(), "it may be on its topic all the same");
    let absent = judged(|case| {
        case.unacknowledged();
        case.landed().remove(2);
    });
    assert_eq!((absent.lost, absent.failed, absent.complaints), (0, 1, Vec::new()), "or not");
}

#[test]
fn what_is_acknowledged_and_absent_is_lost() {
    complains("1 of 3 are not on the topic", |case| drop(case.landed().remove(2)));
    complains("1 of 2 are not on the topic", |case| {
        case.unacknowledged();
        case.landed().drain(1..3);
    });
    assert_eq!(judged(|case| drop(case.landed().drain(..3))).lost, 3);
}

#[test]
fn what_comes_twice_is_allowed_or_not() {
    let twice = |case: &mut Case| case.landed().push(record("c", 2, 6));
    complains("1 records came twice", twice);
    let allowed = judged(|case| {
        twice(case);
        case.allowed.duplicates = true;
    });
    assert_eq!((allowed.duplicates, allowed.complaints), (1, Vec::new()));
    complains("came twice, and differs", |case| {
        twice(case);
        case.landed().last_mut().unwrap().value.clear();
    });
}

#[test]
fn no_key_goes_back_in_time_or_elsewhere() {
    complains("a goes back at 0@6", |case| case.landed().push(record("a", 1, 6)));
    complains("a goes back at 1@3", |case| case.landed()[3].partition = 1);
}

#[test]
fn what_is_missing_is_counted_and_its_type_is_partial() {
    complains("3 described, 2 acknowledged, 0 failed", |case| case.first().counts.acknowledged = 2);
    complains("Complete with 1 failed", |case| {
        case.unacknowledged();
        case.first().state = State::Complete;
    });
    complains("Partial with 0 failed", |case| case.first().state = State::Partial);
    complains("Partial with the reason None", |case| {
        case.unacknowledged();
        case.first().error = None;
    });
    complains("ended [Failed, Completed], not [Completed, Completed]", |case| {
        case.reports[0].outcome = Outcome::Failed;
    });
}

#[test]
fn the_sync_topic_tells_of_every_sync() {
    for (at, word) in ["STARTED", "SCOPE", "COMPLETED"].into_iter().enumerate() {
        complains(&format!("{word} is not on the sync topic"), |case| drop(case.events.remove(at)));
    }
}

#[test]
fn records_lie_where_the_report_says_and_are_of_the_account() {
    complains("c is outside of the ranges", |case| case.reports[1].partitions[0].high -= 1);
    complains("c is outside of the ranges", |case| case.reports[1].partitions.clear());
    complains("d is not in the account", |case| case.landed().push(record("d", 2, 6)));
}
