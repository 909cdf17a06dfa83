//! STS, and the accounts behind session tokens.

use std::time::Duration;

use super::*;

#[test]
fn assume_role_checks_what_sts_checks() {
    let role = "arn:aws:iam::222222222222:role/reader";
    let rule = |arn: &str, rule| (arn.to_owned(), rule);
    let world = World {
        roles: BTreeMap::from([
            rule("arn:aws:iam::222222222222:role/refused", RoleRule { refused: true, ..RoleRule::default() }),
            rule(
                "arn:aws:iam::222222222222:role/guarded",
                RoleRule { external_id: Some("e:1".to_owned()), ..RoleRule::default() },
            ),
            rule(
                "arn:aws:iam::222222222222:role/brief",
                RoleRule { max_session_duration: Some(3_600), ..RoleRule::default() },
            ),
        ]),
        ..World::default()
    };
    let chained = session_token(&world, ACCOUNT, "hub", "session", NOW + 60_000);
    for (form, token, expected) in [
        (format!("RoleArn={role}&RoleSessionName=s1&DurationSeconds=43200"), None, None),
        (format!("RoleArn={role}&RoleSessionName=s1&DurationSeconds=3600"), Some(&chained), None),
        (
            "RoleArn=arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2Fguarded&RoleSessionName=s1&ExternalId=e%3A1".to_owned(),
            None,
            None,
        ),
        (
            format!("RoleArn={role}&RoleSessionName=s1&DurationSeconds=899"),
            None,
            Some(
                "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
            ),
        ),
        (format!("RoleArn={role}&RoleSessionName=s1&DurationSeconds=43201"), None, Some("less than or equal to 43200")),
        (format!("RoleArn={role}&RoleSessionName=s1&DurationSeconds=7200"), Some(&chained), Some("role chaining")),
        (
            format!("RoleArn={role}/brief&RoleSessionName=s1&DurationSeconds=7200").replace("reader/", ""),
            None,
            Some("exceeds the MaxSessionDuration set for this role."),
        ),
        (format!("RoleArn={role}"), None, Some("Value null at 'roleSessionName'")),
        ("RoleSessionName=s1".to_owned(), None, Some("Value null at 'roleArn'")),
        (
            format!("RoleArn={role}&RoleSessionName=s"),
            None,
            Some("'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"),
        ),
        (
            format!("RoleArn={role}&RoleSessionName=a+b"),
            None,
            Some(
                "Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
            ),
        ),
        (format!("RoleArn={role}&RoleSessionName=s1&ExternalId=%F0"), None, Some("'externalId'")),
        ("RoleArn=reader&RoleSessionName=s1".to_owned(), None, Some("Value 'reader' at 'roleArn' failed")),
        (
            "RoleArn=arn:aws:iam::2222:role/reader&RoleSessionName=s1".to_owned(),
            None,
            Some("arn:aws:iam::2222:role/reader is invalid"),
        ),
        (
            format!("RoleArn={role}&RoleSessionName=s1").replace("reader", "refused"),
            None,
            Some("is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/refused"),
        ),
        (
            format!("RoleArn={role}&RoleSessionName=s1&ExternalId=e2").replace("reader", "guarded"),
            None,
            Some("is not authorized"),
        ),
    ] {
        let answer =
            sts_call(&world, token.map(String::as_str), &format!("Action=AssumeRole&Version=2011-06-15&{form}"));
        match (answer.result, expected) {
            (Ok(_), None) => {}
            (Err(refusal), Some(message)) => {
                let denied = message.contains("not authorized");
                assert_eq!(
                    (refusal.status, refusal.code.as_str()),
                    if denied { (403, "AccessDenied") } else { (400, "ValidationError") },
                    "{form}"
                );
                assert!(refusal.message.contains(message), "{form}: {}", refusal.message);
            }
            (result, _) => panic!("{form}: {result:?}"),
        }
    }
}

#[test]
fn session_tokens_tell_accounts_apart() {
    let world = World { base_session_token: Some("configured".to_owned()), ..World::default() };
    let answer = sts_call(
        &world,
        None,
        "Action=AssumeRole&RoleArn=arn:aws:iam::222222222222:role/path/reader&RoleSessionName=s1&DurationSeconds=900",
    );
    let text = String::from_utf8(answer.result.expect("a result")).expect("text");
    let token = member(&text, "SessionToken");
    assert!(text.contains("<Expiration>2026-11-23T21:05:00Z</Expiration>"), "{text}");
    let expired = session_token(&world, "222222222222", "reader", "s1", NOW);
    let tampered = token.replace("222222222222", "333333333333");
    for (token, expected) in [
        (None, Ok(ACCOUNT)),
        (Some("configured"), Ok(ACCOUNT)),
        (Some(token), Ok("222222222222")),
        (Some(tampered.as_str()), Err("UnrecognizedClientException")),
        (Some("anything"), Err("UnrecognizedClientException")),
        (Some(expired.as_str()), Err("ExpiredTokenException")),
    ] {
        let call = call(&world, token, Some("ListClusters"), r#"{"maxResults":100}"#);
        assert_eq!((call.service, call.region.as_str()), (Service::Ecs, REGION));
        match expected {
            Ok(account) => {
                let arn = body(ecs::answer(&world, &call, false))["clusterArns"][0].take();
                assert_eq!(arn, world.site(account, REGION).cluster_arn(0));
            }
            Err(code) => assert_eq!(refusal(ecs::answer(&world, &call, false)).1, code),
        }
    }
    let identity =
        sts_call(&world, Some(token), "Action=GetCallerIdentity&Version=2011-06-15").result.expect("a result");
    assert!(String::from_utf8_lossy(&identity).contains("<Arn>arn:aws:sts::222222222222:assumed-role/reader/s1</Arn>"));
    assert_eq!(refusal(sts_call(&world, Some("anything"), "Action=GetCallerIdentity")).1, "InvalidClientTokenId");
    assert_eq!(sts_call(&world, None, "Action=GetSessionToken").breaches.len(), 1);
}

fn member<'t>(document: &'t str, name: &str) -> &'t str {
    document.split(['<', '>']).skip_while(|part| *part != name).nth(1).expect("the member")
}

