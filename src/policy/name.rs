/// The longest name of a grant, and of a subscription.
pub const LONGEST_NAME: usize = 63;

/// Whether `name` is one of a grant, or of a subscription, whose keys have both: so many of
/// a to z, 0 to 9 and "-", a letter first.
pub fn is_name(name: &str) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_lowercase();
    name.len() <= LONGEST_NAME
        && name.as_bytes().first().is_some_and(is_letter)
        && name
            .bytes()
            .all(|byte| is_letter(&byte) || byte.is_ascii_digit() || byte == b'-')
}
