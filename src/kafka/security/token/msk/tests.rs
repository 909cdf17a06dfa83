use std::collections::BTreeMap;

use super::*;

/// 2026-11-28T06:30:00Z
const NOW: Duration = Duration::from_secs(1_795_847_400);

fn keys(token: Option<&str>, left: Option<u64>) -> AwsCredentials {
    let expiry = left.map(|left| UNIX_EPOCH + NOW + Duration::from_secs(left));
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    AwsCredentials::new("AKIDEXAMPLE", secret, token.map(str::to_owned), expiry, "test")
}

/// The URL in a token.
fn url(keys: &AwsCredentials, region: &str) -> String {
    let (value, _) = presign(keys, region, UNIX_EPOCH + NOW).unwrap();
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "base64url: {value}");
    let padding = "=".repeat((4 - value.len() % 4) % 4);
    let decoded = base64::decode(value.replace('-', "+").replace('_', "/") + &padding).unwrap();
    String::from_utf8(decoded).unwrap()
}

/// Its parameters, and what stands before them.
fn parameters(url: &str) -> (&str, BTreeMap<&str, &str>) {
    let (before, query) = url.split_once('?').unwrap();
    (before, query.split('&').map(|pair| pair.split_once('=').unwrap()).collect())
}

#[test]
fn a_token_is_signed_as_botocore_signs_it() {
    // SigV4QueryAuth(…, "kafka-cluster", region, expires=900) of botocore 1.44 at the same time.
    for (region, token, before, signature) in [
        (
            "eu-central-1",
            None,
            "https://kafka.eu-central-1.amazonaws.com/",
            "fbc2b7e5ef8943e13bd8010743f2198bf95489f81cff3638c611ece59bf7f95c",
        ),
        (
            "cn-north-1",
            Some("a+b/c=="),
            "https://kafka.cn-north-1.amazonaws.com.cn/",
            "15a869992d7cac5c8faa062cd32cfb2d3bbf11f3c759d57d0f62cc86218d15a7",
        ),
    ] {
        let url = url(&keys(token, None), region);
        let (found, parameters) = parameters(&url);
        assert_eq!(found, before);
        assert_eq!(parameters["X-Amz-Signature"], signature, "{url}");
        assert_eq!(parameters["Action"], "kafka-cluster%3AConnect");
        assert_eq!((parameters["X-Amz-Date"], parameters["X-Amz-Expires"]), ("20261128T063000Z", "900"));
        assert_eq!(parameters.get("X-Amz-Security-Token").copied(), token.map(|_| "a%2Bb%2Fc%3D%3D"));
        assert!(parameters["User-Agent"].starts_with("ecs-sdm-producer"), "{url}");
    }
}

#[test]
fn a_token_ends_with_its_credentials() {
    let life = |left| presign(&keys(None, left), "eu-central-1", UNIX_EPOCH + NOW).map(|(_, life)| life.as_secs());
    assert_eq!(life(None), Ok(900));
    assert_eq!(life(Some(3_600)), Ok(900));
    assert_eq!(life(Some(300)), Ok(300));
    assert_eq!(parameters(&url(&keys(None, Some(300)), "eu-central-1")).1["X-Amz-Expires"], "300");
    assert!(life(Some(0)).unwrap_err().contains("have expired"));
}

#[test]
fn every_partition_has_names_of_its_own() {
    for (region, host) in [
        ("us-east-1", "kafka.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "kafka.us-gov-west-1.amazonaws.com"),
        ("cn-northwest-1", "kafka.cn-northwest-1.amazonaws.com.cn"),
        ("us-iso-east-1", "kafka.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "kafka.us-isob-east-1.sc2s.sgov.gov"),
        ("us-isof-south-1", "kafka.us-isof-south-1.csp.hci.ic.gov"),
        ("eu-isoe-west-1", "kafka.eu-isoe-west-1.cloud.adc-e.uk"),
        ("eusc-de-east-1", "kafka.eusc-de-east-1.amazonaws.eu"),
    ] {
        assert_eq!(super::host(region), host, "{region}");
    }
}
