//! Calls of librdkafka that rdkafka has no safe form for, or whose answer it cuts: the token to sign in with, what a broker says when it
//! refuses to make a topic, the settings of a topic, and the right to write to it. Requests go through the producer's own connections,
//! so that no second client has to sign in.
//!
//! This is the only file with unsafe code. Each request blocks, for as long as its time-out at most.

#![allow(unsafe_code, reason = "librdkafka is a C library, and rdkafka has no safe form of these calls")]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::{Duration, UNIX_EPOCH};

use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::context::Context;
use super::security::Token;
use crate::foreign::one_line;

/// A topic to be made.
pub(super) struct NewTopic<'a> {
    pub(super) name: &'a str,
    pub(super) partitions: i32,
    /// -1 leaves it to the broker (KIP-464).
    pub(super) replication_factor: i32,
    pub(super) settings: Vec<(&'a str, String)>,
}

/// Why a request failed, or a topic was refused: the error code, and the broker's own sentence where it gave one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) sentence: String,
}

/// Whether topics are made, or brokers only say whether they would make them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creation {
    Real,
    Tried,
}

/// Makes topics. There is a refusal or none for each that was asked for (KIP-4, CreateTopics).
///
/// # Errors
/// No broker answered, or a name holds a zero byte.
pub(super) fn create_topics(
    client: &Client<Context>,
    topics: &[NewTopic<'_>],
    creation: Creation,
    timeout: Duration,
) -> Result<Vec<(String, Option<Refusal>)>, Refusal> {
    let new: Vec<Owned<c::rd_kafka_NewTopic_t>> = topics.iter().map(new_topic).collect::<Result<_, _>>()?;
    let mut pointers: Vec<_> = new.iter().map(|topic| topic.0).collect();
    let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS;
    let answer = ask(client, op, timeout, |rk, options, queue| {
        let tried = i32::from(creation == Creation::Tried);
        let mut buffer = [0; 256];
        // SAFETY: the client outlives the call, and librdkafka copies the topics. If the option is not taken, nothing is sent: a topic
        // could be made that is only to be tried.
        unsafe {
            let code = c::rd_kafka_AdminOptions_set_validate_only(options, tried, buffer.as_mut_ptr(), buffer.len());
            if code == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                c::rd_kafka_CreateTopics(rk, pointers.as_mut_ptr(), pointers.len(), options, queue);
            }
        }
    })?;
    // SAFETY: the event lives until the end of this function, and with it the result and its topics.
    unsafe {
        let mut count = 0;
        let result = c::rd_kafka_event_CreateTopics_result(answer.0);
        if result.is_null() {
            return Err(Refusal::own("another answer than that to CreateTopics"));
        }
        let results = c::rd_kafka_CreateTopics_result_topics(result, &raw mut count);
        let results = slice(results, count).iter().map(|topic| {
            let refusal =
                refusal(c::rd_kafka_topic_result_error(*topic), c::rd_kafka_topic_result_error_string(*topic));
            (text(c::rd_kafka_topic_result_name(*topic)), refusal)
        });
        Ok(results.collect())
    }
}

