//! AWS's configuration files: what is wrong in them is told with file and line, by `check` as by `sync`.

use kit::program::{code, program, text};

use super::super::settings::{Set, assert_refused, assert_taken, both};
use super::{Home, assert_words};

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];

fn with<'a>(home: &'a str, more: Set<'a>) -> Vec<(&'a str, &'a str)> {
    [&[("HOME", home)], more].concat()
}

#[test]
fn row_8_a_configuration_file_that_cannot_be_parsed_is_refused_with_file_and_line() {
    let profile = "[profile p]\nregion = eu-west-1\n";
    for (config, line) in [
        (format!("[profile other]\n  region = us-east-1\n{profile}"), 2),
        (format!("[profile other] of mine\nregion = us-east-1\n{profile}"), 1),
        (format!("{profile}[profile other\n"), 3),
        (format!("{profile}ca_bundle\n"), 3),
        (format!("region = us-east-1\n{profile}"), 1),
        // The SDK would take the second line for a part of the region.
        (format!("{profile}  output = json\n"), 3),
        (format!("{profile}  # a comment\n"), 3),
    ] {
        let home = Home::new(&config);
        let place = format!("{}:{line}", home.path(".aws/config").display());
        let folder = home.folder.path().to_str().unwrap();
        assert_refused(&with(folder, &[("AWS_PROFILE", "p")]), &[], &[&place]);
        // Keys in the environment, or among the settings, do not make it right.
        assert_refused(&with(folder, &[&KEYS[..], &[("AWS_PROFILE", "p")]].concat()), &[], &[&place]);
        assert_refused(
            &with(folder, &[("AWS_PROFILE", "p")]),
            &["access_key_id=AKIA", "secret_access_key=secret"],
            &[&place],
        );
    }
    let home = Home::new(profile);
    home.write(".aws/credentials", "[p]\naws_access_key_id\n");
    let place = format!("{}:2", home.path(".aws/credentials").display());
    assert_refused(&with(home.folder.path().to_str().unwrap(), &[("AWS_PROFILE", "p")]), &[], &[&place]);
}

#[test]
fn row_8_what_the_way_out_says_mends_the_file() {
    let home = Home::new("[profile other]\n  region = us-east-1\n[profile p]\nregion = eu-west-1\n");
    let folder = home.folder.path().to_str().unwrap();
    let said = both(&with(folder, &[("AWS_PROFILE", "p")]), &[]);
    assert!(said.errors[0].contains("without blanks before it"), "{said:?}");
    home.write(".aws/config", "[profile other]\nregion = us-east-1\n[profile p]\nregion = eu-west-1\n");
    assert_taken(&with(folder, &[("AWS_PROFILE", "p")]), &[]);
}

#[test]
fn row_8_what_asks_the_registry_alone_refuses_the_same() {
    let home = Home::new("[profile other]\n  ca_bundle = /ca.pem\n");
    let place = format!("{}:2", home.path(".aws/config").display());
    for (name, value, words) in [
        ("HOME", home.folder.path().to_str().unwrap(), place.as_str()),
        ("HTTPS_PROXY", "::bad", "HTTPS_PROXY"),
        ("AWS_CA_BUNDLE", "/nonexistent/ca.pem", "AWS_CA_BUNDLE"),
    ] {
        let mut command = program(None);
        command.env(name, value).args(["schemas", "test", "--set", "schema_registry.url=http://127.0.0.1:1"]);
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!((code(&output), said.lines().count()), (64, 1), "{said}");
        assert_words(&said, &["error: ", words]);
    }
}

#[test]
fn row_8_a_file_that_is_set_and_cannot_be_read_is_refused() {
    let home = Home::new("");
    let folder = home.folder.path().to_str().unwrap();
    let config = home.path(".aws/config");
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        assert_refused(&[(name, folder)], &[], &[folder, "cannot be read", name]);
    }
    std::fs::write(&config, b"[profile p]\nregion = \xff\n").unwrap();
    assert_refused(&with(folder, &[]), &[], &[config.to_str().unwrap(), "UTF-8"]);
    // One that is not there is empty, as for the AWS CLI.
    assert_taken(&[("AWS_CONFIG_FILE", "/nonexistent/config")], &[]);
}

#[test]
fn row_8_what_the_chain_would_pass_over_is_refused() {
    let home = Home::new(
        "[profile p]\nrole_arn = arn:aws:iam::222222222222:role/r\nsource_profile = gone\n\
         [profile half]\naws_access_key_id = AKIA\n\
         [profile sso]\nsso_session = gone\nsso_account_id = 222222222222\nsso_role_name = r\n\
         [profile account]\naws_account_id = 2222-2222-2222\n",
    );
    let folder = home.folder.path().to_str().unwrap();
    let cases: &[(Set<'_>, &[&str])] = &[
        (&[("AWS_PROFILE", "typo")], &["AWS_PROFILE", "typo"]),
        (&[("AWS_DEFAULT_PROFILE", "account")], &["AWS_DEFAULT_PROFILE", "set AWS_PROFILE=account"]),
        (&[("AWS_PROFILE", "p")], &["source_profile", "gone", "\"p\""]),
        (&[("AWS_PROFILE", "half")], &["aws_secret_access_key", "\"half\""]),
        (&[("AWS_PROFILE", "sso")], &["sso_session", "gone", "\"sso\""]),
        (&[("AWS_PROFILE", "account")], &["aws_account_id", "12 digits"]),
        (&[("AWS_ACCOUNT_ID", "2222-2222-2222")], &["AWS_ACCOUNT_ID", "12 digits"]),
        (&[("AWS_ACCESS_KEY_ID", "AKIA")], &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        (&[("AWS_SECRET_ACCESS_KEY", "s")], &["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"]),
        (&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")], &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]),
    ];
    for (env, words) in cases {
        assert_refused(&with(folder, env), &[], words);
    }
    assert_taken(&with(folder, &[("AWS_ACCOUNT_ID", "222222222222")]), &[]);
}
