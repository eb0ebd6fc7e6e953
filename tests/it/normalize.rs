//! What a real Falco sent, and what people posted of theirs, read right.

mod captures;
mod fixtures;
mod golden;
mod properties;
mod samples;
