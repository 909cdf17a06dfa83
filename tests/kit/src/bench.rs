//! What the benches share: the frame around their tables, and one sync of the product in a process of its own.

pub mod frame;
pub mod landed;
pub mod machine;
pub mod meter;
pub mod sync;
pub mod table;

use std::error::Error;

/// What a bench does, or why it cannot.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
