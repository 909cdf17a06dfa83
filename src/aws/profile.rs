//! AWS's config and credentials files, as the SDK reads them. What the SDK would pass over in them is refused.
//!
//! The SDK takes a file that it cannot read or parse for an empty one wherever something else tells what it looks for: a region in the
//! environment, keys in the settings. The endpoint, the CA bundle and the account that the file names would be lost without a word.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};

use aws_config::profile::{self, ProfileFileLoadError, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};

use crate::config::Diagnostic;
use crate::foreign::one_line;

/// The variables that name the files, and where these are without.
const FILES: [(&str, &str); 2] =
    [("AWS_CONFIG_FILE", ".aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")];

/// Properties that are of use here and have one line.
const PROPERTIES: &[&str] = &[
    "region",
    "ca_bundle",
    "endpoint_url",
    "use_fips_endpoint",
    "use_dualstack_endpoint",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_account_id",
    "role_arn",
    "source_profile",
    "credential_source",
    "external_id",
    "role_session_name",
    "mfa_serial",
    "web_identity_token_file",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "sso_region",
    "sso_start_url",
    "login_session",
    "ec2_metadata_service_endpoint",
];

/// What the SDK's parser says of a line, and what to do about it.
const PARSE_ERRORS: &[(&str, &str)] = &[
    ("found continuation", "write the property or comment without blanks before it"),
    ("must end with ']'", "end the section's name with ], and write nothing but a comment after it"),
    ("'=' sign", "write it as NAME = VALUE, or as a comment that begins in the first column"),
    ("did not have a name", "write it as NAME = VALUE"),
    (
        "Expected a profile",
        "write a section's name, such as [default], before it, and save the file without a byte order mark",
    ),
];

/// Reads both files. One that is not there is empty.
///
/// # Errors
/// A file that cannot be read or parsed, with its line.
pub(super) async fn read() -> Result<ProfileSet, Diagnostic> {
    let texts = FILES.iter().map(|(variable, default)| text(variable, default)).collect::<Result<Vec<_>, _>>()?;
    let read = profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    let profiles = read.map_err(|error| unparsable(&error))?;
    let used = used(&profiles);
    for (path, text) in texts.into_iter().flatten() {
        if let Some((line, property)) = continued(&text, &used) {
            return Err(Diagnostic {
                key: String::new(),
                origin: format!("{}:{line}", path.display()),
                reason: format!("begins with a blank, so it would be a part of {property}, the property before it"),
                way_out: PARSE_ERRORS[0].1.to_owned(),
            });
        }
    }
    Ok(profiles)
}

/// Where AWS's config file is, for messages.
pub(super) fn config_file() -> String {
    let (variable, default) = FILES[0];
    path(variable, default).0.display().to_string()
}

/// The path of a file, and whether its variable names it.
fn path(variable: &str, default: &str) -> (PathBuf, bool) {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    match std::env::var(variable) {
        Ok(path) => (path.strip_prefix("~/").map_or_else(|| PathBuf::from(&path), |rest| home.join(rest)), true),
        Err(_) => (home.join(default), false),
    }
}

/// The text of a file, `None` if it is not there.
fn text(variable: &str, default: &str) -> Result<Option<(PathBuf, String)>, Diagnostic> {
    let (path, named) = path(variable, default);
    let place = |path: &Path| if named { format!("variable {variable}") } else { path.display().to_string() };
    let refused =
        |origin: String, reason: String, way_out: String| Diagnostic { key: String::new(), origin, reason, way_out };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        // A home that belongs to somebody else is as good as none, unless the file is known to be there.
        Err(_) if !named && path.metadata().is_err() => return Ok(None),
        Err(error) => {
            let way_out = format!("let this user read it, or name another file with {variable}");
            return Err(refused(place(&path), format!("{} cannot be read: {error}", path.display()), way_out));
        }
    };
    String::from_utf8(bytes).map(|text| Some((path.clone(), text))).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let way_out = "save the file as UTF-8".to_owned();
        refused(format!("{}:{line}", path.display()), "is not UTF-8".to_owned(), way_out)
    })
}

/// The SDK's error has its file and line in its text alone (`aws-runtime`, `env_config/parse.rs`).
fn unparsable(error: &ProfileFileLoadError) -> Diagnostic {
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let told = text.strip_prefix("error parsing ").and_then(|rest| rest.split_once(":\n"));
    let place = told.and_then(|(place, message)| Some((place.rsplit_once(" on line ")?, message)));
    let (origin, message) = match place {
        Some(((path, line), message)) => (format!("{path}:{line}"), one_line(message)),
        None => ("AWS's config and credentials files".to_owned(), one_line(&text)),
    };
    let way_out = PARSE_ERRORS.iter().find(|(part, _)| message.contains(part)).map_or("mend the file", |(_, way)| way);
    let reason = format!("cannot be parsed: {message}");
    Diagnostic { key: String::new(), origin, reason, way_out: way_out.to_owned() }
}

/// The profiles and SSO sessions that the selected profile leads to.
fn used(profiles: &ProfileSet) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut next = Some(profiles.selected_profile());
    while let Some(name) = next.take() {
        if names.insert(name.to_owned())
            && let Some(profile) = profiles.get_profile(name)
        {
            names.extend(profile.get("sso_session").map(str::to_owned));
            next = profile.get("source_profile");
        }
    }
    names
}

/// The first line, in a section of `used`, that begins with a blank and so goes on with the property before it.
fn continued(text: &str, used: &BTreeSet<String>) -> Option<(usize, String)> {
    let mut is_used = false;
    let mut property: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            if let Some(property) = property.take().filter(|_| is_used) {
                return Some((number, property));
            }
        } else if let Some(section) = line.strip_prefix('[') {
            let name = section.split(']').next().unwrap_or_default().trim();
            let name = name.strip_prefix("profile").or_else(|| name.strip_prefix("sso-session")).unwrap_or(name);
            (is_used, property) = (used.contains(name.trim()), None);
        } else if let Some((name, value)) = line.split_once('=') {
            let name = name.trim().to_ascii_lowercase();
            property = (!value.trim().is_empty() && PROPERTIES.contains(&name.as_str())).then_some(name);
        }
    }
    None
}
