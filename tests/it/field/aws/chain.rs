//! The credential chain: each part works, and the part that fails is told with its own way out.

use ecs_sim::{RoleRule, Simulator, World};
use kit::proxy::Proxy;
use kit::server::Closed;

use super::super::settings::Set;
use super::{Home, SMALL, Server, assert_words, denial, dry_run, simulator};

const CREDENTIALS: &str = r#"{"AccessKeyId": "AKIA", "SecretAccessKey": "secret", "Token": "token",
    "Expiration": "2099-01-01T00:00:00Z", "Code": "Success"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn row_9_credentials_of_a_container_or_instance_never_go_through_a_proxy() {
    let simulator = simulator();
    let proxy = Proxy::start(&[], "127.0.0.1:1").await;
    let url = format!("http://{}", proxy.address());
    let home = Home::new("");
    for host in ["127.0.0.1", "localhost"] {
        let server = Server::new("200 OK", CREDENTIALS);
        let uri = format!("http://{}/v1/credentials", server.address.replace("127.0.0.1", host));
        let env = [
            ("HTTP_PROXY", url.as_str()),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of-the-container"),
        ];
        let aws = simulator.endpoint();
        // What goes to AWS goes through the proxy, which refuses it: so only the credentials were got.
        let (ended, said) = dry_run(&simulator, &home, &env, &["maximum_retries=0"]);
        assert_eq!(ended, 2, "{said}");
        let heads = server.heads();
        assert!(heads.len() == 1 && heads[0].to_lowercase().contains("authorization: of-the-container"), "{heads:?}");
        let refused = proxy.asked().refused;
        assert!(!refused.is_empty() && refused.iter().all(|line| line.contains(&aws)), "{refused:?}");
    }
    // The instance's metadata, and the region that it tells.
    let metadata = Server::new("200 OK", "eu-west-1");
    let (endpoint, aws) = (format!("http://{}", metadata.address), simulator.endpoint());
    let env = [
        ("HTTP_PROXY", url.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
        ("AWS_REGION", ""),
    ];
    let (ended, said) = dry_run(&simulator, &home, &env, &["maximum_retries=0"]);
    let refused = proxy.asked().refused;
    assert!(ended == 2 && refused.iter().all(|line| line.contains(&aws)), "{refused:?} {said}");
    assert!(metadata.heads().iter().any(|head| head.contains("/latest/meta-data/placement/region")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_9_a_star_in_no_proxy_means_no_proxy_at_all() {
    let simulator = simulator();
    let proxy = Proxy::start(&[], "127.0.0.1:1").await;
    let url = format!("http://{}", proxy.address());
    for star in ["*", "example.com, *"] {
        let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let env = [&keys[..], &[("HTTP_PROXY", &url), ("NO_PROXY", star)]].concat();
        let (ended, said) = dry_run(&simulator, &Home::new(""), &env, &["maximum_retries=0"]);
        assert_eq!(ended, 0, "{said}");
    }
    assert_eq!(proxy.asked().refused, Vec::<String>::new());
}

const LOGIN: &str = "[profile p]\nlogin_session = arn:aws:iam::111111111111:user/Admin\n";
/// SHA-256 of that ARN.
const LOGIN_FILE: &str = ".aws/login/cache/fba081600f70f13c6df8b0f3f104fd8d272d2fee0ce2936f6634fdf3cbbf5422.json";

fn login_token(expires: &str) -> String {
    let key = "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIFDZHUzOG1Pzq+6F0mjMlOSp1syN9LRPBuHMoCFXTcXhoAoGCCqGSM49\
               \\nAwEHoUQDQgAE9qhj+KtcdHj1kVgwxWWWw++tqoh7H7UHs7oXh8jBbgF47rrYGC+t\\ndjiIaHK3dBvvdE7MGj5HsepzLm3Kj91bqA==\
               \\n-----END EC PRIVATE KEY-----\\n";
    format!(
        r#"{{"accessToken": {{"accessKeyId": "AKIA", "secretAccessKey": "secret", "sessionToken": "token",
            "accountId": "111111111111", "expiresAt": "{expires}"}}, "tokenType": "aws_sigv4", "refreshToken": "r",
            "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": "{key}"}}"#
    )
}

