use super::*;

fn echo() -> Echo {
    Echo::of("me", "a-secret")
}

#[test]
fn a_life_is_a_number_or_text() {
    for (expires_in, life) in [
        ("3600", Some(3_600.0)),
        ("\"3600\"", Some(3_600.0)),
        ("\" 10 \"", Some(10.0)),
        ("10.5", Some(10.5)),
        ("0", Some(0.0)),
        ("-5", Some(0.0)),
        ("null", None),
        ("\"soon\"", None),
        ("1e300", None),
        ("\"NaN\"", None),
    ] {
        let text = format!("{{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":{expires_in}}}");
        let issued = issued(StatusCode::OK, &text, &echo()).ok().unwrap();
        assert_eq!(issued.life.map(|life| life.as_secs_f64()), life, "{expires_in}");
    }
    let untold = issued(StatusCode::OK, "{\"access_token\":\"t\"}", &echo()).ok().unwrap();
    assert_eq!(untold.life, None);
}

#[test]
fn a_refusal_names_its_setting() {
    #[rustfmt::skip]
    let table = [
        (401, r#"{"error":"invalid_client","error_description":"Bad client\ncredentials"}"#, true, "answers 401 Unauthorized: invalid_client: Bad client credentials; see kafka.security.oauth.client_id and kafka.security.oauth.client_secret"),
        (401, "", true, "answers 401 Unauthorized; see kafka.security.oauth.client_id and kafka.security.oauth.client_secret"),
        (400, r#"{"error":"invalid_scope"}"#, true, "answers 400 Bad Request: invalid_scope; see kafka.security.oauth.scope"),
        (400, r#"{"error":"invalid_target"}"#, true, "see kafka.security.oauth.audience"),
        (403, r#"{"error":"access_denied","error_description":"Service not found"}"#, true, "kafka.security.oauth.audience"),
        (404, "<html>", true, "answers 404 Not Found; see kafka.security.oauth.token_endpoint"),
        (302, "", true, "see kafka.security.oauth.token_endpoint"),
        (500, "oops", false, "answers 500 Internal Server Error; see kafka.security.oauth.token_endpoint, and its log"),
        (503, r#"{"error":"temporarily_unavailable"}"#, false, "temporarily_unavailable"),
        (200, "<html>", true, "answers with what is no token in JSON; see kafka.security.oauth.token_endpoint"),
        (200, "{}", true, "answers without a token (access_token)"),
        (200, r#"{"access_token":""}"#, true, "answers with a token (access_token) that is no text"),
        (200, r#"{"access_token":"a b"}"#, true, "answers with a token (access_token) that is no text"),
        (200, r#"{"access_token":5}"#, true, "that is no text"),
        (200, r#"{"access_token":null}"#, true, "answers without a token (access_token)"),
        (200, r#"{"error":"unauthorized_client"}"#, true, "answers without a token: unauthorized_client"),
        (204, "", true, "no token in JSON"),
    ];
    for (status, text, is_final, says) in table {
        let fault = issued(StatusCode::from_u16(status).unwrap(), text, &echo()).err().unwrap();
        assert!(fault.reason.contains(says), "{status} {text}: {}", fault.reason);
        assert_eq!(fault.is_final, is_final, "{status} {text}");
    }
}

#[test]
fn a_token_has_a_life_and_is_renewed_before_its_end() {
    let asked = Asked::now();
    let token =
        |seconds| Token::new("t".to_owned(), "p".to_owned(), asked, Duration::from_secs(seconds), String::new());
    let ten = token(10);
    let (left, until_due) = (ten.left(), ten.until_due());
    assert!(left > Duration::from_secs(9) && until_due < Duration::from_secs(8) && until_due > Duration::from_secs(7));
    assert!(token(0).left() > Duration::ZERO, "at least a second");
    assert!(token(u64::MAX).left() > Duration::from_secs(900_000_000));
    assert!(!format!("{ten:?}").contains("\"t\""), "it is a secret");
}

#[test]
fn the_clock_that_says_less_counts() {
    let (now, minute) = (Asked::now(), Duration::from_secs(60));
    let token = |asked| Token::new("t".to_owned(), "p".to_owned(), asked, 2 * minute, String::new());
    // The machine was suspended for an hour, in which its other clock stood still.
    let suspended = Asked { time: now.time - 60 * minute, ..now };
    assert_eq!((token(suspended).left(), token(suspended).until_due()), (Duration::ZERO, Duration::ZERO));
    // The clock was set back by an hour meanwhile.
    let set_back = Asked { time: now.time + 60 * minute, ..now };
    assert!(token(set_back).left() <= 2 * minute);
}

#[test]
fn an_endpoint_that_repeats_the_secret_is_not_repeated_and_a_secret_in_a_token_breaks_nothing() {
    let text = r#"{"error":"invalid_client","error_description":"it is a\/b \u00fc!"}"#;
    let fault = issued(StatusCode::UNAUTHORIZED, text, &Echo::of("me", "a/b ü")).err().unwrap();
    assert!(fault.reason.contains("invalid_client: <withheld"), "{}", fault.reason);
    let token = issued(StatusCode::OK, "{\"access_token\":\"my-token\"}", &Echo::of("me", "token")).ok().unwrap();
    assert_eq!(token.access_token, "my-token");
}

#[test]
fn odd_members_cost_no_more_than_themselves() {
    for text in [
        "\u{feff}{\"access_token\":\"t\"}",
        r#"{"access_token":"t","access_token":"t"}"#,
        r#"{"access_token":"t","error":{"code":1},"error_description":5,"expires_in":{}}"#,
    ] {
        assert_eq!(issued(StatusCode::OK, text, &echo()).ok().unwrap().access_token, "t", "{text}");
    }
    let text = r#"{"error":{"code":401,"message":"bad client"}}"#;
    let fault = issued(StatusCode::UNAUTHORIZED, text, &echo()).err().unwrap();
    assert!(fault.reason.contains("bad client"), "{}", fault.reason);
    let text = r#"{"error":"invalid_scope","error_description":7}"#;
    let fault = issued(StatusCode::BAD_REQUEST, text, &echo()).err().unwrap();
    assert!(fault.reason.contains("invalid_scope: 7; see kafka.security.oauth.scope"), "{}", fault.reason);
}
