//! AWS's default credential chain as a source of credentials.

use std::time::Duration;

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::concurrency::ConcurrencyLimit;
use super::credentials::{Issued, Issuer};
use super::retry::{Fault, Verdict};
use super::source::Source;

/// AWS's default credential chain, or static credentials.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) provider: SharedCredentialsProvider,
    /// The part of the chain that provides them.
    pub(super) source: Source,
    /// The longest resolution. A credential process has no timeout of its own.
    pub(crate) timeout: Duration,
}

impl Issuer for Chain {
    fn try_once<'a>(&'a self) -> Option<Issued<'a>> {
        Some(Box::pin(self.attempt()))
    }

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
        match tokio::time::timeout(self.timeout, self.provider.provide_credentials()).await {
            Ok(Ok(issued)) => Ok(issued),
            Ok(Err(error)) => Err(self.source.failed(&error)),
            Err(_) => Err(self.source.late(self.timeout)),
        }
    }
}

/// Stands for a chain that the SDK was built without.
#[derive(Debug)]
pub(crate) struct NoChain;

impl Issuer for NoChain {
    fn issue<'a>(&'a self, _: &'a ConcurrencyLimit) -> Issued<'a> {
        let fault = Fault::own("Credentials", "the SDK has no credential chain; this is a bug of ours");
        Box::pin(std::future::ready(Err(fault.denied())))
    }
}
