//! The one place that reads the wall clock. Everything else is handed the time,
//! so that it can be pure and tested.

use jiff::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
