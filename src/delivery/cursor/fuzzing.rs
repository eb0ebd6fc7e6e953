use super::*;
use crate::fuzzing::Input;

/// A text is refused, or is exactly what is printed for its cursor; and every cursor that
/// is made is read again.
pub fn cursor(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        match text.parse::<Cursor>() {
            Ok(cursor) => assert_eq!(cursor.to_string(), text),
            Err(error) => assert!(matches!(error, CursorError::Malformed(_))),
        }
    }
    let place = crate::log::fuzzing::place(input);
    let mut input = Input::new(input);
    let mut incarnation = [0; 8];
    incarnation.fill_with(|| input.byte());
    let made = Cursor {
        incarnation: Incarnation(u64::from_le_bytes(incarnation)),
        place,
    };
    assert_eq!(made.to_string().parse(), Ok(made));
}
