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
            | Code::UnknownPartition
            | Code::UnsupportedCompressionType,
        ) => ErrorClass::TopicClosed,
        _ => ErrorClass::Lost,
    }
}

/// What the broker means by a code, and the way out. None where the code alone says it.
pub(super) fn explain(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::MessageSizeTooLarge => "the batch is beyond max.message.bytes of the topic; raise it",
        Code::MessageBatchTooLarge => "the batch is beyond segment.bytes of the topic; raise it",
        Code::InvalidTimestamp => {
            "LAST_CAPTURED is further from the broker's clock than the topic allows; raise its message.timestamp.before.max.ms \
             and message.timestamp.after.max.ms (before Kafka 3.6: message.timestamp.difference.max.ms), or set this machine's clock"
        }
        Code::UnsupportedForMessageFormat => {
            "the topic keeps an old message format; raise its message.format.version to 0.11 or later"
        }
        Code::PolicyViolation => "a policy of the broker forbids it; the broker's log says which",
        Code::InvalidRecord | Code::InvalidDifferentRecord => "the broker's log says why",
        Code::TopicAuthorizationFailed => "there is no right to write to it; allow WRITE on the topic",
        Code::ClusterAuthorizationFailed => {
            "allow WRITE on the topics (brokers before 2.8 want IDEMPOTENT_WRITE on the cluster too)"
        }
        Code::InvalidTopic => "the broker takes no producers on this topic, or not by this name; give it another name",
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => "the topic is gone; create it",
        Code::UnsupportedCompressionType => {
            "the broker does not know the codec, zstd by default; set kafka.properties.compression.type to lz4, snappy or gzip"
        }
        _ => return None,
    })
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
