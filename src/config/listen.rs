//! Where the health server listens.

use std::net::{AddrParseError, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// Where the health server listens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Listen {
    /// 127.0.0.1:7464. If somebody else has it, the server waits.
    #[default]
    Default,
    /// At this address, which has to be free.
    At(SocketAddr),
    /// There is none: `none`.
    Nowhere,
}

impl Listen {
    /// The address, if there is one.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Default => Some(SocketAddr::from(([127, 0, 0, 1], 7464))),
            Self::At(address) => Some(address),
            Self::Nowhere => None,
        }
    }
}

impl FromStr for Listen {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        if text == "none" { Ok(Self::Nowhere) } else { text.parse().map(Self::At) }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
