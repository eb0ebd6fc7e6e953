use super::format::{RECORD_HEADER, RecordHeader, SYNC};

/// The records in a piece of a segment, from its start on. What is damaged is
/// passed over.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    salt: u32,
    at: usize,
    /// Nothing comes after these bytes.
    is_end: bool,
}

/// A record whose header is right.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// Where it begins in the piece.
    pub(super) at: usize,
    pub(super) header: RecordHeader,
    /// Its body; none when that is damaged.
    pub(super) body: Option<&'a [u8]>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8], salt: u32, is_end: bool) -> Self {
        Self {
            bytes,
            salt,
            at: 0,
            is_end,
        }
    }

    /// Everything before was walked. What follows is a record that goes on after
    /// these bytes, or at their end none.
    pub(super) fn walked(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes to the next place that a record may begin at; none when that is
    /// beyond these bytes.
    fn resync(&mut self) -> Option<()> {
        let after = self.rest().get(1..)?;
        if let Some(found) = memchr::memmem::find(after, &SYNC) {
            self.at += 1 + found;
            return Some(());
        }
        if !self.is_end {
            // One may begin in the last bytes and go on after them.
            self.at += 1 + after.len().saturating_sub(SYNC.len() - 1);
        }
        None
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        loop {
            let rest = self.rest();
            if rest.len() < RECORD_HEADER && !self.is_end {
                return None;
            }
            let Some(header) = RecordHeader::decode(rest, self.salt) else {
                self.resync()?;
                continue;
            };
            let Some(body) = rest.get(RECORD_HEADER..header.length()) else {
                if !self.is_end {
                    return None;
                }
                self.resync()?;
                continue;
            };
            let found = Found {
                at: self.at,
                header,
                body: header.fits(body, self.salt).then_some(body),
            };
            self.at += header.length();
            return Some(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::{
        Position,
        format::{Kind, write_record},
    };

    const SALT: u32 = 77;

    /// Records at 1, 2, … with bodies of these lengths, and where each begins.
    fn records(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for (index, length) in lengths.iter().enumerate() {
            starts.push(bytes.len());
            let header = RecordHeader::bare(Kind::Alert, Position(index as u64 + 1), 0);
            let body: Vec<u8> = SYNC.into_iter().cycle().take(*length).collect();
            write_record(&mut bytes, SALT, header, &body, b"raw");
        }
        (bytes, starts)
    }

    fn whole(bytes: &[u8]) -> Vec<u64> {
        Walk::new(bytes, SALT, true)
            .filter(|found| found.body.is_some())
            .map(|found| found.header.position.0)
            .collect()
    }

    proptest! {
        #[test]
        fn damage_takes_the_record_it_is_in_and_no_other(
            lengths in proptest::collection::vec(0_usize..200, 1..20),
            at: prop::sample::Index,
            bit in 0_u8..8,
        ) {
            let (mut bytes, starts) = records(&lengths);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let hit = starts.partition_point(|start| *start <= at) as u64;
            let expected: Vec<u64> =
                (1..=lengths.len() as u64).filter(|position| *position != hit).collect();
            prop_assert_eq!(whole(&bytes), expected);
        }

        #[test]
        fn a_cut_takes_what_is_cut(
            lengths in proptest::collection::vec(0_usize..200, 1..20),
            at: prop::sample::Index,
        ) {
            let (bytes, mut starts) = records(&lengths);
            starts.push(bytes.len());
            let at = at.index(bytes.len() + 1);
            let left = starts.partition_point(|start| *start <= at) as u64 - 1;
            prop_assert_eq!(whole(&bytes[..at]), (1..=left).collect::<Vec<_>>());
        }

        #[test]
        fn pieces_make_no_difference(
            lengths in proptest::collection::vec(0_usize..200, 1..20),
            flip: Option<prop::sample::Index>,
            piece in 300_usize..600,
        ) {
            let (mut bytes, _) = records(&lengths);
            if let Some(flip) = flip {
                let at = flip.index(bytes.len());
                bytes[at] ^= 1;
            }
            let mut found = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let end = (at + piece).min(bytes.len());
                let mut walk = Walk::new(&bytes[at..end], SALT, end == bytes.len());
                for record in walk.by_ref().filter(|found| found.body.is_some()) {
                    found.push(record.header.position.0);
                }
                if end == bytes.len() {
                    break;
                }
                prop_assert!(walk.walked() > 0);
                at += walk.walked();
            }
            prop_assert_eq!(found, whole(&bytes));
        }

        #[test]
        fn rubbish_ends(bytes: Vec<u8>, is_end: bool) {
            prop_assert_eq!(Walk::new(&bytes, SALT, is_end).count(), 0);
        }
    }
}
