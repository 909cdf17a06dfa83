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

/// `ALLOCATOR`, that of the bench and of what it has in its process: with the feature it is a release's, else the system's. The feature is
/// that of the program, whose bench this is.
#[macro_export]
macro_rules! allocator {
    () => {
        #[cfg(feature = "jemalloc")]
        #[global_allocator]
        static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
        #[cfg(not(feature = "jemalloc"))]
        #[global_allocator]
        static ALLOCATOR: std::alloc::System = std::alloc::System;
    };
}
