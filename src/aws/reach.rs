//! Whether AWS and the source of the base credentials are there, before a sidecar's sync begins.

use super::Fault;
use super::Verdict;
use super::account::Account;
use super::base::Base;
use super::concurrency::ConcurrencyLimit;
use super::rate_limiter::RateLimiters;
use super::scope::ResolvedIdentity;
use crate::config::Config;

impl Base {
    /// Asks the source of the base credentials once, unless there are some. False if it refuses them, which is no error here.
    ///
    /// # Errors
    /// The source does not answer.
    pub(crate) async fn obtain_credentials(&self) -> Result<bool, Fault> {
        match self.credentials.try_once().await {
            Err(fault) if fault.verdict == Verdict::Transient => Err(fault),
            obtained => Ok(obtained.is_ok()),
        }
    }

    /// Asks AWS for the first role, whose session the sync goes on with, or who the base credentials are. A network without a way to STS
    /// may have one to ECS, of which one cluster is listed then.
    ///
    /// # Errors
    /// Neither answers, or both say that they cannot now.
    pub(crate) async fn reach(
        &self,
        config: &Config,
        concurrency: &ConcurrencyLimit,
        limiters: &RateLimiters,
    ) -> Result<(), Fault> {
        let Some(identity) = self.identities(config).into_iter().next() else { return Ok(()) };
        let once = concurrency.with_at_most(0);
        let fault = match &identity.role {
            Some(_) => identity.credentials.ensure(&once).await.err(),
            None => self.ask_identity(&once).await.err(),
        };
        let Some(fault) = fault.filter(|_| !concurrency.has_served()) else { return Ok(()) };
        let (None, Some(region)) = (&identity.role, identity.regions.first().cloned()) else { return Err(fault) };
        let scope = self.scope(&ResolvedIdentity { identity, account: Account::default() }, &region, config, limiters);
        let list = scope.ecs.client.list_clusters().max_results(1).send().await;
        match list.map_err(|error| Fault::judge(&error)) {
            Err(fault) if !fault.is_served() => Err(fault),
            _ => Ok(()),
        }
    }
}
