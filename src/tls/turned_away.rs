//! Clients with whom TLS does not come about.

use std::{
    collections::BTreeSet,
    io,
    sync::{Mutex, PoisonError},
};

use tokio_rustls::rustls;

/// So many reasons are told aloud. What is in a certificate is a client's to choose, and
/// so are some of the reasons.
const MOST: usize = 32;

/// Says why clients were turned away, each reason once: they hear little of it
/// themselves, and try again and again.
#[derive(Debug, Default)]
pub(super) struct TurnedAway {
    told: Mutex<BTreeSet<String>>,
}

impl TurnedAway {
    /// A client was, by `error`.
    pub(super) fn tell(&self, error: &io::Error) {
        match reason(error) {
            Some(reason) if self.is_new(&reason) => {
                tracing::warn!(%reason, "a client was turned away; told once for each reason");
            }
            _ => tracing::debug!(%error, "a client did not get to speak"),
        }
    }

    fn is_new(&self, reason: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MOST && told.insert(reason.to_owned())
    }
}

/// What an operator can do something about; none if the client just left.
fn reason(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let told = error.to_string();
    Some(if told.contains("UnsupportedCertVersion") {
        "its certificate is of X.509 version 1, as the openssl commands in Falco's documentation \
         make them, and TLS here takes version 3 only: make it again with `falco-gateway certs`, \
         or with openssl's `x509 -req` and an -extfile"
            .to_owned()
    } else {
        told
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_and_not_for_ever_a_new_one() {
        let away = TurnedAway::default();
        assert!(away.is_new("one") && away.is_new("two") && !away.is_new("one"));
        let told = (0..1000).filter(|number| away.is_new(&number.to_string()));
        assert_eq!(told.count(), MOST - 2);
    }

    #[test]
    fn who_just_left_is_no_reason() {
        assert_eq!(reason(&io::ErrorKind::UnexpectedEof.into()), None);
        let refused = io::Error::other(rustls::Error::NoCertificatesPresented);
        assert!(reason(&refused).unwrap().contains("no certificates"));
    }
}
