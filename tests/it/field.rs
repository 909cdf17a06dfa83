//! What people in the field ran into with tools of this kind. Each test is named after its row in the list of such complaints.

mod aws;
mod settings;
