//! The log: every accepted alert once, in the order of receipt, each with a
//! [`Position`].
//!
//! One writer appends, any number of [`Reader`]s follow. A reader is a position
//! and nothing more: nobody waits for it, and it waits for nobody but the head.
//! What retention takes before a reader got there is counted for that reader
//! while it goes, so that the gap it finds later is told exactly.
//!
//! This form keeps the alerts in memory within a budget of bytes, and forgets
//! them at the end of the process.

mod dead_letters;
mod entry;
mod memory;
mod reader;

pub use self::{
    dead_letters::{DeadLetter, DeadLetters},
    entry::{Entry, Incarnation, NewEntry, Position},
    memory::{Bounds, Config, Log},
    reader::{Gap, Read, Reader, Witness},
};
