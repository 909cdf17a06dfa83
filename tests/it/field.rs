//! What people in the field ran into with tools of this kind. Each test is named after its row in the list of such complaints.

mod agree;
mod aws;
mod first_starts;
mod kafka;
pub(crate) mod settings;
