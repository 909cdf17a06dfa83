//! Tokens of OAuth 2.0, as JSON Web Tokens: without a signature, or signed with a key of the tests.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// For whom tokens are that a broker with keys takes.
pub const AUDIENCE: &str = "kafka";
/// From whom they are.
pub const ISSUER: &str = "https://issuer.example.com";

/// All keys have one id, so that a broker tells a stranger's token by its signature alone.
const KEY_ID: &str = "key";

/// A key that signs tokens.
pub struct Key(EcdsaKeyPair);

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl Key {
    /// A key that no other is like.
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// What others need to check its signatures: a set of JSON Web Keys.
    pub fn jwks(&self) -> Value {
        // A byte of the form, then both coordinates.
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        let key = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY_ID, "x": x, "y": y});
        json!({"keys": [key]})
    }

    /// A signed token.
    pub fn sign(&self, claims: &Value) -> String {
        let content = content(&json!({"alg": "ES256", "typ": "JWT", "kid": KEY_ID}), claims);
        let signature = self.0.sign(&SystemRandom::new(), content.as_bytes()).unwrap();
        format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A token without a signature.
pub fn unsecured(claims: &Value) -> String {
    format!("{}.", content(&json!({"alg": "none", "typ": "JWT"}), claims))
}

fn content(header: &Value, claims: &Value) -> String {
    [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}
