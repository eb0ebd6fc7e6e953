//! The HTTP input: what real senders send, and what nobody should.

mod access;
mod bodies;
mod captures;
mod garbage;
mod lifecycle;
mod refusals;
mod timeouts;
