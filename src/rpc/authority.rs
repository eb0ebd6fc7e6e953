//! Lets clients in whose `:authority` is the path of the unix socket they use.
//!
//! gRPC's C library (Python, C++, Ruby, PHP) names the host of a unix socket by the
//! socket's path, as `%2Frun%2Fgateway.sock`; older Go and some others send it as it
//! is. Neither is an authority, so h2 resets each call with PROTOCOL_ERROR before any
//! service sees it. Nobody here reads the authority, so on unix sockets the two
//! characters that are wrong with it, `%` and `/`, become `-`.
//!
//! That is done in the header block as it comes. The three have equally long codes in
//! HPACK, plain and compressed, so nothing moves, and both ends of the connection
//! count the same sizes in their tables of headers.

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, BytesMut};
use httlib_huffman::DecoderSpeed;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// So many bytes of it tell it from any other protocol.
const TELLING: usize = 3;

/// Length, type, flags and stream of a frame.
const FRAME_HEAD: usize = 9;

/// The frame that begins a request, and what may precede its header block.
const HEADERS: u8 = 0x1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// A longer frame is refused behind us, so it need not be held here.
const LONGEST_FRAME: usize = 16 << 10;

/// How much is read at a time.
const READ: usize = 8 << 10;

/// `:authority` in HPACK's fixed table.
const AUTHORITY_INDEX: usize = 1;
const AUTHORITY: &[u8] = b":authority";

/// A client's stream, with what it says mended.
#[derive(Debug)]
pub(super) struct Mended<S> {
    stream: S,
    walk: Walk,
    /// Read, and not yet asked for.
    ready: BytesMut,
}

/// Where in the frames of a connection we are.
#[derive(Debug)]
enum Walk {
    /// The first bytes, which are not enough yet to know the protocol.
    Begun(BytesMut),
    /// So many bytes go by unread.
    Pass(usize),
    /// A frame's head, which is not whole yet.
    Head(BytesMut),
    /// A frame with a header block, which is so long, and not whole yet.
    Block(BytesMut, usize),
}

impl<S> Mended<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            walk: Walk::Begun(BytesMut::new()),
            ready: BytesMut::new(),
        }
    }
}

impl<S> Mended<S> {
    /// What it mends.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }
}

impl Walk {
    /// Moves what came to `out`, as far as it can be told what it is.
    fn go(&mut self, mut came: &[u8], out: &mut BytesMut) {
        while !came.is_empty() {
            match self {
                Self::Begun(first) => {
                    fill(first, TELLING, &mut came);
                    if first.len() == TELLING {
                        out.put_slice(first);
                        *self = Self::of_protocol(first);
                    }
                }
                Self::Pass(left) => {
                    let taken = (*left).min(came.len());
                    out.put(came.split_off(..taken).unwrap_or_default());
                    *left -= taken;
                    if *left == 0 {
                        *self = Self::Head(BytesMut::new());
                    }
                }
                Self::Head(head) => {
                    fill(head, FRAME_HEAD, &mut came);
                    if head.len() == FRAME_HEAD {
                        *self = Self::after(head, out);
                    }
                }
                Self::Block(frame, length) => {
                    fill(frame, *length, &mut came);
                    if frame.len() == *length {
                        mend_frame(frame);
                        out.put_slice(frame);
                        *self = Self::Head(BytesMut::new());
                    }
                }
            }
        }
    }

    /// What comes after the `first` bytes.
    fn of_protocol(first: &[u8]) -> Self {
        Self::Pass(match PREFACE.strip_prefix(first) {
            Some(rest) => rest.len(),
            // gRPC-Web over HTTP/1.1, say.
            None => usize::MAX,
        })
    }

