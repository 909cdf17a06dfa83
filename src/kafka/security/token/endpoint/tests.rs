use super::*;

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
    ] {
        let text = format!("{{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":{expires_in}}}");
        let issued = issued(StatusCode::OK, &text).unwrap();
        assert_eq!(issued.life.map(|life| life.as_secs_f64()), life, "{expires_in}");
    }
    assert_eq!(issued(StatusCode::OK, "{\"access_token\":\"t\"}").unwrap().life, None);
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
        (200, r#"{"access_token":""}"#, true, "answers without a token"),
        (200, r#"{"access_token":"a b"}"#, true, "answers without a token"),
        (200, r#"{"error":"unauthorized_client"}"#, true, "answers without a token: unauthorized_client"),
        (204, "", true, "no token in JSON"),
    ];
    for (status, text, is_final, says) in table {
        let fault = issued(StatusCode::from_u16(status).unwrap(), text).unwrap_err();
        assert!(fault.reason.contains(says), "{status} {text}: {}", fault.reason);
        assert_eq!(fault.is_final, is_final, "{status} {text}");
    }
}

#[test]
fn a_token_has_a_life_and_is_renewed_before_its_end() {
    let token = |seconds| Token::new("t".to_owned(), "p".to_owned(), Duration::from_secs(seconds), String::new());
    let ten = token(10);
    assert!(ten.left() > Duration::from_secs(9) && ten.due + Duration::from_millis(1_900) < ten.ends);
    assert!(token(0).left() > Duration::ZERO, "at least a second");
    assert!(token(u64::MAX).left() > Duration::from_secs(900_000_000));
    assert!(!format!("{ten:?}").contains("\"t\""), "it is a secret");
}
