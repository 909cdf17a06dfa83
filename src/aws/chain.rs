//! AWS's default credential chain as a source of credentials.

use std::time::Duration;

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::concurrency::ConcurrencyLimit;
use super::credentials::{Issued, Issuer};
use super::retry::{self, Fault, Verdict};

/// AWS's default credential chain, or static credentials.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) provider: SharedCredentialsProvider,
    /// The longest resolution. A credential process has no timeout of its own.
    pub(crate) timeout: Duration,
}

impl Issuer for Chain {
    /// A source that fails is asked again like any request, and holds no permit meanwhile: it is a process or a metadata service.
    fn issue<'a>(&'a self, concurrency: &'a ConcurrencyLimit) -> Issued<'a> {
        Box::pin(async {
            let mut tries = 0;
            loop {
                let fault = match self.attempt().await {
                    Ok(issued) => return Ok(issued),
                    Err(fault) => fault,
                };
                tries += 1;
                if tries == 1 && fault.verdict == Verdict::Transient && concurrency.allows(tries) {
                    tracing::warn!(%fault, "credentials could not be resolved and are asked for again");
                }
                concurrency.back_off(fault, tries).await.map_err(Fault::denied)?;
            }
        })
    }
}

impl Chain {
    async fn attempt(&self) -> Result<AwsCredentials, Fault> {
        let (reason, is_final) = match tokio::time::timeout(self.timeout, self.provider.provide_credentials()).await {
            Ok(Ok(issued)) => return Ok(issued),
            // No source is there, or the configuration is wrong: another try would change nothing.
            Ok(Err(
                error @ (CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)),
            )) => (retry::chain(&error), true),
            Ok(Err(error)) => (retry::chain(&error), false),
            Err(_) => (format!("it took more than {:?}", self.timeout), false),
        };
        let fault = no_credentials(&reason);
        Err(if is_final { fault } else { Fault { verdict: Verdict::Transient, ..fault } })
    }
}

/// Stands for a chain that the SDK was built without.
#[derive(Debug)]
pub(crate) struct NoChain;

impl Issuer for NoChain {
    fn issue<'a>(&'a self, _: &'a ConcurrencyLimit) -> Issued<'a> {
        Box::pin(std::future::ready(Err(no_credentials("it has no sources"))))
    }
}

fn no_credentials(reason: &str) -> Fault {
    let way_out = "see access_key_id and AWS_PROFILE";
    Fault::own("Credentials", format!("AWS's credential chain provides none: {reason}; {way_out}")).denied()
}
