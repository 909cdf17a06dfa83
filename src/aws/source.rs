//! Which part of AWS's credential chain provides the base credentials, and the way out where that part fails.
//!
//! The SDK's chain says what failed, often in words without a file or a profile, and goes on to its next part where a profile names what
//! is not there (`aws-config`, `profile/credentials.rs`). So the parts are followed here as the SDK follows them.

mod failure;
mod follow;

use std::fmt;

use aws_config::profile::ProfileSet;

use self::follow::{Wrong, follow};
use super::http::host_and_port;
use super::{environment, profile};
use crate::config::Diagnostic;

/// The part of AWS's chain that the base credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or those of the settings.
    Keys,
    Profile(Followed),
    /// A token in a file, from `AWS_WEB_IDENTITY_TOKEN_FILE`.
    WebIdentity {
        file: String,
        role: String,
    },
    /// The address, and the file with the token for it if there is one.
    Container {
        address: String,
        token_file: Option<String>,
    },
    /// The metadata of an instance, at this address.
    Instance(String),
    /// Nothing is set. The selected profile is there, but holds no credentials.
    Nothing {
        profile: Option<String>,
    },
}

/// A profile, with what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Followed {
    /// The selected one.
    name: String,
    /// The roles to assume, the selected profile's first: the profile, its role, and whether it has an `mfa_serial`.
    roles: Vec<(String, String, bool)>,
    base: Base,
    /// The profile that has the base.
    base_name: String,
}

/// Where the credentials of a profile come from, before any role.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Base {
    /// Keys in the profile, and whether it has an `mfa_serial`.
    Keys {
        mfa: bool,
    },
    /// `credential_source`: the part of the chain by that name.
    Named(String),
    WebIdentity {
        file: String,
        role: String,
    },
    Sso {
        session: Option<String>,
    },
    Login,
    /// The program of `credential_process`. What follows it may be a secret.
    Process(String),
    Nothing,
}

impl Source {
    /// The part that AWS's chain would take.
    pub(super) async fn of_chain() -> Self {
        let profiles = profile::read().await.unwrap_or_default();
        Self::of(environment::set, &profiles)
    }

    fn of(variable: impl Fn(&str) -> Option<String>, profiles: &ProfileSet) -> Self {
        if has_keys(&variable) {
            return Self::Keys;
        }
        // A profile with a mistake was refused before. If it became wrong later, the SDK's own words tell it.
        let followed = follow(profiles).ok().flatten();
        if let Some(followed) = followed.clone().filter(|followed| followed.base != Base::Nothing) {
            return Self::Profile(followed);
        }
        if let (Some(file), Some(role)) = (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN")) {
            return Self::WebIdentity { file, role };
        }
        let named = |name: &str| Self::named(&variable, profiles, name);
        named("EcsContainer")
            .or_else(|| named("Ec2InstanceMetadata").filter(|_| environment::has_metadata()))
            .unwrap_or_else(|| Self::Nothing { profile: followed.map(|followed| followed.name) })
    }

    /// A part by its name in `credential_source`.
    fn named(variable: &impl Fn(&str) -> Option<String>, profiles: &ProfileSet, name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "ecscontainer" => {
                // The path, a user and a query may be all that one has to know to get the credentials.
                let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|_| "169.254.170.2".to_owned());
                let address = relative.or_else(|| host_and_port(&variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")?))?;
                Some(Self::Container { address, token_file: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") })
            }
            "ec2instancemetadata" => {
                let set = |name: &str, key: &str| variable(name).or_else(|| profiles.get(key).map(str::to_owned));
                let mode = set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
                let is_ipv6 = mode.is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
                let default = if is_ipv6 { "http://[fd00:ec2::254]" } else { "http://169.254.169.254" };
                let address = set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
                Some(Self::Instance(address.unwrap_or_else(|| default.to_owned())))
            }
            _ => None,
        }
    }

    /// What to do where STS refuses a role to keys of a profile that asks for a code, which nobody can be asked for here.
    pub(super) fn code_way_out(&self) -> Option<String> {
        let Self::Profile(Followed { name, roles, base: Base::Keys { mfa: true }, .. }) = self else { return None };
        roles.is_empty().then(|| {
            format!(
                "the profile {name:?} has an mfa_serial, and no code can be asked for here: where the role demands one, get a \
                 session with aws sts get-session-token --serial-number ARN --token-code CODE, and set its keys in the environment"
            )
        })
    }
}

/// Whether the environment has keys. The SDK knows a second name of the secret one.
fn has_keys(variable: impl Fn(&str) -> Option<String>) -> bool {
    let secret = || variable("AWS_SECRET_ACCESS_KEY").or_else(|| variable("SECRET_ACCESS_KEY"));
    variable("AWS_ACCESS_KEY_ID").is_some() && secret().is_some()
}

/// What would make AWS's chain pass over a source that is meant: half of two keys, a profile that leads nowhere.
pub(super) fn refusals(variable: impl Fn(&str) -> Option<String>, profiles: &ProfileSet) -> Vec<Diagnostic> {
    const PAIRS: [[&str; 2]; 3] = [
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
        ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"],
        ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"],
    ];
    // Keys in the environment go before all else.
    if has_keys(&variable) {
        return Vec::new();
    }
    let halves = PAIRS.iter().filter(|[one, other]| variable(one).is_some() && variable(other).is_none());
    let mut issues: Vec<Diagnostic> = halves
        .map(|[one, other]| Diagnostic {
            key: (*one).to_owned(),
            origin: "environment".to_owned(),
            reason: format!("{other} is missing"),
            way_out: "set both, or neither".to_owned(),
        })
        .collect();
    if let Some(Wrong { key, profile, reason, way_out }) = follow(profiles).err() {
        let origin = format!("the profile {profile:?}, {}", profile::config_file());
        issues.push(Diagnostic { key: key.to_owned(), origin, reason, way_out });
    }
    issues
}

/// The object of a message: the part, with its file, command or address.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys => f.write_str("keys of the environment or the settings"),
            Self::Profile(Followed { base, base_name, .. }) => match base {
                Base::Keys { .. } => write!(f, "keys of the profile {base_name:?}"),
                Base::Named(source) => write!(f, "credential_source {source} of the profile {base_name:?}"),
                Base::WebIdentity { file, role } => {
                    write!(f, "the token in {file} for {role}, web_identity_token_file of the profile {base_name:?}")
                }
                Base::Sso { session: Some(session) } => {
                    write!(
                        f,
                        "sso_session {session} of the profile {base_name:?}, whose token is kept in ~/.aws/sso/cache"
                    )
                }
                Base::Sso { session: None } => {
                    write!(f, "SSO of the profile {base_name:?}, whose token is kept in ~/.aws/sso/cache")
                }
                Base::Login => write!(f, "login_session of the profile {base_name:?}"),
                Base::Process(program) => {
                    write!(f, "credential_process {program} of the profile {base_name:?}")
                }
                Base::Nothing => write!(f, "the profile {base_name:?}"),
            },
            Self::WebIdentity { file, role } => {
                write!(f, "the token in {file} for {role}, from AWS_WEB_IDENTITY_TOKEN_FILE")
            }
            Self::Container { address, token_file: None } => write!(f, "the container's credentials at {address}"),
            Self::Container { address, token_file: Some(file) } => {
                write!(f, "the container's credentials at {address}, with the token in {file}")
            }
            Self::Instance(address) => write!(f, "the instance's metadata at {address}"),
            Self::Nothing { profile: Some(profile) } => write!(f, "the profile {profile:?} holds none either"),
            Self::Nothing { profile: None } => f.write_str("no profile is there"),
        }
    }
}
