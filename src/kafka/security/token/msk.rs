//! The token with which one signs in to Amazon MSK: a presigned request `kafka-cluster:Connect`, as MSK's own clients make it
//! (github.com/aws/aws-msk-iam-auth). It is signed here, and nothing is sent to AWS for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::base64;
use parking_lot::Mutex;

use super::{Asked, Token, TokenFault};
use crate::aws::{Fault, Signer, Verdict};
use crate::config::{KafkaConfig, msk_region, msk_suffix};
use crate::contract::rfc3339;

/// The longest life that MSK takes.
const LIFE: Duration = Duration::from_secs(900);

/// The shortest that is worth a signature.
const LEAST: Duration = Duration::from_secs(1);

/// Signs tokens.
#[derive(Debug)]
pub(super) struct Msk {
    /// That of the brokers, as far as their names or a setting tell it.
    region: Option<String>,
    /// Each sync brings it.
    signer: Mutex<Option<Arc<Signer>>>,
}

impl Msk {
    pub(super) fn of(settings: &KafkaConfig) -> Self {
        let told = settings.bootstrap_servers.iter().find_map(|server| msk_region(server));
        let region = told.or_else(|| settings.security.aws_region.clone());
        Self { region, signer: Mutex::default() }
    }

    pub(super) fn sign_with(&self, signer: Signer) {
        *self.signer.lock() = Some(Arc::new(signer));
    }

    pub(super) async fn issue(&self) -> Result<Token, TokenFault> {
        let signer = self.signer.lock().clone();
        let signer = signer.ok_or_else(|| TokenFault::passing("no sync has brought AWS credentials yet"))?;
        let none = |reason: String| format!("no token of AWS_MSK_IAM can be signed: {reason}");
        let unresolved = |fault: Fault| TokenFault {
            is_final: fault.verdict != Verdict::Transient,
            reason: none(fault.to_string()),
        };
        let keys = signer.keys().await.map_err(unresolved)?;
        let region = self.region.as_deref().unwrap_or(&signer.region);
        let asked = Asked::now();
        let (value, life) = presign(&keys, region, asked.time).map_err(|reason| TokenFault::passing(none(reason)))?;
        let ends = (asked.time + life).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let clue = format!(
            "the token is signed with the access key {} for {region} and expires at {}; see the base credentials (access_key_id, \
             secret_access_key and session_token, or AWS's chain), kafka.security.aws_region, whether their IAM policy allows \
             kafka-cluster:Connect, and the clock of this machine",
            keys.access_key_id(),
            rfc3339(i64::try_from(ends).unwrap_or(i64::MAX)),
        );
        Ok(Token::new(value, keys.access_key_id().to_owned(), asked, life, clue))
    }
}

/// Signs the request, and tells how long it is good for. It ends with the credentials, if these end earlier.
fn presign(keys: &AwsCredentials, region: &str, now: SystemTime) -> Result<(String, Duration), String> {
    let left = keys.expiry().map_or(LIFE, |expiry| expiry.duration_since(now).unwrap_or_default());
    if left < LEAST {
        return Err(
            "the AWS credentials have expired; renew them where they come from, or see the clock of this machine"
                .to_owned(),
        );
    }
    // Whole seconds, as the request says them.
    let life = Duration::from_secs(left.min(LIFE).as_secs());
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(life);
    let identity = keys.clone().into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("kafka-cluster")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;
    let url = format!("https://{}/?Action=kafka-cluster%3AConnect", host(region));
    let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[]));
    let request = request.map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &parameters.into()).map_err(|error| error.to_string())?.into_parts();
    let mut signed = http::Request::get(&url).body(()).map_err(|error| error.to_string())?;
    instructions.apply_to_request_http1x(&mut signed);
    // The user agent is for MSK's own statistics, and stands outside the signature, as in AWS's clients.
    let signed = format!("{}&User-Agent={}", signed.uri(), concat!("ecs-sdm-producer%2F", env!("CARGO_PKG_VERSION")));
    let value = base64::encode(signed).replace('+', "-").replace('/', "_");
    Ok((value.trim_end_matches('=').to_owned(), life))
}

fn host(region: &str) -> String {
    format!("kafka.{region}.{}", msk_suffix(region))
}

#[cfg(test)]
mod tests;
