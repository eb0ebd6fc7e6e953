//! What systemd is told, where it asked for that.

use sd_notify::NotifyState;

/// Tells systemd, if it started us and wants to know.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}