#[test]
fn row_10_a_profile_of_aws_login_works() {
    let world = World { shape: SMALL, base_session_token: Some("token".to_owned()), ..World::default() };
    let simulator = Simulator::start(world).unwrap();
    let home = Home::new(LOGIN);
    let profile = [("AWS_PROFILE", "p")];
    let (ended, said) = dry_run(&simulator, &home, &profile, &[]);
    assert_eq!(ended, 2);
    assert_words(denial(&said), &["failed to read", LOGIN_FILE, "run `aws login --profile p`"]);
    home.write(LOGIN_FILE, &login_token("2099-01-01T00:00:00Z"));
    let (ended, said) = dry_run(&simulator, &home, &profile, &[]);
    assert_eq!(ended, 0, "{said}");
    // A session that is over is renewed.
    home.write(LOGIN_FILE, &login_token("2020-01-01T00:00:00Z"));
    let renewed = r#"{"accessToken": {"accessKeyId": "ASIA", "secretAccessKey": "secret", "sessionToken": "token"},
        "tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": "next"}"#;
    let server = Server::new("200 OK", renewed);
    let sign_in = format!("http://{}", server.address);
    let env = [("AWS_PROFILE", "p"), ("AWS_ENDPOINT_URL_SIGNIN", &sign_in)];
    let (ended, said) = dry_run(&simulator, &home, &env, &["maximum_retries=0"]);
    assert_eq!(ended, 0, "{said}");
    assert!(server.heads()[0].to_lowercase().contains("dpop: "), "{:?}", server.heads());
    // The simulator knows nothing of signing in, and so renews no session.
    home.write(LOGIN_FILE, &login_token("2020-01-01T00:00:00Z"));
    let (ended, said) = dry_run(&simulator, &home, &profile, &["maximum_retries=0"]);
    assert_eq!(ended, 2);
    assert_words(denial(&said), &["refresh", "\"p\"", "run `aws login --profile p`"]);
}

#[test]
fn row_11_a_profile_of_sso_says_how_to_sign_in() {
    let world = World { shape: SMALL, base_session_token: Some("token".to_owned()), ..World::default() };
    let simulator = Simulator::start(world).unwrap();
    let session = "[profile p]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = reader\n\
                   [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n";
    let old = "[profile p]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n\
               sso_account_id = 111111111111\nsso_role_name = reader\n";
    for config in [session, old] {
        let (ended, said) = dry_run(&simulator, &Home::new(config), &[("AWS_PROFILE", "p")], &[]);
        assert_eq!(ended, 2);
        assert_words(denial(&said), &["\"p\"", ".aws/sso/cache", "run `aws sso login --profile p`"]);
        assert!(!said.contains("access_key_id"), "{said}");
    }
    let home = Home::new(session);
    let expired = r#"{"accessToken": "t", "expiresAt": "2020-01-01T00:00:00Z"}"#;
    home.write(".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json", expired);
    let (ended, said) = dry_run(&simulator, &home, &[("AWS_PROFILE", "p")], &[]);
    assert_eq!(ended, 2);
    assert_words(denial(&said), &["expired", "sso_session corp", "run `aws sso login --profile p`"]);
    // One that is good, and what SSO answers to it.
    let token = r#"{"accessToken": "t", "expiresAt": "2099-01-01T00:00:00Z"}"#;
    home.write(".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json", token);
    let refused = |kind: &str| format!(r#"{{"__type": "{kind}", "message": "no"}}"#);
    let granted = r#"{"roleCredentials": {"accessKeyId": "ASIA", "secretAccessKey": "secret", "sessionToken": "token",
        "expiration": 4070908800000}}"#;
    let cases: [(&str, String, i32, &str); 3] = [
        ("401 Unauthorized", refused("UnauthorizedException"), 2, "run `aws sso login --profile p`"),
        ("403 Forbidden", refused("ForbiddenException"), 2, "sso_account_id and sso_role_name"),
        ("200 OK", granted.to_owned(), 0, ""),
    ];
    for (status, body, expected, way_out) in cases {
        let server = Server::new(status, &body);
        let portal = format!("http://{}", server.address);
        let env = [("AWS_PROFILE", "p"), ("AWS_ENDPOINT_URL_SSO", portal.as_str())];
        let (ended, said) = dry_run(&simulator, &home, &env, &[]);
        assert_eq!(ended, expected, "{said}");
        if expected != 0 {
            assert_words(denial(&said), &["no", way_out]);
        }
    }
}

