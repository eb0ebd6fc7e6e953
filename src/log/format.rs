//! The bytes of a segment: a header, and records one after the other. All
//! numbers are little-endian.
//!
//! ```text
//! segment   magic 8 | version 4 | salt 4 | incarnation 8 | base 8 | latest 8 | notices 8 | zero 12 | checksum 4
//! record    sync 4 | header checksum 4 | body checksum 4 | encoded length 4 | raw length 4 | kind 1 | zero 3
//!           | position 8 | receive time 8 | id 16 | encoded | raw
//! ```
//!
//! A record's header has a checksum of its own: where only a body is damaged,
//! its position and its length are still known. Every commit ends with a mark,
//! a record without a body: with it the end of the file tells a write that was
//! never finished from one that was, and was damaged later.
//!
//! Checksums are salted for each segment with a number that never leaves the
//! file, so that a document cannot contain what would pass for a record.

use jiff::Timestamp;

use super::{Incarnation, Position};
use crate::alert::AlertId;

/// What a segment begins with.
const MAGIC: &[u8; 8] = b"falcogwl";

/// The version of this format. A change that this code cannot read is a new one.
const VERSION: u32 = 1;

/// What a record begins with.
pub(super) const SYNC: [u8; 4] = [0xfa, 0x1c, 0x09, 0x3e];

/// The length of [`SegmentHeader`], encoded.
pub(super) const SEGMENT_HEADER: usize = 64;

/// The length of [`RecordHeader`], encoded.
pub(super) const RECORD_HEADER: usize = 56;

/// The longest body that is believed: a document and its alert are far smaller.
const LONGEST_BODY: usize = 3 << 20;

/// What is known of a segment from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// What checksums begin with.
    pub(super) salt: u32,
    /// The log it is of.
    pub(super) incarnation: Incarnation,
    /// Its first record is after this position.
    pub(super) base: Position,
    /// The latest receive time of all records before.
    pub(super) latest: i64,
    /// How many notices all records before hold.
    pub(super) notices: u64,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An alert, at a position of its own.
    Alert,
    /// Alerts that never got in, at a position of its own.
    Notice,
    /// The end of a commit, at the position of its last record.
    Commit,
}

/// What is known of a record before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) kind: Kind,
    pub(super) position: Position,
    /// Nanoseconds since the epoch.
    pub(super) receive_time: i64,
    pub(super) id: AlertId,
    pub(super) encoded: usize,
    pub(super) raw: usize,
    body_checksum: u32,
}

/// Why a file's beginning is no header of a segment that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("it is no segment of a log")]
    Foreign,
    #[error("it is of format {0}, and this version of falco-gateway knows only {VERSION}")]
    Version(u32),
    #[error("its header is damaged")]
    Damaged,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.salt.to_le_bytes());
        bytes.extend(self.incarnation.0.to_le_bytes());
        bytes.extend(self.base.0.to_le_bytes());
        bytes.extend(self.latest.to_le_bytes());
        bytes.extend(self.notices.to_le_bytes());
        bytes.resize(SEGMENT_HEADER - 4, 0);
        let checksum = crc32fast::hash(&bytes);
        let mut header = [0; SEGMENT_HEADER];
        header
            .iter_mut()
            .zip(bytes.into_iter().chain(checksum.to_le_bytes()))
            .for_each(|(to, from)| *to = from);
        header
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut fields = Fields(bytes);
        let magic: [u8; 8] = fields.take().ok_or(HeaderError::Foreign)?;
        if magic != *MAGIC {
            return Err(HeaderError::Foreign);
        }
        let (body, checksum) = bytes
            .get(..SEGMENT_HEADER)
            .and_then(|header| header.split_last_chunk::<4>())
            .ok_or(HeaderError::Damaged)?;
        let version = fields.u32().ok_or(HeaderError::Damaged)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err(HeaderError::Damaged);
        }
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        fields.segment().ok_or(HeaderError::Damaged)
    }
}

impl RecordHeader {
    /// The header of what is a place and nothing more.
    pub(super) fn bare(kind: Kind, position: Position, receive_time: i64) -> Self {
        Self {
            kind,
            position,
            receive_time,
            id: AlertId::from_bytes([0; 16]),
            encoded: 0,
            raw: 0,
            body_checksum: 0,
        }
    }

    /// The length of the whole record.
    pub(super) fn length(&self) -> usize {
        RECORD_HEADER + self.encoded + self.raw
    }

    /// Whether `body` is what was written.
    pub(super) fn fits(&self, body: &[u8], salt: u32) -> bool {
        checksum(salt, body) == self.body_checksum
    }

    /// The header that `bytes` begin with; none when that is damaged or cut.
    pub(super) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let (checksums, fields) = bytes.get(..RECORD_HEADER)?.split_at_checked(8)?;
        let (sync, header_checksum) = checksums.split_first_chunk::<4>()?;
        if *sync != SYNC || header_checksum != checksum(salt, fields).to_le_bytes() {
            return None;
        }
        let header = Fields(fields).record()?;
        (header.encoded + header.raw <= LONGEST_BODY).then_some(header)
    }
}

