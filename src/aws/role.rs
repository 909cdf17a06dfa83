//! Credentials of a role, which the base credentials assume.

use aws_credential_types::Credentials as AwsCredentials;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::concurrency::ConcurrencyLimit;
use super::credentials::{AssumedRole, Credentials, Issued, Issuer};
use super::retry::{Fault, Verdict};

/// The parameters of AssumeRole, by their API names.
#[derive(Debug)]
pub(crate) struct Role {
    /// STS in the base region, signed with [`Role::base`], with one attempt per call.
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) base: Credentials,
    pub(crate) arn: String,
    pub(crate) session_name: String,
    pub(crate) external_id: Option<String>,
    /// `DurationSeconds`: 900 to 43,200.
    pub(crate) session_duration: u32,
    /// What else to do where STS refuses: the profile asks for a code.
    pub(crate) way_out: Option<String>,
}

impl Issuer for Role {
    fn issue<'a>(&'a self, concurrency: &'a ConcurrencyLimit) -> Issued<'a> {
        Box::pin(async {
            self.base.ensure(concurrency).await?;
            let generation = self.base.generation();
            let refused = match concurrency.with_retries(|| self.assume()).await {
                Err(fault) if matches!(fault.verdict, Verdict::Credentials | Verdict::Unrecognized) => fault,
                answered => return answered.map_err(Fault::denied),
            };
            // The base credentials may have expired. Those of an instance change every few hours.
            let unrecognized = refused.verdict == Verdict::Unrecognized;
            match self.base.resolve_again(concurrency, generation, unrecognized).await? {
                true => concurrency.with_retries(|| self.assume()).await.map_err(Fault::denied),
                false => Err(refused.denied()),
            }
        })
    }

    fn action(&self) -> &'static str {
        "AssumeRole"
    }

    fn role(&self) -> Option<&str> {
        Some(&self.arn)
    }
}

impl Role {
    async fn assume(&self) -> Result<AwsCredentials, Fault> {
        let request = self.sts.assume_role().role_arn(&self.arn).role_session_name(&self.session_name);
        let request = request
            .set_external_id(self.external_id.clone())
            .duration_seconds(i32::try_from(self.session_duration).unwrap_or(i32::MAX));
        let answer = request.send().await.map_err(|error| self.explain(&error))?;
        let Some(issued) = answer.credentials() else {
            return Err(Fault::own("AssumeRole", "the answer holds no credentials").denied());
        };
        let expiry = std::time::SystemTime::try_from(*issued.expiration()).ok();
        let token = Some(issued.session_token().to_owned());
        let mut credentials =
            AwsCredentials::new(issued.access_key_id(), issued.secret_access_key(), token, expiry, "AssumeRole");
        if let Some(user) = answer.assumed_role_user() {
            credentials.set_property(AssumedRole(user.arn().to_owned()));
        }
        Ok(credentials)
    }

    /// Adds what to do about a refused duration: STS's message names a limit, but no setting.
    fn explain<E>(&self, error: &SdkError<E, Response>) -> Fault
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut fault = Fault::judge(error);
        if fault.message.contains("DurationSeconds") || fault.message.contains("role chaining") {
            let hint = format!(
                "; session_duration is {} s: lower it to the role's MaxSessionDuration, and to 3600 where the base \
                 credentials are a role's themselves",
                self.session_duration
            );
            fault.message.push_str(&hint);
        } else if fault.code.starts_with("AccessDenied") {
            let trust = "allow the base credentials sts:AssumeRole, and in the role's trust policy; set external_id if that asks for one";
            fault.message.push_str("; ");
            fault.message.push_str(self.way_out.as_deref().unwrap_or(trust));
        }
        fault
    }
}
