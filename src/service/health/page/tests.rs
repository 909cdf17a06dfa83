use super::verdict::Mood;
use super::*;
use crate::report::{Cause, Counts, Report, State, StopReason, TypeReport};
use crate::sync::LiveType;

fn of(role: &str, object: &'static str, state: State, error: Option<&str>) -> TypeReport {
    let cause = |error: &str| Cause { parent: None, error: error.to_owned() };
    TypeReport {
        account: Some("111111111111".to_owned()),
        region: Some("eu-west-1".to_owned()),
        role: Some(role.to_owned()),
        object,
        state,
        counts: Counts::default(),
        error: error.map(str::to_owned),
        causes: error.map(cause).into_iter().collect(),
    }
}

/// A board after a sync with these types, an hour ago.
fn board(types: Vec<TypeReport>, stop_reason: Option<StopReason>) -> Board {
    let board = Board::new("a");
    board.ready();
    let sync = now() - 3_600_000;
    board.end(Some(&Report::new(sync, "a".to_owned(), types, CallCounts::default(), stop_reason)));
    board
}

fn complete() -> Vec<TypeReport> {
    vec![of("a", "EcsCluster", State::Complete, None)]
}

fn verdict(board: &Board) -> (Mood, String, Option<String>) {
    let Verdict { mood, title, reason } = Verdict::of(&Facts::of(board));
    (mood, title, reason)
}

#[test]
fn each_state_has_its_sentence() {
    let say = |mood, title: &str, reason: Option<&str>| (mood, title.to_owned(), reason.map(str::to_owned));
    let new = Board::new("a");
    assert_eq!(verdict(&new), say(Mood::Plain, "No sync has begun yet", None));
    new.not_yet("no broker".to_owned());
    assert_eq!(verdict(&new), say(Mood::Bad, "No sync could begin", Some("no broker")));

    let well = board(complete(), None);
    let good = say(Mood::Good, "The inventory is complete, as of 60 minutes ago", None);
    assert_eq!(verdict(&well), good);
    well.not_yet("no registry".to_owned());
    well.plan(Some(std::time::Instant::now() + Duration::from_secs(600)), 0);
    let title = "No sync could begin. It is tried again in 10 minutes";
    assert_eq!(verdict(&well), say(Mood::Bad, title, Some("no registry")));
    well.ready();
    assert_eq!(verdict(&well), good, "what kept the last try from its start is over");
    well.unready("it is fenced".to_owned());
    assert_eq!(verdict(&well), say(Mood::Bad, "Kafka cannot be used", Some("it is fenced")));
    well.ready();
    assert_eq!(verdict(&well), good, "there is another producer");
    well.stop();
    assert_eq!(verdict(&well), say(Mood::Plain, "It is being stopped", None));
    assert!(Facts::of(&well).page(true).next.is_none(), "there will be no next one");

    let partial = [complete(), vec![of("b", "EcsCluster", State::Denied, Some("no"))]].concat();
    let title = "The inventory is not complete. The last sync began 60 minutes ago";
    let reason = "EcsCluster of 111111111111 in eu-west-1: no";
    assert_eq!(verdict(&board(partial, None)), say(Mood::Poor, title, Some(reason)));
    let denied = vec![of("b", "EcsCluster", State::Denied, Some("no"))];
    let failed = board(denied.clone(), None);
    let (mood, title, reason) = verdict(&failed);
    assert_eq!((mood, title.as_str()), (Mood::Bad, "The last sync has failed. It began 60 minutes ago"));
    assert!(reason.is_some_and(|reason| reason.ends_with(": no")));
    assert_eq!(Facts::of(&failed).page(true).last.unwrap().error, None, "a reason is said once");
    let (mood, title, _) = verdict(&board(denied, Some(StopReason::Signal)));
    assert_eq!((mood, title.as_str()), (Mood::Poor, "The last sync was stopped. It began 60 minutes ago"));

    let still = Facts { standstill: Some("the scheduler stands still"), ..Facts::of(&board(complete(), None)) };
    assert_eq!(Verdict::of(&still).title, "It stands still");
}

#[test]
fn types_of_a_scope_that_fail_alike_are_one_line_and_others_are_not() {
    let types = vec![
        of("a", "EcsCluster", State::Complete, None),
        of("a", "EcsTask", State::Partial, Some("broken")),
        of("b", "EcsCluster", State::Denied, Some("no")),
        of("b", "EcsTask", State::Denied, Some("no")),
        of("c", "EcsCluster", State::Denied, Some("no")),
        of("c", "EcsTask", State::Partial, Some("no")),
    ];
    let facts = Facts::of(&board(types, None));
    let page = facts.page(true);
    let rows: Vec<(&str, &str)> = page.missing.iter().map(|row| (row.scope.role, row.objects.as_str())).collect();
    assert_eq!(rows, [("a", "EcsTask"), ("b", "EcsCluster, EcsTask"), ("c", "EcsCluster"), ("c", "EcsTask")]);
    assert_eq!(page.incomplete.0, 5);
    let complete: Vec<(u64, u64)> = page.objects.iter().map(|row| (row.complete.0, row.scopes.0)).collect();
    assert_eq!(complete, [(1, 3), (0, 3)]);
}

/// Scopes are admitted as their turn comes.
#[test]
fn an_object_is_whole_when_all_scopes_are_and_not_those_alone_that_have_begun() {
    let live = |role| LiveType { report: of(role, "EcsCluster", State::Complete, None), has_ended: true };
    let begun = [live("a"), live("b")];
    let seen = |asked| {
        let row = rows::objects(&begun, &[], asked).remove(0);
        (row.complete.0, row.scopes.0, row.mood)
    };
    assert_eq!(seen(Some(3)), (2, 3, Mood::Plain));
    assert_eq!(seen(Some(2)), (2, 2, Mood::Good));
    assert_eq!(seen(None), (2, 2, Mood::Good));
}

#[test]
fn a_query_may_hold_more_than_what_stops_the_refresh() {
    assert!(is_still("refresh=off") && is_still("a=b&refresh=off&"));
    assert!(!is_still("") && !is_still("refresh=on") && !is_still("arefresh=off"));
}
