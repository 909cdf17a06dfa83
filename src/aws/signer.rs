//! The base credentials, lent to what is signed with them beside AWS's own requests.

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::ProvideCredentials;

use super::concurrency::ConcurrencyLimit;
use super::credentials::Credentials;
use super::retry::Fault;

/// The base credentials and their region.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(super) credentials: Credentials,
    pub(super) concurrency: ConcurrencyLimit,
    pub(crate) region: String,
}

impl Signer {
    /// The keys as of now, renewed where that is due.
    pub(crate) async fn keys(&self) -> Result<AwsCredentials, Fault> {
        let attributed = |fault| self.credentials.attribute(fault);
        self.credentials.ensure(&self.concurrency).await.map_err(attributed)?;
        let keys = self.credentials.provide_credentials().await;
        keys.map_err(|error| Fault::own("Credentials", error.to_string()))
    }
}
