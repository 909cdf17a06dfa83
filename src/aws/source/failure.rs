//! Why a part of the chain failed, on one line: the cause, the part, and that part's way out.

use std::error::Error;

use aws_credential_types::provider::error::{CredentialsError, TokenError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;

use super::{Base, Followed, Source};
use crate::aws::retry::{self, Fault, Verdict};

impl Source {
    /// The fault of credentials that could not be resolved. It is transient if the same question may be answered later.
    pub(in crate::aws) fn failed(&self, error: &CredentialsError) -> Fault {
        if let Some(refusal) = retry::find::<SdkError<AssumeRoleError, Response>>(error) {
            return self.role_refused(Fault::judge(refusal));
        }
        if let Some(refusal) = retry::find::<SdkError<AssumeRoleWithWebIdentityError, Response>>(error) {
            let fault = Fault::judge(refusal);
            let way_out = if is_transient(&fault) { "STS could not be asked" } else { TOKEN_REFUSED };
            let message = format!("{} ({self}); {way_out}", fault.message);
            return settled(Fault { message, ..fault });
        }
        match error {
            CredentialsError::CredentialsNotLoaded(_) => self.nothing(),
            // Another try would change nothing.
            CredentialsError::InvalidConfiguration(_) => self.fault(&reason(error), Verdict::Denied),
            _ => {
                let reason = reason(error);
                let verdict = if self.is_signed_out(&reason) { Verdict::Denied } else { Verdict::Transient };
                self.fault(&reason, verdict)
            }
        }
    }

    /// The fault of a resolution that took too long.
    pub(in crate::aws) fn late(&self, limit: std::time::Duration) -> Fault {
        self.fault(&format!("it took more than {limit:?}"), Verdict::Transient)
    }

    fn fault(&self, reason: &str, verdict: Verdict) -> Fault {
        Fault { verdict, ..Fault::own("Credentials", format!("{reason} ({self}); {}", self.way_out(reason))) }
    }

    fn nothing(&self) -> Fault {
        match self {
            Self::Nothing { .. } => self.fault("no source of AWS's credential chain is set up", Verdict::Denied),
            // Where nothing else is set up, the SDK asks for metadata wherever it runs.
            Self::Instance(address) => {
                let reason =
                    "no source of AWS's credential chain is set up, and no instance's metadata has credentials";
                Fault::own("Credentials", format!("{reason} ({address}); {NOTHING} (on an instance: give it a role)"))
                    .denied()
            }
            _ => self.fault("no credentials are there", Verdict::Denied),
        }
    }

    /// A role of the profile was refused, or STS could not be asked.
    fn role_refused(&self, fault: Fault) -> Fault {
        let Self::Profile(Followed { name, roles, .. }) = self else { return settled(fault) };
        let named = roles.iter().find(|(_, role, _)| fault.message.contains(role.as_str()));
        let Some((profile, role, mfa)) = named.or(roles.first()) else { return settled(fault) };
        let way_out = if is_transient(&fault) {
            "STS could not be asked".to_owned()
        } else if *mfa {
            format!(
                "the profile has an mfa_serial, and no code can be asked for here: run \
                 eval \"$(aws configure export-credentials --profile {name} --format env)\" before, which asks for it"
            )
        } else {
            "see role_arn and external_id of the profile, and the role's trust policy".to_owned()
        };
        let message = format!("{} ({role} of the profile {profile:?}); {way_out}", fault.message);
        settled(Fault { message, ..fault })
    }

    /// Whether somebody has to sign in again, which no other try does: there is no token, it has expired, or it is refused.
    fn is_signed_out(&self, reason: &str) -> bool {
        let signs_in = matches!(self, Self::Profile(Followed { base: Base::Sso { .. } | Base::Login, .. }));
        let signs = [
            "failed to read",
            "cached",
            "expired",
            "Unauthorized",
            "Forbidden",
            "AccessDenied",
            "InvalidGrant",
            "InvalidRequest",
            "InvalidClient",
        ];
        signs_in && signs.iter().any(|sign| reason.contains(sign))
    }

    fn way_out(&self, reason: &str) -> String {
        let Self::Profile(Followed { name, base, base_name, .. }) = self else {
            return match self {
                Self::WebIdentity { .. } => "let AWS_WEB_IDENTITY_TOKEN_FILE name the token's file, and this user read it",
                Self::Container { .. } if reason.contains("token") => {
                    "let AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE name the token's file, and this user read it"
                }
                Self::Container { .. } => {
                    "see AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, and whether the \
                     container has a role"
                }
                Self::Instance(_) => {
                    "give the instance a role and let its metadata be asked (from a container: a hop limit of 2), or set \
                     AWS_EC2_METADATA_DISABLED=true and another source of credentials"
                }
                _ => NOTHING,
            }
            .to_owned();
        };
        match base {
            Base::Sso { .. } if reason.contains("Forbidden") => {
                format!(
                    "see sso_account_id and sso_role_name of the profile {base_name:?}: is that role assigned to you?"
                )
            }
            Base::Sso { .. } if self.is_signed_out(reason) => format!("run `aws sso login --profile {base_name}`"),
            Base::Login if self.is_signed_out(reason) => format!("run `aws login --profile {base_name}`"),
            Base::Sso { .. } | Base::Login => "see whether this machine reaches the sign-in service of AWS".to_owned(),
            Base::Process(_) => {
                "run that command yourself: it has to print credentials as JSON, with Version 1".to_owned()
            }
            Base::WebIdentity { .. } => {
                "let web_identity_token_file name the token's file, and this user read it".to_owned()
            }
            Base::Named(source) => format!("see whether {source} has credentials here, and credential_source"),
            Base::Keys { .. } | Base::Nothing => format!("see the profile {name:?}"),
        }
    }
}

const NOTHING: &str = "set access_key_id and secret_access_key, or name a profile with AWS_PROFILE";
const TOKEN_REFUSED: &str =
    "see whether the token is of today, and whether the role's trust policy has its issuer and audience";

fn is_transient(fault: &Fault) -> bool {
    matches!(fault.verdict, Verdict::Transient | Verdict::Throttled)
}

/// What AWS has refused is not asked again.
fn settled(fault: Fault) -> Fault {
    if is_transient(&fault) { Fault { verdict: Verdict::Transient, ..fault } } else { fault.denied() }
}

/// The causes without the SDK's own words around them, which only say that there were causes.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while cause.is::<CredentialsError>() || cause.is::<TokenError>() {
        match cause.source() {
            Some(source) => cause = source,
            None => break,
        }
    }
    retry::with_address(cause)
}
