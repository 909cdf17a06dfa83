//! What a profile leads to, followed as the SDK follows it, and what is wrong on the way.

use aws_config::profile::{Profile, ProfileSet};

use super::{Base, Followed};

/// What is wrong with a profile: a property, and why.
pub(super) struct Wrong {
    pub(super) key: &'static str,
    pub(super) profile: String,
    pub(super) reason: String,
    pub(super) way_out: String,
}

/// Follows the selected profile as the SDK does (`aws-config`, `profile/credentials/repr.rs`). `None` if it is not there.
pub(super) fn follow(profiles: &ProfileSet) -> Result<Option<Followed>, Wrong> {
    let name = profiles.selected_profile();
    let Some(mut current) = profiles.get_profile(name) else { return Ok(None) };
    let mut roles: Vec<(String, String, bool)> = Vec::new();
    let has_mfa = |profile: &Profile| profile.get("mfa_serial").is_some();
    let base = loop {
        // Keys of a source profile go before whatever else it has.
        if !roles.is_empty() && has_keys(current) {
            break Base::Keys { mfa: has_mfa(current) };
        }
        let wrong = |key, reason: String, way_out: &str| {
            Err(Wrong { key, profile: current.name().to_owned(), reason, way_out: way_out.to_owned() })
        };
        let role = current.get("role_arn").filter(|_| current.get("web_identity_token_file").is_none());
        let Some(role) = role else {
            break base(profiles, current)?;
        };
        roles.push((current.name().to_owned(), role.to_owned(), has_mfa(current)));
        let way_out = "give the profile one of both: who assumes its role";
        match (current.get("source_profile"), current.get("credential_source")) {
            (None, None) => {
                return wrong("role_arn", "has neither source_profile nor credential_source".to_owned(), way_out);
            }
            (Some(_), Some(_)) => return wrong("source_profile", "credential_source is set too".to_owned(), way_out),
            (None, Some(_)) => break base(profiles, current)?,
            (Some(next), None) if next == current.name() => break base(profiles, current)?,
            (Some(next), None) => {
                let way_out = "name one that is in AWS's config or credentials file";
                if roles.iter().any(|(seen, ..)| seen == next) {
                    return wrong("source_profile", format!("leads back to the profile {next:?}"), way_out);
                }
                match profiles.get_profile(next) {
                    Some(profile) => current = profile,
                    None => {
                        return wrong(
                            "source_profile",
                            format!("names the profile {next:?}, which is not there"),
                            way_out,
                        );
                    }
                }
            }
        }
    };
    if base == Base::Nothing && !roles.is_empty() {
        let (profile, reason) = (current.name().to_owned(), "has no credentials to assume a role with".to_owned());
        let way_out = "give it keys, or another source of credentials".to_owned();
        return Err(Wrong { key: "source_profile", profile, reason, way_out });
    }
    Ok(Some(Followed { name: name.to_owned(), roles, base, base_name: current.name().to_owned() }))
}

fn has_keys(profile: &Profile) -> bool {
    profile.get("aws_access_key_id").is_some() && profile.get("aws_secret_access_key").is_some()
}

/// The source of a profile that assumes no role itself, in the SDK's order.
fn base(profiles: &ProfileSet, profile: &Profile) -> Result<Base, Wrong> {
    let wrong = |key, reason: &str, way_out: &str| {
        Err(Wrong { key, profile: profile.name().to_owned(), reason: reason.to_owned(), way_out: way_out.to_owned() })
    };
    let get = |key| profile.get(key);
    if let Some(name) = get("credential_source") {
        let known = ["environment", "ecscontainer", "ec2instancemetadata"];
        return if known.contains(&name.to_ascii_lowercase().as_str()) {
            Ok(Base::Named(name.to_owned()))
        } else {
            wrong(
                "credential_source",
                &format!("{name:?} is none"),
                "write Environment, EcsContainer or Ec2InstanceMetadata",
            )
        };
    }
    if let Some(file) = get("web_identity_token_file") {
        return match get("role_arn") {
            Some(role) => Ok(Base::WebIdentity { file: file.to_owned(), role: role.to_owned() }),
            None => wrong("web_identity_token_file", "role_arn is missing", "name the role that the token is for"),
        };
    }
    let sso = ["sso_session", "sso_account_id", "sso_role_name", "sso_region", "sso_start_url"];
    // A profile that names a sign-in alone, without a role, is no source of credentials.
    let names_role = get("sso_account_id").is_some() || get("sso_role_name").is_some();
    if names_role && sso.iter().any(|key| get(key).is_some()) {
        let session = get("sso_session");
        for key in ["sso_region", "sso_start_url"] {
            if session.is_some() && get(key).is_some() {
                return wrong(key, "is set beside sso_session", "take it out of the profile: the session has it");
            }
        }
        let section = session.map(|name| profiles.sso_session(name));
        if let (Some(name), Some(None)) = (session, section) {
            let way_out = format!("write a section [sso-session {name}], or run `aws configure sso`");
            return wrong("sso_session", &format!("names {name:?}, which is not there"), &way_out);
        }
        for key in ["sso_account_id", "sso_role_name", "sso_region", "sso_start_url"] {
            let at_session = section.flatten().filter(|_| key == "sso_region" || key == "sso_start_url");
            if at_session.map_or_else(|| get(key), |section| section.get(key)).is_none() {
                return wrong(key, "is missing", "run `aws configure sso`, or write it");
            }
        }
        return Ok(Base::Sso { session: session.map(str::to_owned) });
    }
    if get("login_session").is_some() {
        return Ok(Base::Login);
    }
    if let Some(command) = get("credential_process") {
        // Assignments before the program may hold a secret.
        let program = command.split_whitespace().find(|word| !word.contains('='));
        return Ok(Base::Process(program.unwrap_or_default().to_owned()));
    }
    match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        (Some(_), Some(_)) => Ok(Base::Keys { mfa: get("mfa_serial").is_some() }),
        (None, None) => Ok(Base::Nothing),
        (Some(_), None) => wrong("aws_secret_access_key", "is missing", "write both keys, or neither"),
        (None, Some(_)) => wrong("aws_access_key_id", "is missing", "write both keys, or neither"),
    }
}