#[test]
fn row_11_the_part_of_the_chain_that_failed_is_named_with_its_own_way_out() {
    let role = "arn:aws:iam::222222222222:role/refused";
    let roles = [(role.to_owned(), RoleRule { refused: true, ..RoleRule::default() })].into();
    let simulator = Simulator::start(World { shape: SMALL, roles, ..World::default() }).unwrap();
    let (closed, broken) = (Closed::new().unwrap(), Server::new("500 Internal Server Error", "{}"));
    let address = closed.address().unwrap().to_string();
    let (nobody, answers) = (format!("http://{address}/c"), format!("http://{}", broken.address));
    let keys = "[k]\naws_access_key_id = AKIA\naws_secret_access_key = secret\n";
    let of_role = format!("[profile p]\nrole_arn = {role}\nsource_profile = k\n");
    let web = format!("[profile p]\nrole_arn = {role}\nweb_identity_token_file = /nonexistent/token\n");
    let profile = ("AWS_PROFILE", "p");
    let cases: &[(&str, Set<'_>, &[&str])] = &[
        (&of_role, &[profile], &["AccessDenied", role, "\"p\"", "trust policy"]),
        (
            "[profile p]\ncredential_process = /nonexistent/helper --token hidden\n",
            &[profile],
            &["not found", "credential_process", "/nonexistent/helper", "\"p\"", "run that command"],
        ),
        (
            "[profile p]\ncredential_process = echo {}\n",
            &[profile],
            &["credential_process", "echo", "run that command"],
        ),
        (&web, &[profile], &["No such file", "/nonexistent/token", "\"p\"", "web_identity_token_file"]),
        (
            "",
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token"), ("AWS_ROLE_ARN", role)],
            &["No such file", "/nonexistent/token", "AWS_WEB_IDENTITY_TOKEN_FILE"],
        ),
        (
            "",
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &nobody)],
            &["refused", &address, "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
        ),
        (
            "",
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/c")],
            &["allowed", "10.0.0.1", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
        ),
        (
            "",
            &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &answers)],
            &["metadata", &answers, "AWS_EC2_METADATA_DISABLED"],
        ),
        // A machine that is no instance.
        (
            "",
            &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &nobody)],
            &["no source", &nobody, "access_key_id", "AWS_PROFILE"],
        ),
        ("", &[], &["no source", "access_key_id", "AWS_PROFILE"]),
        ("[profile p]\nregion = eu-west-1\n", &[profile], &["no source", "\"p\""]),
    ];
    for (config, env, words) in cases {
        let home = Home::new(config);
        home.write(".aws/credentials", keys);
        let (ended, said) = dry_run(&simulator, &home, env, &["maximum_retries=0"]);
        assert_eq!(ended, 2, "{config} {env:?}: {said}");
        assert_words(denial(&said), words);
        assert!(!denial(&said).contains("hidden"), "{said}");
        let others =
            ["AWS_CONTAINER", "WEB_IDENTITY", "credential_process", "aws sso login", "METADATA", "access_key_id"];
        let own = |word: &str| words.iter().any(|own| own.contains(word) || *own == "no source");
        let foreign = others.into_iter().find(|word| denial(&said).contains(word) && !own(word));
        assert_eq!(foreign, None, "{said}");
    }
}

#[test]
fn row_12_a_profile_that_asks_for_a_code_is_told_beside_the_refusal() {
    let role = "arn:aws:iam::222222222222:role/refused";
    let roles = [(role.to_owned(), RoleRule { refused: true, ..RoleRule::default() })].into();
    let simulator = Simulator::start(World { shape: SMALL, roles, ..World::default() }).unwrap();
    let keys = "aws_access_key_id = AKIA\naws_secret_access_key = secret\n";
    let serial = "mfa_serial = arn:aws:iam::111111111111:mfa/me";
    let words = ["AccessDenied", "mfa_serial", "\"p\"", "aws configure export-credentials --profile p"];
    // The profile's role, or a role of ours that the profile's keys assume.
    let home = Home::new(&format!("[profile p]\nrole_arn = {role}\nsource_profile = k\n{serial}\n[profile k]\n{keys}"));
    let (ended, said) = dry_run(&simulator, &home, &[("AWS_PROFILE", "p")], &[]);
    assert_eq!(ended, 2);
    assert_words(denial(&said), &words);
    // What that command sets goes before the profile.
    let exported = [("AWS_PROFILE", "p"), ("AWS_ACCESS_KEY_ID", "ASIA"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let (ended, said) = dry_run(&simulator, &home, &exported, &[]);
    assert_eq!(ended, 0, "{said}");
    let home = Home::new(&format!("[profile p]\n{keys}{serial}\n"));
    let ours = format!("assume_role_arns={role}");
    let (ended, said) = dry_run(&simulator, &home, &[("AWS_PROFILE", "p")], &[&ours]);
    assert_eq!(ended, 2);
    assert_words(denial(&said), &["AccessDenied", "mfa_serial", "\"p\"", "aws sts get-session-token"]);
    // Where STS grants it, nothing is said.
    let (ended, said) = dry_run(&simulator, &home, &[("AWS_PROFILE", "p")], &[]);
    assert!(ended == 0 && !said.contains("mfa_serial"), "{said}");
}
