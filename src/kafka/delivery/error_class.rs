//! The table from librdkafka's error codes to what becomes of a record that is not acknowledged.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::opaque::SendMode;

/// What becomes of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// Nothing is wrong with the record: the producer failed, or its epoch did. It is sent again.
    Retry,
    /// Its batch was refused because of one of its records. It is sent again in a batch of its own.
    RetrySingly,
    /// The record is refused for good.
    Refused,
    /// The topic takes no record at all.
    TopicClosed,
    /// The record timed out or was given up. It may be on the topic or not.
    Lost,
}

/// The class of an error, which also depends on how the record was sent. Errors that librdkafka retries itself arrive here only
/// after `message.timeout.ms`.
pub(super) fn classify(code: Option<Code>, mode: SendMode) -> ErrorClass {
    match code {
        Some(code) if is_refusal(code) && mode == SendMode::Batched => ErrorClass::RetrySingly,
        Some(code) if is_refusal(code) => ErrorClass::Refused,
        // After a fatal error, queued records come back as purged, and records in flight with the error's own code. A fenced or
        // stale epoch fails one batch; librdkafka then requests a new epoch itself (KIP-360).
        Some(
            Code::Fatal
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::OutOfOrderSequenceNumber
            | Code::UnknownProducerId
            | Code::InvalidProducerEpoch
            | Code::ProducerFenced
            | Code::Fenced,
        ) => ErrorClass::Retry,
        Some(
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidTopic
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition,
        ) => ErrorClass::TopicClosed,
        _ => ErrorClass::Lost,
    }
}

/// Whether the broker refused the batch because of a record in it. Its size limit applies to the compressed batch, and one invalid
/// record fails the whole batch.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            // The batch is larger than segment.bytes.
            | Code::MessageBatchTooLarge
            | Code::InvalidMessage
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            // If the broker names the invalid records (KIP-467), librdkafka gives this code to the other records of the batch.
            | Code::InvalidDifferentRecord
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            | Code::UnsupportedForMessageFormat
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_record_that_was_alone_is_refused() {
        let codes = [
            Code::MessageSizeTooLarge,
            Code::MessageBatchTooLarge,
            Code::InvalidRecord,
            Code::InvalidDifferentRecord,
            Code::PolicyViolation,
        ];
        for code in codes {
            assert_eq!(classify(Some(code), SendMode::Batched), ErrorClass::RetrySingly);
            assert_eq!(classify(Some(code), SendMode::Single), ErrorClass::Refused);
            assert_eq!(classify(Some(code), SendMode::DeadLetter), ErrorClass::Refused);
        }
    }

    #[test]
    fn a_time_out_is_no_refusal_and_a_failed_producer_no_loss() {
        for code in [Some(Code::MessageTimedOut), Some(Code::RequestTimedOut), Some(Code::Unknown), None] {
            assert_eq!(classify(code, SendMode::Batched), ErrorClass::Lost);
        }
        for code in [Code::OutOfOrderSequenceNumber, Code::UnknownProducerId, Code::PurgeQueue, Code::ProducerFenced] {
            assert_eq!(classify(Some(code), SendMode::Single), ErrorClass::Retry);
        }
        assert_eq!(classify(Some(Code::UnknownPartition), SendMode::Batched), ErrorClass::TopicClosed);
    }
}