/// The settings of a topic, its broker's defaults too (KIP-133, DescribeConfigs).
///
/// # Errors
/// No broker answered, or there is no right to ask.
pub(super) fn topic_settings(
    client: &Client<Context>,
    topic: &str,
    timeout: Duration,
) -> Result<HashMap<String, String>, Refusal> {
    let name = c_string(topic)?;
    let kind = c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
    // SAFETY: the name is copied.
    let resource = unsafe { c::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
    let resource = Owned(resource, c::rd_kafka_ConfigResource_destroy);
    let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
    let answer = ask(client, op, timeout, |rk, options, queue| {
        // SAFETY: the client outlives the call, and librdkafka copies the resource.
        unsafe { c::rd_kafka_DescribeConfigs(rk, [resource.0].as_mut_ptr(), 1, options, queue) }
    })?;
    // SAFETY: the event lives until the end of this function, and with it the result, its resources and their entries.
    unsafe {
        let mut count = 0;
        let result = c::rd_kafka_event_DescribeConfigs_result(answer.0);
        if result.is_null() {
            return Err(Refusal::own("another answer than that to DescribeConfigs"));
        }
        let resources = c::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
        let Some(resource) = slice(resources, count).first() else {
            return Err(Refusal::own("no answer to DescribeConfigs"));
        };
        let error = c::rd_kafka_ConfigResource_error(*resource);
        if let Some(refusal) = refusal(error, c::rd_kafka_ConfigResource_error_string(*resource)) {
            return Err(refusal);
        }
        let entries = c::rd_kafka_ConfigResource_configs(*resource, &raw mut count);
        let entries = slice(entries, count).iter();
        Ok(entries
            .map(|one| (text(c::rd_kafka_ConfigEntry_name(*one)), text(c::rd_kafka_ConfigEntry_value(*one))))
            .collect())
    }
}

/// Whether the client may write to a topic, as the broker tells it (KIP-430, Metadata). None if the broker does not tell: it is older
/// than 2.3, or not Apache's.
///
/// # Errors
/// No broker answered, or the topic may not be described.
pub(super) fn may_write(client: &Client<Context>, topic: &str, timeout: Duration) -> Result<Option<bool>, Refusal> {
    let name = c_string(topic)?;
    // SAFETY: the name is copied.
    let topics = unsafe { c::rd_kafka_TopicCollection_of_topic_names([name.as_ptr()].as_mut_ptr(), 1) };
    let topics = Owned(topics, c::rd_kafka_TopicCollection_destroy);
    let op = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    let answer = ask(client, op, timeout, |rk, options, queue| {
        // SAFETY: the client outlives the call, and librdkafka copies the names. The option is one of this request; if it is not taken, the
        // error is destroyed here, and the answer tells no operations.
        unsafe {
            let error = c::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            drop(Owned(error, c::rd_kafka_error_destroy));
            c::rd_kafka_DescribeTopics(rk, topics.0, options, queue);
        }
    })?;
    // SAFETY: the event lives until the end of this function, and with it the result, its topics and their operations.
    unsafe {
        let mut count = 0;
        let result = c::rd_kafka_event_DescribeTopics_result(answer.0);
        if result.is_null() {
            return Err(Refusal::own("another answer than that to DescribeTopics"));
        }
        let described = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let Some(topic) = slice(described, count).first() else {
            return Err(Refusal::own("no answer to DescribeTopics"));
        };
        let error = c::rd_kafka_TopicDescription_error(*topic);
        if let Some(refusal) = refusal(c::rd_kafka_error_code(error), c::rd_kafka_error_string(error)) {
            return Err(refusal);
        }
        let operations = c::rd_kafka_TopicDescription_authorized_operations(*topic, &raw mut count);
        // Who may describe a topic has a right at least, so that none at all means that the broker does not tell.
        let operations = slice(operations.cast_mut(), count);
        Ok((!operations.is_empty())
            .then(|| operations.contains(&c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE)))
    }
}

/// Gives a client the token that it signs in with from now on. Nothing is sent: connections that are open go on with the old one until
/// the broker wants them to sign in again (KIP-255, KIP-368).
///
/// # Errors
/// What librdkafka says of a token or an extension that it does not take.
pub(super) fn set_token(client: &Client<Context>, token: &Token) -> Result<(), String> {
    let of_text = |text: &str| c_string(text).map_err(|refusal| refusal.sentence);
    let (value, principal) = (of_text(&token.value)?, of_text(&token.principal)?);
    let pairs = token.extensions.iter().flat_map(|(name, value)| [of_text(name), of_text(value)]);
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    let mut pointers: Vec<*const c_char> = pairs.iter().map(|text| text.as_ptr()).collect();
    let since_epoch = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    let mut buffer: [c_char; 512] = [0; 512];
    // SAFETY: the client outlives the call, which copies all texts. The buffer holds a string that ends with a zero byte where the token
    // is not taken.
    unsafe {
        let code = c::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            expires,
            principal.as_ptr(),
            pointers.as_mut_ptr(),
            pointers.len(),
            buffer.as_mut_ptr(),
            buffer.len(),
        );
        if code == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(text(buffer.as_ptr())) }
    }
}

