use super::split::{Scope, split};

/// The pieces of a body stand in it, one behind the other.
pub(crate) fn pieces(bytes: &[u8]) {
    for scope in [Scope::Body, Scope::Document] {
        let pieces = split(bytes, scope);
        assert!(!pieces.is_empty());
        let mut end = bytes.as_ptr_range().start;
        for piece in &pieces {
            let place = piece.whole.as_ptr_range();
            assert!(end <= place.start, "{pieces:?}");
            end = place.end;
        }
        assert!(end <= bytes.as_ptr_range().end);
    }
}
