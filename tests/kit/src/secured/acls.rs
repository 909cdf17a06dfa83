//! Rights on topics: what [`GUESTS`](super::GUESTS) and the others of their kind may do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::slice;
use std::sync::atomic::Ordering;

use super::{Listener, MORE_GUESTS, Secured};
use crate::wait::wait_until;

impl Secured {
    /// A guest who may do nothing yet. Each call has another.
    pub fn guest(&self) -> String {
        let number = self.came.fetch_add(1, Ordering::Relaxed);
        assert!(number < MORE_GUESTS, "no more guests");
        guest(number)
    }

    /// Lets a guest do this to every topic whose name begins so.
    pub fn allow(&self, guest: &str, prefix: &str, operations: &[Operation]) {
        let rights: Vec<_> =
            operations.iter().map(|operation| (Resource::Topics(prefix.to_owned()), *operation)).collect();
        self.grant(guest, &rights);
    }

    /// Gives a guest these rights.
    pub fn grant(&self, guest: &str, rights: &[(Resource, Operation)]) {
        let acls = rights.iter().map(|(resource, operation)| acl(guest, resource, *operation, ALLOW));
        self.create_acls(&acls.collect::<Vec<_>>());
    }

    /// Forbids a guest to do this to one topic.
    pub fn deny(&self, guest: &str, topic: &str, operation: Operation) {
        self.create_acls(&[acl(guest, &Resource::Topic(topic.to_owned()), operation, DENY)]);
    }

    /// librdkafka's requests have no safe form. The controller answers before the broker knows the rights.
    fn create_acls(&self, acls: &[Vec<u8>]) {
        let answer = self.ask(CREATE_ACLS, &[u32::try_from(acls.len()).unwrap().to_be_bytes().to_vec(), acls.concat()]);
        // Throttle time, count; then of each an error code and an empty sentence.
        let taken = answer[8..].chunks(4).filter(|result| **result == [0; 4]).count();
        assert_eq!(taken, acls.len(), "{}", String::from_utf8_lossy(&answer));
        for acl in acls {
            // What is asked for looks like what was made. Throttle time, error code and sentence; then the count of resources.
            wait_until("a right is known", || self.ask(DESCRIBE_ACLS, slice::from_ref(acl))[8..12] != [0; 4]);
        }
    }

    /// Sends a request of version 1. Gives the answer without its correlation id.
    fn ask(&self, kind: i16, body: &[Vec<u8>]) -> Vec<u8> {
        let mut request = [kind.to_be_bytes(), 1_i16.to_be_bytes()].concat();
        request.extend([0, 0, 0, 1, 0xff, 0xff]);
        request.extend(body.concat());
        let mut broker = TcpStream::connect(self.at(Listener::Plaintext)).unwrap();
        broker.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
        broker.write_all(&request).unwrap();
        let mut length = [0; 4];
        broker.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        broker.read_exact(&mut answer).unwrap();
        answer.split_off(4)
    }
}

/// What is done, by Kafka's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sending records.
    Write = 4,
    /// Making topics.
    Create = 5,
    /// Asking for partitions and their ends.
    Describe = 8,
    /// Asking for settings.
    DescribeConfigs = 10,
    /// Having a producer id, on brokers before 2.8.
    IdempotentWrite = 12,
}

impl Operation {
    /// The operation of that name, as `kafka-acls.sh` has it.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Write, Self::Create, Self::Describe, Self::DescribeConfigs, Self::IdempotentWrite];
        all.into_iter().find(|operation| format!("{operation:?}") == name)
    }
}

/// What something is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The topic of this name.
    Topic(String),
    /// Every topic whose name begins so.
    Topics(String),
    /// The cluster.
    Cluster,
}

/// Kafka's numbers of requests.
const DESCRIBE_ACLS: i16 = 29;
const CREATE_ACLS: i16 = 30;
/// Kafka's numbers of resources, patterns and permissions.
const TOPIC: u8 = 2;
const CLUSTER: u8 = 4;
const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;
const DENY: u8 = 2;
const ALLOW: u8 = 3;

fn acl(guest: &str, resource: &Resource, operation: Operation, permission: u8) -> Vec<u8> {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let (kind, name, pattern) = match resource {
        Resource::Topic(name) => (TOPIC, name.as_str(), LITERAL),
        Resource::Topics(prefix) => (TOPIC, prefix.as_str(), PREFIXED),
        Resource::Cluster => (CLUSTER, "kafka-cluster", LITERAL),
    };
    let principal = text(&format!("User:{guest}"));
    [vec![kind], text(name), vec![pattern], principal, text("*"), vec![operation as u8, permission]].concat()
}

pub(super) fn guest(number: usize) -> String {
    format!("guest-{number}")
}
