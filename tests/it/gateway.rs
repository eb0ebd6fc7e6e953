//! The whole gateway, from the bytes of a Falco to the frames of a subscriber.

mod errors;
mod falco_outputs;
mod flow;
mod history;
mod lifecycle;
mod metrics;
mod operations;
mod page;
mod publish;
mod refusals;
mod resume;
mod slow;
mod subscriptions;
mod web;