    /// What comes after a frame's head.
    fn after(head: &mut BytesMut, out: &mut BytesMut) -> Self {
        let (length, kind) = match head[..] {
            [a, b, c, kind, ..] => (u32::from_be_bytes([0, a, b, c]) as usize, kind),
            _ => (0, 0),
        };
        if kind == HEADERS && (1..=LONGEST_FRAME).contains(&length) {
            return Self::Block(std::mem::take(head), FRAME_HEAD + length);
        }
        out.put_slice(head);
        match length {
            0 => Self::Head(BytesMut::new()),
            _ => Self::Pass(length),
        }
    }
}

/// Moves bytes to `buffer` until it has `length`.
fn fill(buffer: &mut BytesMut, length: usize, came: &mut &[u8]) {
    let missing = length.saturating_sub(buffer.len()).min(came.len());
    buffer.put(came.split_off(..missing).unwrap_or_default());
}

/// Mends the header block of a whole frame.
fn mend_frame(frame: &mut [u8]) {
    let flags = frame.get(4).copied().unwrap_or_default();
    let mut start = FRAME_HEAD;
    let mut end = frame.len();
    if flags & PADDED != 0 {
        end = end.saturating_sub(frame.get(start).copied().unwrap_or_default().into());
        start += 1;
    }
    if flags & PRIORITY != 0 {
        start += 5;
    }
    if let Some(block) = frame.get_mut(start..end) {
        mend_block(block);
    }
}

/// Mends a header block. What cannot be read is left for those behind us to refuse.
fn mend_block(block: &mut [u8]) {
    let mut at = 0;
    while let Some((next, authority)) = header(block, at) {
        if let Some(text) = authority {
            text.mend(block);
        }
        at = next;
    }
}

/// Reads the header at `at`: where the next one is, and its value if it is a literal
/// `:authority`.
fn header(block: &[u8], at: usize) -> Option<(usize, Option<Text>)> {
    let first = *block.get(at)?;
    let prefix = match first {
        0x80.. => 7,
        0x40.. => 6,
        0x20.. => 5,
        _ => 4,
    };
    let (index, after) = integer(block, at, prefix)?;
    // One of a table, or a new size for the table.
    if prefix == 7 || prefix == 5 {
        return Some((after, None));
    }
    let (is_authority, after) = if index == 0 {
        let name = Text::at(block, after)?;
        (name.read(block)? == AUTHORITY, name.place.end)
    } else {
        (index == AUTHORITY_INDEX, after)
    };
    let value = Text::at(block, after)?;
    Some((value.place.end, is_authority.then_some(value)))
}

