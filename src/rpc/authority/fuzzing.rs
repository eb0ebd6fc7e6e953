use super::*;
use crate::fuzzing::Input;

/// What a client says first: it may come in any pieces, nothing of it moves, and what was
/// mended needs no mending.
pub fn authority(input: &[u8]) {
    let mut input = Input::new(input);
    let (kind, size) = (input.byte(), usize::from(input.byte()) + 1);
    let said = match kind % 3 {
        0 => input.rest().to_vec(),
        1 => [PREFACE, input.rest()].concat(),
        _ => [PREFACE, &frame(kind, input.rest())].concat(),
    };
    let mended = walked(&said, said.len().max(1));
    assert_eq!(walked(&said, size), mended);
    assert_eq!(walked(&mended, size), mended);
    assert!(mended.len() <= said.len());
    if !said.starts_with(b"PRI") {
        assert!(said.starts_with(&mended));
    }
    let mut block = input.rest().to_vec();
    mend_block(&mut block);
    assert_eq!(headers(&block), headers(input.rest()));
}

/// Where each header of a block ends, and its value, as it should be, if that is an authority.
fn headers(block: &[u8]) -> Vec<(usize, Option<Vec<u8>>)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some((next, authority)) = header(block, at) {
        assert!(next > at && next <= block.len());
        let text = authority.and_then(|text| text.read(block));
        found.push((next, text.map(mended)));
        at = next;
    }
    found
}

fn mended(mut text: Vec<u8>) -> Vec<u8> {
    for byte in &mut text {
        if b"%/".contains(byte) {
            *byte = b'-';
        }
    }
    text
}

/// A frame that begins a request.
fn frame(kind: u8, block: &[u8]) -> Vec<u8> {
    let length = u32::try_from(block.len()).unwrap_or_default();
    let [_, a, b, c] = length.to_be_bytes();
    let flags = kind & (PADDED | PRIORITY) | 4;
    [&[a, b, c, HEADERS, flags, 0, 0, 0, 1][..], block].concat()
}

fn walked(bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut walk, mut out) = (Walk::Begun(BytesMut::new()), BytesMut::new());
    for piece in bytes.chunks(size) {
        walk.go(piece, &mut out);
    }
    out.to_vec()
}
