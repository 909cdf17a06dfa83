//! Rights on topics: what [`GUESTS`](super::GUESTS) may do.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{Listener, Secured};

impl Secured {
    /// Lets a guest do this to every topic whose name begins so.
    pub fn allow(&self, guest: &str, prefix: &str, operations: &[Operation]) {
        self.create_acls(
            &operations.iter().map(|operation| acl(guest, prefix, PREFIXED, *operation, ALLOW)).collect::<Vec<_>>(),
        );
    }

    /// Forbids a guest to do this to one topic.
    pub fn deny(&self, guest: &str, topic: &str, operation: Operation) {
        self.create_acls(&[acl(guest, topic, LITERAL, operation, DENY)]);
    }

    /// CreateAcls, version 1: librdkafka's request has no safe form.
    fn create_acls(&self, acls: &[Vec<u8>]) {
        let mut request = [30_i16.to_be_bytes(), 1_i16.to_be_bytes()].concat();
        request.extend([0, 0, 0, 1, 0xff, 0xff]);
        request.extend(u32::try_from(acls.len()).unwrap().to_be_bytes());
        request.extend(acls.concat());
        let mut broker = TcpStream::connect(self.at(Listener::Plaintext)).unwrap();
        broker.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
        broker.write_all(&request).unwrap();
        let mut length = [0; 4];
        broker.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        broker.read_exact(&mut answer).unwrap();
        // Correlation id, throttle time, count; then of each an error code and an empty sentence.
        let taken = answer[12..].chunks(4).filter(|result| **result == [0; 4]).count();
        assert_eq!(taken, acls.len(), "{}", String::from_utf8_lossy(&answer));
    }
}

/// What is done to a topic, by Kafka's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sending records.
    Write = 4,
    /// Making it.
    Create = 5,
    /// Asking for its partitions.
    Describe = 8,
}

/// Kafka's numbers of patterns and permissions.
const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;
const DENY: u8 = 2;
const ALLOW: u8 = 3;
const TOPIC: u8 = 2;

fn acl(guest: &str, topic: &str, pattern: u8, operation: Operation, permission: u8) -> Vec<u8> {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let principal = text(&format!("User:{guest}"));
    [vec![TOPIC], text(topic), vec![pattern], principal, text("*"), vec![operation as u8, permission]].concat()
}
