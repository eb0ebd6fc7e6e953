use super::*;

/// What the source makes of a message; none when it is no message.
pub(crate) fn message(wire: &[u8]) -> Option<Box<FalcoResponse>> {
    let wire = Bytes::copy_from_slice(wire);
    match Received::decode(wire.clone()) {
        Received::Alert(alert) => {
            assert_eq!(alert.wire, wire);
            is_written_as_it_was_read(&wire);
            Some(alert)
        }
        Received::Undecodable { bytes, .. } => {
            assert_eq!(bytes, wire.len());
            None
        }
    }
}

fn is_written_as_it_was_read(wire: &Bytes) {
    let read = Response::decode(wire.clone());
    let again = read
        .as_ref()
        .map(|read| Response::decode(&*read.encode_to_vec()));
    assert_eq!(again, Ok(read.clone()));
}
