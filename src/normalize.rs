//! Documents to alerts: the only place that knows how Falco writes.
//!
//! ```text
//! Raw ──split──► document ──► draft ──► Alert
//!                  │ json, text, grpc     │ identity, tags, groups
//!                  └──────► Reject
//! ```
//!
//! A pure function: no clock, no I/O. It never panics, whatever the bytes. It
//! takes every form that Falco and those that forward its alerts write, loses no
//! field of them, and says in remarks what it had to mend, cut or assume. What
//! it refuses it refuses document by document, with the bytes at hand.
//!
//! It refuses what has no rule or no priority, since nothing downstream could do
//! with it, and a priority that is a bare number, since it could mean the
//! opposite. It accepts what has no usable time, with the receive time.

mod document;
mod draft;
mod fields;
mod groups;
mod grpc;
mod identity;
mod json;
mod kind;
mod notes;
mod reject;
mod split;
mod tags;
mod text;
mod time;
mod value;

use bytes::Bytes;

use self::split::{Content, Piece, Scope};
use crate::{
    alert::Alert,
    source::{FalcoResponse, Payload, Raw},
};

pub use self::{
    groups::project,
    kind::lost_syscalls,
    reject::{Reason, Reject},
};

/// The largest document that is read. Falco's own are around 1 kB, its largest
/// around 12 kB.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// The most documents that are read from one payload: a body of two-byte objects
/// would else become a thousand times its size in memory. The rest of the payload
/// is one [`Reject`] with [`Reason::TooLarge`].
pub const MAX_DOCUMENTS: usize = 10_000;

/// Reads every document in `raw`, in order.
///
/// There is at least one result: a payload without any document is a [`Reject`]
/// with [`Reason::EmptyBody`]. A [`Payload::Document`] gives several if objects
/// stand one behind the other without a line end: each of them is whole, so none
/// is refused for the sake of its neighbour.
pub fn normalize(raw: &Raw) -> Vec<Result<Alert, Reject>> {
    let numbered = numbered(raw).into_iter();
    numbered.map(|(_, read)| read.map(|alert| *alert)).collect()
}

/// As [`normalize`], each result with its place: that of its document in
/// [`Payload::Documents`], else its own. An alert is large, and handed on in a box.
pub fn numbered(raw: &Raw) -> Vec<(usize, Result<Box<Alert>, Reject>)> {
    let results = match &raw.payload {
        Payload::Documents(all) => {
            let each = all.iter().enumerate();
            return each
                .flat_map(|(index, bytes)| {
                    let results = documents(raw, bytes, Scope::Document);
                    results.into_iter().map(move |read| (index, read))
                })
                .collect();
        }
        Payload::Body(bytes) => documents(raw, bytes, Scope::Body),
        Payload::Document(bytes) => documents(raw, bytes, Scope::Document),
        Payload::Falco(response) => vec![message(raw, response)],
    };
    results.into_iter().enumerate().collect()
}

fn documents(raw: &Raw, bytes: &Bytes, scope: Scope) -> Vec<Result<Box<Alert>, Reject>> {
    split::split(bytes, scope)
        .into_iter()
        .map(|piece| piece_to_alert(raw, bytes, piece))
        .collect()
}

fn piece_to_alert(raw: &Raw, bytes: &Bytes, piece: Piece<'_>) -> Result<Box<Alert>, Reject> {
    let document = bytes.slice_ref(piece.whole);
    let draft = match piece.content {
        Content::Json(object) => document::read(object),
        Content::Text(text) => text::read(text),
        Content::Broken(fault) => Err(fault),
    };
    match draft {
        Ok(draft) => {
            let id = identity::of(&draft);
            Ok(Box::new(draft.complete(id, document, raw)))
        }
        Err(fault) => Err(fault.reject(document)),
    }
}

fn message(raw: &Raw, response: &FalcoResponse) -> Result<Box<Alert>, Reject> {
    match grpc::read(response) {
        Ok((draft, id)) => Ok(Box::new(draft.complete(id, response.wire.clone(), raw))),
        Err(fault) => Err(fault.reject(response.wire.clone())),
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