/// What librdkafka made for us, with its destructor.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: it was made by the constructor that belongs to this destructor, and nobody else has it.
            unsafe { (self.1)(self.0) }
        }
    }
}

impl Refusal {
    fn own(sentence: &str) -> Self {
        Self { code: Code::Unknown, sentence: sentence.to_owned() }
    }
}

/// Sends a request, and waits for its answer.
fn ask(
    client: &Client<Context>,
    op: c::rd_kafka_admin_op_t,
    timeout: Duration,
    request: impl FnOnce(*mut c::rd_kafka_t, *mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
) -> Result<Owned<c::rd_kafka_event_t>, Refusal> {
    let rk = client.native_ptr();
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client outlives this call. Queue and options are destroyed at its end, after the request: an answer that comes later
    // finds its queue gone, which librdkafka allows.
    unsafe {
        let queue = Owned(c::rd_kafka_queue_new(rk), c::rd_kafka_queue_destroy);
        let options = Owned(c::rd_kafka_AdminOptions_new(rk, op), c::rd_kafka_AdminOptions_destroy);
        let mut buffer = [0; 256];
        c::rd_kafka_AdminOptions_set_request_timeout(options.0, millis, buffer.as_mut_ptr(), buffer.len());
        request(rk, options.0, queue.0);
        // librdkafka's own time-out comes first.
        let event = Owned(c::rd_kafka_queue_poll(queue.0, millis.saturating_add(1_000)), c::rd_kafka_event_destroy);
        if event.0.is_null() {
            return Err(Refusal { code: Code::OperationTimedOut, sentence: "no answer in time".to_owned() });
        }
        match refusal(c::rd_kafka_event_error(event.0), c::rd_kafka_event_error_string(event.0)) {
            Some(refusal) => Err(refusal),
            None => Ok(event),
        }
    }
}

fn new_topic(topic: &NewTopic<'_>) -> Result<Owned<c::rd_kafka_NewTopic_t>, Refusal> {
    let name = c_string(topic.name)?;
    let mut buffer: [c_char; 256] = [0; 256];
    // SAFETY: the strings are copied. The buffer holds a string that ends with a zero byte where there is no topic.
    unsafe {
        let (partitions, replicas) = (topic.partitions, topic.replication_factor);
        let new = c::rd_kafka_NewTopic_new(name.as_ptr(), partitions, replicas, buffer.as_mut_ptr(), buffer.len());
        if new.is_null() {
            return Err(Refusal { code: Code::InvalidArgument, sentence: text(buffer.as_ptr()) });
        }
        let new = Owned(new, c::rd_kafka_NewTopic_destroy);
        for (key, value) in &topic.settings {
            let (key, value) = (c_string(key)?, c_string(value)?);
            c::rd_kafka_NewTopic_set_config(new.0, key.as_ptr(), value.as_ptr());
        }
        Ok(new)
    }
}

fn c_string(text: &str) -> Result<CString, Refusal> {
    CString::new(text).map_err(|_| Refusal::own("a text holds a zero byte"))
}

/// # Safety
/// The string is null, or ends with a zero byte.
unsafe fn refusal(error: c::rd_kafka_resp_err_t, sentence: *const c_char) -> Option<Refusal> {
    let code = Code::from(error);
    // SAFETY: as the caller says.
    (code != Code::NoError).then(|| Refusal { code, sentence: one_line(&unsafe { text(sentence) }) })
}

/// # Safety
/// The string is null, or ends with a zero byte.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// # Safety
/// The array is null, or has so many elements and outlives what is done with the slice.
unsafe fn slice<'a, T>(array: *mut T, count: usize) -> &'a [T] {
    if array.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { &*ptr::slice_from_raw_parts(array, count) }
}
