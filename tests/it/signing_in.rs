//! Signing in to Kafka: every way delivers, every mistake is told by the key of its setting.

mod settings;

/// A key, without a password.
const KEY: &str = include_str!("fixtures/key.pem");
/// The same key, encrypted as PKCS #8.
const ENCRYPTED: &str = include_str!("fixtures/key.encrypted.pem");
/// The same key, encrypted as RFC 1421 has it.
const RFC1421: &str = include_str!("fixtures/key.rfc1421.pem");
/// The password of both.
const KEY_PASSWORD: &str = "key-pw";
