//! A role, assumed with the base credentials.

use aws_credential_types::Credentials as Keys;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::concurrency::ConcurrencyLimit;
use super::credentials::{Credentials, Issued, Issuer};
use super::retry::{Fault, Verdict};

/// What AssumeRole is asked with.
#[derive(Debug)]
pub(crate) struct Role {
    /// STS in the base region, one attempt a call, with [`Role::base`].
    pub(crate) sts: aws_sdk_sts::Client,
    /// The credentials that assume it.
    pub(crate) base: Credentials,
    /// `RoleArn`.
    pub(crate) arn: String,
    /// `RoleSessionName`.
    pub(crate) session_name: String,
    /// `ExternalId`.
    pub(crate) external_id: Option<String>,
    /// `DurationSeconds`, 900 to 43,200.
    pub(crate) session_duration: u32,
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
            // The base credentials themselves may have expired: on an instance they change every few hours.
            let unknown = refused.verdict == Verdict::Unrecognized;
            match self.base.resolve_anew(concurrency, generation, unknown).await? {
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
    async fn assume(&self) -> Result<Keys, Fault> {
        let request = self.sts.assume_role().role_arn(&self.arn).role_session_name(&self.session_name);
        let request = request
            .set_external_id(self.external_id.clone())
            .duration_seconds(i32::try_from(self.session_duration).unwrap_or(i32::MAX));
        let answer = request.send().await.map_err(|error| self.explain(&error))?;
        let keys =
            answer.credentials().ok_or_else(|| Fault::own("AssumeRole", "the answer holds no credentials").denied())?;
        let expiry = std::time::SystemTime::try_from(*keys.expiration()).ok();
        let token = Some(keys.session_token().to_owned());
        Ok(Keys::new(keys.access_key_id(), keys.secret_access_key(), token, expiry, "AssumeRole"))
    }

    /// Adds the way out to a refused duration, which STS words for those who know its rules.
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
        }
        fault
    }
}
