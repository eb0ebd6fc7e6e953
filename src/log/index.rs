//! A segment's extent, kept beside it, so that a start does not read the whole
//! log. It is a help and nothing else: one that is missing, damaged or not of
//! its segment is made anew.

use std::{fs, io};

use super::{
    Position,
    segment::{BlockStart, Extent, SegmentFile},
};

const MAGIC: &[u8; 8] = b"falcogwi";

/// Writes it. It need not be on disk at any time, and so is not synced.
pub(super) fn write(file: &SegmentFile, extent: &Extent) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    let mut put = |number: u64| bytes.extend(number.to_le_bytes());
    put(file.header.salt.into());
    put(extent.end.0);
    put(extent.length);
    put(extent.latest.cast_unsigned());
    for time in [extent.first_time, extent.last_time] {
        put(time.is_some().into());
        put(time.unwrap_or_default().cast_unsigned());
    }
    put(extent.blocks.len() as u64);
    for block in &extent.blocks {
        put(block.after.0);
        put(block.offset);
        put(block.latest.cast_unsigned());
    }
    put(extent.notices.len() as u64);
    for (position, count) in &extent.notices {
        put(position.0);
        put(*count);
    }
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    fs::write(file.index_path(), bytes)
}

/// Reads it; none when it is of no use for a file of `length` bytes.
pub(super) fn read(file: &SegmentFile, length: u64) -> Option<Extent> {
    let bytes = fs::read(file.index_path()).ok()?;
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut numbers = Numbers(body.strip_prefix(MAGIC)?);
    let salt = numbers.next()?;
    let extent = numbers.extent()?;
    (salt == u64::from(file.header.salt) && extent.length == length).then_some(extent)
}

struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    fn time(&mut self) -> Option<Option<i64>> {
        let is_there = self.next()? != 0;
        let time = self.next()?.cast_signed();
        Some(is_there.then_some(time))
    }

    fn extent(&mut self) -> Option<Extent> {
        Some(Extent {
            end: Position(self.next()?),
            length: self.next()?,
            latest: self.next()?.cast_signed(),
            first_time: self.time()?,
            last_time: self.time()?,
            blocks: self.list(|numbers| {
                Some(BlockStart {
                    after: Position(numbers.next()?),
                    offset: numbers.next()?,
                    latest: numbers.next()?.cast_signed(),
                })
            })?,
            notices: self.list(|numbers| Some((Position(numbers.next()?), numbers.next()?)))?,
        })
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.next()?;
        (0..count).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{
        Incarnation,
        format::{Kind, RecordHeader, SegmentHeader},
    };

    #[test]
    fn it_survives_its_file_and_is_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let header = SegmentHeader {
            salt: 9,
            incarnation: Incarnation(1),
            base: Position(100),
            latest: -1,
            notices: 0,
        };
        let file = SegmentFile::new(folder.path(), header);
        let mut extent = Extent::new(&header);
        for index in 1..=5 {
            let record = RecordHeader::bare(Kind::Alert, Position(100 + index), 7);
            extent.add(&record, index * 100_000, None);
        }
        extent.notices.push((Position(105), 3));
        assert!(extent.blocks.len() > 1);
        assert_eq!(read(&file, extent.length), None);
        write(&file, &extent).unwrap();
        assert_eq!(read(&file, extent.length), Some(extent.clone()));
        assert_eq!(read(&file, extent.length + 1), None);
        let other = SegmentFile {
            header: SegmentHeader { salt: 8, ..header },
            ..file
        };
        assert_eq!(read(&other, extent.length), None);
        let mut bytes = fs::read(other.index_path()).unwrap();
        bytes[20] ^= 1;
        fs::write(other.index_path(), bytes).unwrap();
        let same = SegmentFile { header, ..other };
        assert_eq!(read(&same, extent.length), None);
    }
}
