//! Describe answers whose bodies are read and dropped: HTTP, signing and the runtime alone.

use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, Error, Output,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::config_bag::ConfigBag;

/// As an interceptor of DescribeTasks it makes every answer an empty one.
#[derive(Debug)]
pub(super) struct Dropped;

impl Intercept for Dropped {
    fn name(&self) -> &'static str {
        "Dropped"
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(SharedResponseDeserializer::new(Dropped));
        Ok(())
    }
}

impl DeserializeResponse for Dropped {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        // What is cheap must at least be a success with a body.
        match response.body().bytes() {
            Some([_, ..]) if response.status().is_success() => {
                Ok(Output::erase(DescribeTasksOutput::builder().build()))
            }
            _ => Err(OrchestratorError::other("no body")),
        }
    }
}
