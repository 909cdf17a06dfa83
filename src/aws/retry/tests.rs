#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn codes_have_their_verdicts() {
    for (code, status, message, expected) in [
        ("ThrottlingException", 400, "Rate exceeded", Verdict::Throttled),
        ("", 429, "", Verdict::Throttled),
        ("ServerException", 500, "", Verdict::Transient),
        ("", 400, "", Verdict::Transient),
        ("SomethingNew", 503, "", Verdict::Transient),
        ("SomethingNew", 400, "", Verdict::Fatal),
        ("ExpiredTokenException", 400, "", Verdict::Credentials),
        ("UnrecognizedClientException", 400, "", Verdict::Unrecognized),
        ("AccessDeniedException", 400, "", Verdict::Denied),
        ("RegionDisabledException", 403, "", Verdict::Denied),
        ("ClusterNotFoundException", 400, "", Verdict::NoCluster),
        ("InvalidParameterException", 400, "The referenced cluster was inactive.", Verdict::NoCluster),
        ("InvalidParameterException", 400, "Invalid token", Verdict::Invalid),
        ("ClientException", 400, "Unable to describe task definition.", Verdict::Client),
    ] {
        assert_eq!(verdict(code, status, message), expected, "{code} {status} {message}");
    }
}

#[test]
fn waits_grow_to_the_cap_and_a_throttle_has_a_floor() {
    let (base, cap) = (Duration::from_secs(1), Duration::from_secs(20));
    assert_eq!(backoff(1, false, base, cap, 0.0), Duration::ZERO);
    assert_eq!(backoff(1, true, base, cap, 0.0), base);
    assert_eq!(backoff(3, false, base, cap, 0.5), Duration::from_secs(2));
    for tries in 1..50 {
        let longest = backoff(tries, tries % 2 == 0, base, cap, 0.999_999);
        assert!(longest <= cap, "{tries}: {longest:?}");
    }
}