/// Puts a record at the end of `bytes`, and returns its header, completed.
pub(super) fn write_record(
    bytes: &mut Vec<u8>,
    salt: u32,
    header: RecordHeader,
    encoded: &[u8],
    raw: &[u8],
) -> RecordHeader {
    let mut body_checksum = crc32fast::Hasher::new_with_initial(salt);
    body_checksum.update(encoded);
    body_checksum.update(raw);
    let body_checksum = body_checksum.finalize();
    let start = bytes.len();
    bytes.extend(SYNC);
    bytes.extend([0; 4]);
    bytes.extend(body_checksum.to_le_bytes());
    for length in [encoded.len(), raw.len()] {
        bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    bytes.extend([header.kind as u8, 0, 0, 0]);
    bytes.extend(header.position.0.to_le_bytes());
    bytes.extend(header.receive_time.to_le_bytes());
    bytes.extend(header.id.as_bytes());
    let (_, written) = bytes.split_at_mut(start + 4);
    if let Some((to, fields)) = written.split_first_chunk_mut::<4>() {
        *to = checksum(salt, fields).to_le_bytes();
    }
    bytes.extend_from_slice(encoded);
    bytes.extend_from_slice(raw);
    RecordHeader {
        encoded: encoded.len(),
        raw: raw.len(),
        body_checksum,
        ..header
    }
}

/// Nanoseconds since the epoch; what is beyond the years 1677 to 2262 is cut.
pub(super) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// The time of [`nanoseconds`].
pub(super) fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default()
}

fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// Reads numbers off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (first, rest) = self.0.split_first_chunk::<LENGTH>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        self.u32().and_then(|length| length.try_into().ok())
    }

    fn segment(mut self) -> Option<SegmentHeader> {
        Some(SegmentHeader {
            salt: self.u32()?,
            incarnation: Incarnation(self.u64()?),
            base: Position(self.u64()?),
            latest: self.take().map(i64::from_le_bytes)?,
            notices: self.u64()?,
        })
    }

    fn record(mut self) -> Option<RecordHeader> {
        Some(RecordHeader {
            body_checksum: self.u32()?,
            encoded: self.length()?,
            raw: self.length()?,
            kind: match self.u32()? {
                0 => Kind::Alert,
                1 => Kind::Notice,
                2 => Kind::Commit,
                _ => return None,
            },
            position: Position(self.u64()?),
            receive_time: self.take().map(i64::from_le_bytes)?,
            id: AlertId::from_bytes(self.take()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(salt: u32, position: u64, encoded: &[u8], raw: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = RecordHeader {
            id: AlertId::from_bytes([7; 16]),
            ..RecordHeader::bare(Kind::Alert, Position(position), -5)
        };
        write_record(&mut bytes, salt, header, encoded, raw);
        bytes
    }

    #[test]
    fn a_segment_header_survives_and_says_what_is_wrong() {
        let header = SegmentHeader {
            salt: 1,
            incarnation: Incarnation(2),
            base: Position(3),
            latest: -4,
            notices: 5,
        };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        let mut newer = bytes;
        newer[8] = 2;
        let checksum = crc32fast::hash(&newer[..60]).to_le_bytes();
        newer[60..].copy_from_slice(&checksum);
        assert_eq!(SegmentHeader::decode(&newer), Err(HeaderError::Version(2)));
        assert_eq!(
            SegmentHeader::decode(b"PK\x03\x04"),
            Err(HeaderError::Foreign)
        );
        assert_eq!(
            SegmentHeader::decode(&bytes[..40]),
            Err(HeaderError::Damaged)
        );
    }

    proptest! {
        #[test]
        fn a_record_survives(salt: u32, position: u64, encoded: Vec<u8>, raw: Vec<u8>) {
            let bytes = record(salt, position, &encoded, &raw);
            let header = RecordHeader::decode(&bytes, salt).unwrap();
            prop_assert_eq!(header.position, Position(position));
            prop_assert_eq!((header.encoded, header.raw), (encoded.len(), raw.len()));
            prop_assert_eq!((header.kind, header.receive_time), (Kind::Alert, -5));
            prop_assert_eq!(header.length(), bytes.len());
            prop_assert!(header.fits(&bytes[RECORD_HEADER..], salt));
        }

        #[test]
        fn one_wrong_bit_is_seen(at in 0..(RECORD_HEADER + 20) * 8) {
            let mut bytes = record(9, 1, b"encoded..", b"raw........");
            bytes[at / 8] ^= 1 << (at % 8);
            let header = RecordHeader::decode(&bytes, 9);
            if at / 8 < RECORD_HEADER {
                prop_assert_eq!(header, None);
            } else {
                prop_assert!(!header.unwrap().fits(&bytes[RECORD_HEADER..], 9));
            }
        }

        #[test]
        fn rubbish_is_no_header(bytes: Vec<u8>) {
            prop_assert_eq!(RecordHeader::decode(&bytes, 0), None);
            prop_assert!(SegmentHeader::decode(&bytes).is_err());
        }
    }
}
