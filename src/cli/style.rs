//! Colours. `anstream` leaves them out where they are not wanted: in pipes, and
//! with `NO_COLOR`.

use anstyle::{AnsiColor, Style};

use crate::alert::Priority;

/// What went wrong.
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();

/// What is said beside the alerts.
pub(super) const NOTE: Style = AnsiColor::Cyan.on_default();

/// A loss: never to be overlooked.
pub(super) const LOSS: Style = AnsiColor::Magenta.on_default().bold();

/// What matters less.
pub(super) const FAINT: Style = Style::new().dimmed();

/// What stands out.
pub(super) const STRONG: Style = Style::new().bold();

/// How bad it is, at a glance.
pub(super) fn priority(priority: Priority) -> Style {
    match priority {
        Priority::Emergency | Priority::Alert => AnsiColor::White.on(AnsiColor::Red).bold(),
        Priority::Critical => AnsiColor::Red.on_default().bold(),
        Priority::Error => AnsiColor::Red.on_default(),
        Priority::Warning => AnsiColor::Yellow.on_default(),
        Priority::Notice => AnsiColor::Cyan.on_default(),
        Priority::Informational => AnsiColor::Green.on_default(),
        Priority::Debug => FAINT,
    }
}
