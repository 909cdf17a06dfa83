//! The default region, for settings without one.

use aws_config::Region;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;

use super::trust::Trust;
use super::{environment, http};

/// The first region found in `AWS_REGION`, `AWS_DEFAULT_REGION`, the AWS profile and, with `ask_instance`, the instance's metadata.
pub async fn default_region(ask_instance: bool, trust: &Trust) -> Option<String> {
    // The SDK's own provider would take an empty variable for a region.
    let variable = environment::set("AWS_REGION").or_else(|| environment::set("AWS_DEFAULT_REGION"));
    // These are the parts of the SDK's DefaultRegionChain, whose builder does not accept an HTTP client.
    let provider = ProviderConfig::default().with_http_client(http::client(true, trust));
    let chain = RegionProviderChain::first_try(variable.map(Region::new))
        .or_else(ProfileFileRegionProvider::builder().configure(&provider).build());
    let region = if ask_instance {
        chain.or_else(ImdsRegionProvider::builder().configure(&provider).build()).region().await
    } else {
        chain.region().await
    };
    region.map(|region| region.to_string()).filter(|region| !region.is_empty())
}
