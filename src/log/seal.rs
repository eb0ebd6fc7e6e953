//! What hides numbers that clients are handed and must not read.
//!
//! A position says how many alerts there are, of everybody, and an id is a hash of all
//! fields, with which a guess at a hidden one can be tried. So the first is given out only
//! sealed, and the second, where fields are hidden, too. Both are single blocks of a
//! cipher with a key of this log: sealed twice they are equal, as they have to be.

use std::fmt;

use aes::{
    Aes128,
    cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _},
};

use super::{Epoch, Position};
use crate::alert::AlertId;

/// A block of the cipher.
pub type Sealed = [u8; 16];

/// The two keys of a log.
#[derive(Clone)]
pub(super) struct Seal {
    places: Aes128,
    ids: Aes128,
}

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let (places, ids) = key.split_at(16);
        let cipher = |half: &[u8]| {
            let mut key = [0; 16];
            key.copy_from_slice(half);
            Aes128::new(&key.into())
        };
        Self {
            places: cipher(places),
            ids: cipher(ids),
        }
    }

    /// A position of an epoch.
    pub(super) fn place(&self, epoch: Epoch, position: Position) -> Sealed {
        let mut block = [0; 16];
        let (number, rest) = block.split_at_mut(8);
        number.copy_from_slice(&position.0.to_be_bytes());
        let (epoch_part, _) = rest.split_at_mut(4);
        epoch_part.copy_from_slice(&epoch.0.to_be_bytes());
        encrypted(&self.places, block)
    }

    /// What [`Self::place`] sealed; none if it did not.
    pub(super) fn open_place(&self, sealed: Sealed) -> Option<(Epoch, Position)> {
        let block = decrypted(&self.places, sealed);
        let (position, rest) = block.split_first_chunk::<8>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let place = (
            Epoch(u32::from_be_bytes(*epoch)),
            Position(u64::from_be_bytes(*position)),
        );
        (rest == [0; 4]).then_some(place)
    }

    /// The id under which an alert is known to those from whom fields are hidden.
    pub(super) fn id(&self, id: AlertId) -> AlertId {
        AlertId::from_bytes(encrypted(&self.ids, *id.as_bytes()))
    }

    /// What [`Self::id`] sealed.
    pub(super) fn open_id(&self, id: AlertId) -> AlertId {
        AlertId::from_bytes(decrypted(&self.ids, *id.as_bytes()))
    }
}

/// The keys are not for logs.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

fn encrypted(cipher: &Aes128, block: Sealed) -> Sealed {
    let mut block = block.into();
    cipher.encrypt_block(&mut block);
    block.into()
}

fn decrypted(cipher: &Aes128, block: Sealed) -> Sealed {
    let mut block = block.into();
    cipher.decrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_and_says_nothing(key: [u8; 32], epoch: u32, place in 0..u64::MAX) {
            let seal = Seal::new(&key);
            let (epoch, place) = (Epoch(epoch), Position(place));
            let sealed = seal.place(epoch, place);
            prop_assert_eq!(seal.open_place(sealed), Some((epoch, place)));
            // Neighbours have about half of their bits in common, as any two have.
            let next = seal.place(epoch, place.next());
            let differing: u32 = sealed.iter().zip(next).map(|(a, b)| (a ^ b).count_ones()).sum();
            prop_assert!(differing > 30, "{differing}");
        }

        #[test]
        fn another_logs_is_not_opened(key: [u8; 32], place: u64) {
            let mut other = key;
            other[0] ^= 1;
            let sealed = Seal::new(&key).place(Epoch(0), Position(place));
            prop_assert_eq!(Seal::new(&other).open_place(sealed), None);
        }

        #[test]
        fn an_id_is_found_again(key: [u8; 32], id: [u8; 16]) {
            let seal = Seal::new(&key);
            let id = AlertId::from_bytes(id);
            prop_assert_eq!(seal.open_id(seal.id(id)), id);
            prop_assert_ne!(seal.id(id), id);
        }
    }
}
