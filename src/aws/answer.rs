//! Reads the body of a successful Describe answer into structs that hold what the contract reads, in place of the SDK's own parsing.
//!
//! The SDK takes the deserializer of a call from the call's configuration, after its interceptors ran. An interceptor of that one call
//! puts another one there. The SDK keeps the endpoint, signing, HTTP, time-outs and every answer that is no success.

use std::error::Error;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, Error as OperationError, Output,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use super::retry::Fault;
use crate::foreign::one_line;

/// The answer to one request, which is attempted once. Its clone is the request's interceptor.
pub(crate) struct Answer<T> {
    decoded: Arc<Mutex<Option<Result<T, Fault>>>>,
    /// What the SDK gets in place of its own output.
    empty: fn() -> Output,
}

impl<T: DeserializeOwned + Send + 'static> Answer<T> {
    /// `empty` makes the SDK's output of the operation, which must have its very type.
    pub(crate) fn in_place_of(empty: fn() -> Output) -> Self {
        Self { decoded: Arc::default(), empty }
    }

    /// What was decoded, once the request was sent.
    ///
    /// # Errors
    /// The request failed, or the answer cannot be read. One that the SDK has read itself is an error too, never an empty answer.
    pub(crate) fn of<O, E>(&self, sent: Result<O, SdkError<E, HttpResponse>>) -> Result<T, Fault>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match (sent, self.decoded.lock().take()) {
            (Ok(_), Some(decoded)) => decoded,
            (Ok(_), None) => Err(Fault::own("Decoder", "the AWS SDK has not let this program read the answer")),
            (Err(_), Some(Err(fault))) => Err(fault),
            (Err(error), _) => Err(Fault::judge(&error)),
        }
    }
}

impl<T: DeserializeOwned + Send + 'static> Intercept for Answer<T> {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            bag.interceptor_state().store_put(SharedResponseDeserializer::new(self.clone()));
        }
        Ok(())
    }
}

impl<T: DeserializeOwned + Send + 'static> DeserializeResponse for Answer<T> {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<OperationError>> {
        tracing::debug!(request_id = response.request_id(), "an answer of ECS");
        let decoded = decode(response);
        let readable = decoded.is_ok();
        *self.decoded.lock() = Some(decoded);
        // `of` gives the fault itself.
        if readable { Ok((self.empty)()) } else { Err(OrchestratorError::other("the answer cannot be read")) }
    }
}

/// Reads a body. What serde says of one that it cannot read is dropped, because it may quote it.
fn decode<T: DeserializeOwned>(response: &HttpResponse) -> Result<T, Fault> {
    let content_type = response.headers().get("content-type").unwrap_or_default();
    if is_cbor(content_type) {
        let hint = "and this program reads JSON alone; see whether a newer release reads it";
        return Err(Fault::own("Encoding", format!("the answer is {}, {hint}", one_line(content_type))));
    }
    // Checked as a whole, UTF-8 need not be checked in each text.
    let text = response.body().bytes().and_then(|body| std::str::from_utf8(body).ok());
    text.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(Fault::malformed)
}

/// Whether a body is CBOR, as in newer AWS protocols (Smithy RPC v2). The SDK, too, takes any other type for JSON.
fn is_cbor(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|essence| essence.trim().to_ascii_lowercase().ends_with("cbor"))
}

// Without `T: Clone` and `T: Debug`, which derives would ask for.
impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self { decoded: Arc::clone(&self.decoded), empty: self.empty }
    }
}

impl<T> Debug for Answer<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answer")
    }
}
