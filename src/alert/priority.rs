use std::{fmt, str::FromStr};

/// How bad a rule says it is. Larger is worse, so `>=` reads as people say it.
///
/// Falco's gRPC enum and syslog count the other way round (0 is the worst);
/// [`Priority::from_syslog`] and [`Priority::to_syslog`] are the only bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The least.
    Debug,
    /// Falco writes it `Informational`, and reads `info` too.
    Informational,
    /// Normal but significant.
    Notice,
    /// Suspicious.
    Warning,
    /// An error condition.
    Error,
    /// Critical.
    Critical,
    /// Act at once.
    Alert,
    /// The worst.
    Emergency,
}

impl Priority {
    /// All priorities, the least first.
    pub const ALL: [Self; 8] = [
        Self::Debug,
        Self::Informational,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    /// Falco's own spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "Debug",
            Self::Informational => "Informational",
            Self::Notice => "Notice",
            Self::Warning => "Warning",
            Self::Error => "Error",
            Self::Critical => "Critical",
            Self::Alert => "Alert",
            Self::Emergency => "Emergency",
        }
    }

    /// From the numbering of syslog and of Falco's gRPC: 0 is Emergency.
    pub fn from_syslog(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| i32::from(priority.to_syslog()) == number)
    }

    /// To the numbering of syslog and of Falco's gRPC: 0 is Emergency.
    pub fn to_syslog(self) -> u8 {
        match self {
            Self::Emergency => 0,
            Self::Alert => 1,
            Self::Critical => 2,
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Informational => 6,
            Self::Debug => 7,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no priority of Falco's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no priority: one of emergency, alert, critical, error, warning, notice, informational (or info), debug"
)]
pub struct UnknownPriority(pub String);

impl FromStr for Priority {
    type Err = UnknownPriority;

    /// Whatever the case, and with `info`, as Falco reads it.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word.eq_ignore_ascii_case("info") {
            return Ok(Self::Informational);
        }
        Self::ALL
            .into_iter()
            .find(|priority| priority.as_str().eq_ignore_ascii_case(word))
            .ok_or_else(|| UnknownPriority(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_is_greater_and_syslog_counts_down() {
        assert!(Priority::Emergency > Priority::Debug);
        for priority in Priority::ALL {
            let number = i32::from(priority.to_syslog());
            assert_eq!(Priority::from_syslog(number), Some(priority));
            assert_eq!(priority.as_str().parse(), Ok(priority));
        }
        assert_eq!(Priority::from_syslog(8), None);
    }

    #[test]
    fn words_are_read_whatever_their_case() {
        assert_eq!("info".parse(), Ok(Priority::Informational));
        assert_eq!("WARNING".parse(), Ok(Priority::Warning));
        assert_eq!(
            "Fatal".parse::<Priority>(),
            Err(UnknownPriority("Fatal".into()))
        );
    }
}
