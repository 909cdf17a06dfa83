//! Names that do not resolve, and machines without certificates.

use kit::program::{code, program, text};
use kit::proxy::Proxy;
use kit::server::Closed;

use super::{Server, assert_words, denial, simulator};

const KEYS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "eu-west-1")];

#[test]
fn row_15_a_name_that_does_not_resolve_is_told_with_its_host() {
    let run = |env: &[(&str, &str)], settings: &[&str]| {
        let mut command = program(None);
        command.envs(KEYS).envs(env.iter().copied()).args(["sync", "--dry-run", "--set", "maximum_retries=0"]);
        let output = command.args(settings.iter().flat_map(|flag| ["--set", flag])).output().unwrap();
        assert_eq!(code(&output), 2);
        text(&output.stderr)
    };
    let (host, url) = ("ecs.nowhere.invalid", "http://ecs.nowhere.invalid:1");
    let role = "assume_role_arns=arn:aws:iam::222222222222:role/reader";
    for (env, settings) in [
        (&[("AWS_ENDPOINT_URL", url)][..], &[][..]),
        (&[("AWS_ENDPOINT_URL", url)], &[role]),
        (&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("HTTP_PROXY", url)], &[]),
        (&[("HTTPS_PROXY", url)], &[role]),
    ] {
        let said = run(env, settings);
        let proxied = env.iter().find(|(name, _)| name.ends_with("PROXY"));
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("dns error")).collect();
        assert!(!lines.is_empty(), "{said}");
        lines.iter().for_each(|line| assert_words(line, &[host]));
        let names = |line: &&str| ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| line.contains(name));
        let expected = ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| proxied.is_some_and(|(proxy, _)| *proxy == name));
        assert!(lines.iter().map(names).all(|names| names == expected), "{said}");
    }
    // It is told at the first failure, where it is tried again.
    let closed = Closed::new().unwrap();
    let url_of_nobody = format!("http://{}", closed.address().unwrap());
    let mut command = program(None);
    command.envs(KEYS).env("AWS_ENDPOINT_URL", &url_of_nobody).args(["sync", "--dry-run", "--set", role]);
    let output = command.args(["--set", "maximum_retries=1"]).output().unwrap();
    let said = text(&output.stderr);
    let told: Vec<&str> = said.lines().filter(|line| line.contains("is tried again")).collect();
    assert_eq!((code(&output), told.len()), (2, 1), "{said}");
    assert_words(told[0], &["WARN", "refused", url_of_nobody.trim_start_matches("http://")]);
    let output =
        program(None).args(["schemas", "test", "--set", &format!("schema_registry.url={url}")]).output().unwrap();
    assert_eq!(code(&output), 2, "{}", text(&output.stderr));
    assert_words(&text(&output.stderr), &[host, "dns error", "see schema_registry.url"]);
    // Or it is the proxy's.
    let mut command = program(None);
    command.env("HTTP_PROXY", url).args(["schemas", "test", "--set", "schema_registry.url=http://127.0.0.1:1"]);
    let said = text(&command.output().unwrap().stderr);
    assert_words(&said, &[host, "dns error", "the proxy of HTTP_PROXY", "see that variable and NO_PROXY"]);
    assert!(!said.contains("see schema_registry.url"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_19_plain_http_needs_no_certificates() {
    let none = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let server = Server::new("404 Not Found", r#"{"error_code": 40401, "message": "Subject not found"}"#);
    let run = |url: &str| {
        let mut command = program(None);
        command.envs(none).args(["schemas", "test", "--set", &format!("schema_registry.url={url}")]);
        let output = command.output().unwrap();
        (code(&output), text(&output.stderr))
    };
    let (ended, said) = run(&format!("http://{}", server.address));
    assert_eq!((ended, said.as_str()), (0, ""));
    for urls in ["https://127.0.0.1:1", "http://127.0.0.1:1,https://127.0.0.1:1"] {
        let (ended, said) = run(urls);
        assert_eq!(ended, 2, "{said}");
        assert_words(&said, &["No CA certificates", "schema_registry.url", "this system", "ca-certificates"]);
    }
    // AWS is reached over plain http without any too, and over https the line says what is missing.
    let simulator = simulator();
    let output = program(Some(&simulator)).envs(none).args(["sync", "--dry-run"]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let hosts = ["ecs.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"];
    let proxy = Proxy::start(&hosts, simulator.endpoint().trim_start_matches("http://")).await;
    let run = |bundle: &str| {
        let mut command = program(None);
        command.envs(KEYS).envs(none).env("HTTPS_PROXY", proxy.address()).env("AWS_CA_BUNDLE", bundle);
        let output = command.args(["sync", "--dry-run"]).output().unwrap();
        (code(&output), text(&output.stderr))
    };
    let (ended, said) = run("");
    assert_eq!(ended, 2, "{said}");
    assert_words(denial(&said), &["invalid peer certificate", "this system has no certificates", "AWS_CA_BUNDLE"]);
    // What the line says helps.
    let (ended, said) = run(proxy.ca().to_str().unwrap());
    assert_eq!(ended, 0, "{said}");
}