/// An integer whose first byte has `prefix` bits of it, and where it ends.
fn integer(block: &[u8], at: usize, prefix: u32) -> Option<(usize, usize)> {
    let most = (1_usize << prefix) - 1;
    let mut value = usize::from(*block.get(at)?) & most;
    let mut at = at + 1;
    if value < most {
        return Some((value, at));
    }
    // More than three further bytes would be more than a frame holds.
    for shift in [0, 7, 14] {
        let byte = *block.get(at)?;
        value += usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

/// A text in a header block.
struct Text {
    is_compressed: bool,
    place: Range<usize>,
}

impl Text {
    fn at(block: &[u8], at: usize) -> Option<Self> {
        let is_compressed = block.get(at)? & 0x80 != 0;
        let (length, start) = integer(block, at, 7)?;
        let place = start..start.checked_add(length)?;
        block.get(place.clone())?;
        Some(Self {
            is_compressed,
            place,
        })
    }

    fn read(&self, block: &[u8]) -> Option<Vec<u8>> {
        let bytes = block.get(self.place.clone())?;
        if !self.is_compressed {
            return Some(bytes.to_vec());
        }
        let mut text = Vec::new();
        httlib_huffman::decode(bytes, &mut text, DecoderSpeed::FourBits).ok()?;
        Some(text)
    }

    fn mend(&self, block: &mut [u8]) {
        let Some(mut text) = self.read(block) else {
            return;
        };
        for byte in &mut text {
            if matches!(byte, b'%' | b'/') {
                *byte = b'-';
            }
        }
        let mut mended = Vec::new();
        if !self.is_compressed {
            mended = text;
        } else if httlib_huffman::encode(&text, &mut mended).is_err() {
            return;
        }
        // Always as long, unless what came was compressed in a way of its own.
        if let Some(place) = block.get_mut(self.place.clone())
            && place.len() == mended.len()
        {
            place.copy_from_slice(&mended);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Mended<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.ready.is_empty() {
            let mut room = [0; READ];
            let mut came = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut came))?;
            if came.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.walk.go(came.filled(), &mut this.ready);
        }
        let length = this.ready.len().min(buffer.remaining());
        buffer.put_slice(&this.ready.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Mended<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATH: &str = "%2Frun%2Ffalco.sock";

    fn text(text: &str, is_compressed: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mark = if is_compressed {
            httlib_huffman::encode(text.as_bytes(), &mut bytes).unwrap();
            0x80
        } else {
            bytes.extend_from_slice(text.as_bytes());
            0
        };
        bytes.insert(0, mark | u8::try_from(bytes.len()).unwrap());
        bytes
    }

    /// A request with `authority`, as several libraries write it.
    fn blocks(authority: &str) -> Vec<Vec<u8>> {
        let mut blocks = Vec::new();
        for is_compressed in [false, true] {
            let value = text(authority, is_compressed);
            let by_index = [&[0x83, 0x41][..], &value, &[0x86]].concat();
            let by_name = [&[0x20, 0x10][..], &text(":authority", true), &value].concat();
            blocks.extend([by_index, by_name]);
        }
        blocks
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        [&head, payload].concat()
    }

    /// What comes through in pieces of `size`.
    fn walked(bytes: &[u8], size: usize) -> Vec<u8> {
        let (mut walk, mut out) = (Walk::Begun(BytesMut::new()), BytesMut::new());
        for piece in bytes.chunks(size) {
            walk.go(piece, &mut out);
        }
        out.to_vec()
    }

    #[test]
    fn a_path_becomes_an_authority_of_the_same_length() {
        for (before, after) in [
            (PATH, "-2Frun-2Ffalco.sock"),
            ("/run/falco.sock", "-run-falco.sock"),
            ("gateway.example.com:5060", "gateway.example.com:5060"),
        ] {
            for (mut block, wanted) in blocks(before).into_iter().zip(blocks(after)) {
                mend_block(&mut block);
                assert_eq!(block, wanted);
            }
        }
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let request = |path: &str| {
            let block = blocks(path).remove(3);
            let padded = [&[3][..], &[0; 5], &block, &[0; 3]].concat();
            [
                PREFACE.to_vec(),
                frame(4, 0, &[]),
                frame(HEADERS, 4, &block),
                frame(0, 0, path.as_bytes()),
                frame(HEADERS, PADDED | PRIORITY, &padded),
            ]
            .concat()
        };
        let mut wanted = request("-2Frun-2Ffalco.sock");
        // Data is not a header.
        let data = wanted.windows(4).position(|it| it == b"-2Fr").unwrap();
        wanted[data..data + PATH.len()].copy_from_slice(PATH.as_bytes());
        for size in [1, 2, 7, 1000] {
            assert_eq!(walked(&request(PATH), size), wanted, "in pieces of {size}");
        }
    }

    #[test]
    fn other_protocols_go_by() {
        let request = b"POST /%2F HTTP/1.1\r\n\r\n\x00\x00\x10\x01\x00";
        for size in [1, 2, 1000] {
            assert_eq!(walked(request, size), request);
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_as_long_behind(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            size in 1..50_usize,
        ) {
            let mut block = bytes.clone();
            mend_block(&mut block);
            prop_assert_eq!(block.len(), bytes.len());
            let spoken = [PREFACE, &bytes].concat();
            prop_assert!(walked(&spoken, size).len() <= spoken.len());
            prop_assert_eq!(walked(&spoken, size), walked(&spoken, 1000));
        }
    }
}
