//! What a real Falco sent, and what people posted of theirs, read right.

mod captures;
pub(crate) mod fixtures;
mod golden;
mod properties;
mod samples;