#[test]
fn sessions_end_when_the_world_says() {
    let form = "Action=AssumeRole&RoleArn=arn:aws:iam::222222222222:role/reader&RoleSessionName=s1&DurationSeconds=900";
    let (short, long) = (Duration::from_millis(1_500), Duration::from_secs(3_600));
    for (session_life, session_told, told, lives_ms) in [
        (None, None, "2026-11-23T21:05:00Z", 899_877),
        (Some(short), None, "2026-11-23T20:50:01.623Z", 1_500),
        (Some(short), Some(long), "2026-11-23T21:50:00.123Z", 1_500),
        (None, Some(short), "2026-11-23T20:50:01.623Z", 899_877),
        (Some(long), Some(short), "2026-11-23T20:50:01.623Z", 3_600_000),
    ] {
        let world = World { session_life, session_told, ..World::default() };
        let text = String::from_utf8(sts_call(&world, None, form).result.expect("a result")).expect("text");
        assert_eq!(member(&text, "Expiration"), told);
        let list = |later: u64| {
            let token = Some(member(&text, "SessionToken"));
            let call = call_at(&world, token, Some("ListClusters"), r#"{"maxResults":100}"#, NOW + later);
            ecs::answer(&world, &call, false)
        };
        assert!(list(lives_ms - 1).result.is_ok(), "{session_life:?}");
        let (status, code, _) = refusal(list(lives_ms));
        assert_eq!((status, code.as_str()), (400, "ExpiredTokenException"), "{session_life:?}");
    }
}

#[test]
fn roles_fail_in_their_own_ways() {
    let arn = |name: &str| format!("arn:aws:iam::222222222222:role/{name}");
    let refusal_of_all = Refusal::new(403, "RegionDisabledException", "STS is not activated");
    let rule = RoleRule { refusal: Some(refusal_of_all), refused: true, ..RoleRule::default() };
    let world = World { roles: BTreeMap::from([(arn("elsewhere"), rule)]), ..World::default() };
    let assume =
        |name: &str| sts_call(&world, None, &format!("Action=AssumeRole&RoleArn={}&RoleSessionName=s1", arn(name)));
    let expected = (403, "RegionDisabledException".to_owned(), "STS is not activated".to_owned());
    assert_eq!(refusal(assume("elsewhere")), expected);
    assert!(assume("reader").result.is_ok());
}

#[test]
fn a_region_that_is_not_enabled_knows_nobody() {
    let world = World { disabled_regions: BTreeSet::from([REGION.to_owned()]), ..World::default() };
    let session = session_token(&world, "222222222222", "reader", "s1", NOW + 60_000);
    let ended = session_token(&world, "222222222222", "reader", "s1", NOW);
    for token in [None, Some(session.as_str()), Some(ended.as_str()), Some("anything")] {
        let (status, code, message) =
            refusal(ecs::answer(&world, &call(&world, token, Some("ListClusters"), r#"{"maxResults":100}"#), false));
        assert_eq!((status, code.as_str()), (400, "UnrecognizedClientException"));
        assert_eq!(message, "The security token included in the request is invalid.");
    }
    let assume = "Action=AssumeRole&RoleArn=arn:aws:iam::222222222222:role/reader&RoleSessionName=s1";
    for (token, form, account) in [
        (None, assume, ACCOUNT),
        (None, "Action=GetCallerIdentity", ACCOUNT),
        (Some(session.as_str()), "Action=GetCallerIdentity", "222222222222"),
    ] {
        let (status, code, message) = refusal(sts_call(&world, token, form));
        assert_eq!((status, code.as_str()), (403, "RegionDisabledException"));
        let start = format!("STS is not activated in this region for account:{account}. Your account administrator");
        assert!(message.starts_with(&start), "{message}");
    }
    let elsewhere = World { disabled_regions: BTreeSet::from(["me-south-1".to_owned()]), ..World::default() };
    assert!(ecs(&elsewhere, "ListClusters", &json!({"maxResults": 100})).result.is_ok());
    assert!(sts_call(&elsewhere, None, assume).result.is_ok());
}

#[test]
fn thousands_of_accounts_are_each_their_own() {
    let world = World::default();
    let mut clusters = BTreeSet::new();
    for n in 0..5_000_u64 {
        let account = format!("{:012}", 300_000_000_000 + n);
        let form = format!("Action=AssumeRole&RoleArn=arn:aws:iam::{account}:role/reader&RoleSessionName=s1");
        let text = String::from_utf8(sts_call(&world, None, &form).result.expect("a result")).expect("text");
        let token = member(&text, "SessionToken").to_owned();
        let call = call(&world, Some(&token), Some("ListClusters"), r#"{"maxResults":100}"#);
        let arn = body(ecs::answer(&world, &call, false))["clusterArns"][0].take();
        assert_eq!(arn, world.site(&account, REGION).cluster_arn(0));
        clusters.insert(arn.to_string());
    }
    assert_eq!(clusters.len(), 5_000);
}
