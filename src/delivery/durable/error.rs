use super::super::{CursorError, OpenError};
use crate::policy::{LONGEST_NAME, is_name};

/// Why nothing came of a call about a durable subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// It is not there.
    #[error("there is no subscription {0:?}")]
    NotFound(String),
    /// It is there already.
    #[error("there is a subscription {0:?} already")]
    Exists(String),
    /// No name.
    #[error(
        "{0:?} is no name: write 1 to {LONGEST_NAME} of a to z, 0 to 9 and \"-\", a letter first"
    )]
    BadName(String),
    /// The gateway is at its limit.
    #[error("there are {0} subscriptions, and no more are allowed")]
    TooMany(usize),
    /// The cursor does not lead anywhere.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// No stream could be opened for it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another consumer has it now.
    #[error("this consumer has the subscription no more: {0}")]
    Superseded(String),
    /// Something was acknowledged that was not delivered.
    #[error(
        "what was acknowledged has not been delivered to this consumer: pass on a cursor of a frame or a record that came to it"
    )]
    NotDelivered,
    /// The disk refuses for now.
    #[error(
        "the gateway's state cannot be written now: {0}; the change holds, and is kept as soon as that can be done, but a crash before undoes it"
    )]
    Unwritable(String),
}

impl SubscriptionError {
    /// There is none of this name, which is cut if it is none.
    pub(super) fn not_found(name: &str) -> Self {
        Self::NotFound(name.chars().take(LONGEST_NAME + 1).collect())
    }
}

/// Whose the subscription of this key is: a key is the owner's name and the
/// subscription's, with `/` between them, or the latter alone if it is the gateway's own.
pub fn owner_of(key: &str) -> &str {
    key.split_once('/').map_or("", |(owner, _)| owner)
}

/// `key`, if it is one of a subscription.
///
/// # Errors
/// When it is none.
pub(super) fn checked_key(key: &str) -> Result<&str, SubscriptionError> {
    let (owner, name) = key.split_once('/').unwrap_or(("a", key));
    checked_name(owner)?;
    checked_name(name)?;
    Ok(key)
}

/// `name`, if it is one of a subscription.
///
/// # Errors
/// When it is none.
pub fn checked_name(name: &str) -> Result<&str, SubscriptionError> {
    if is_name(name) {
        return Ok(name);
    }
    let shown = name.chars().take(LONGEST_NAME + 1).collect();
    Err(SubscriptionError::BadName(shown))
}
