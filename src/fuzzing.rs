//! What has to hold of every parser and decoder, whatever it is given.
//!
//! A function a fuzz target (`tests/fuzz`): it takes any bytes and panics when the code
//! does not do what it promises. Those that need what is private stand beside it. None
//! of this is in a build of the gateway.

mod alerts;
mod config;
mod filter;
#[cfg(test)]
mod tests;

pub use self::{
    alerts::{falco_grpc, formats, normalize, stored},
    config::config,
    filter::filter,
};
pub use crate::{
    access::fuzzing::{jwt, tokens},
    delivery::fuzzing::cursor,
    log::fuzzing::log,
    rpc::fuzzing::authority,
    source::{fuzzing::lines, http::fuzzing::http_body},
};

/// The input, taken from its front as what a target needs to choose.
#[derive(Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; 0 behind the end.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number from the next two bytes.
    pub(crate) fn number(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    /// As many of the next bytes as there are.
    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// `text` up to its first NUL, and what is behind that.
fn halves(input: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut halves = input.splitn(2, |byte| *byte == 0);
    (halves.next().unwrap_or_default(), halves.next())
}
