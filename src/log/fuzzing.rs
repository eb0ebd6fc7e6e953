use std::{fs, path::Path};

use tempfile::TempDir;

use super::{
    block::Block,
    format::{Kind, RECORD_HEADER, RecordHeader, SEGMENT_HEADER, SegmentHeader, write_record},
    recovery,
    segment::SegmentFile,
    walk::Walk,
    *,
};
use crate::{alert::AlertId, fuzzing::Input};

/// A segment as it is written, then damaged: what is not damaged is read back, nothing else
/// is taken for a record, and opening the log again finds the same.
pub fn log(input: &[u8]) {
    thread_local!(static FOLDER: TempDir = folder());
    let segment = Segment::of(input);
    segment.is_walked();
    FOLDER.with(|folder| segment.is_recovered(folder.path()));
}

/// A place that was sealed, which is opened again; and what is opened was sealed so.
pub(crate) fn place(input: &[u8]) -> Sealed {
    let mut input = Input::new(input);
    let mut sealed = Sealed::default();
    sealed.fill_with(|| input.byte());
    let seal = Seal::new(&[7; 32]);
    if let Some((epoch, position)) = seal.open_place(sealed) {
        assert_eq!(seal.place(epoch, position), sealed);
    }
    let (number, rest) = sealed.split_at(8);
    let number = number
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let epoch = rest.iter().fold(0, |sum, byte| sum << 2 ^ u32::from(*byte));
    let place = seal.place(Epoch(epoch), Position(number));
    assert_eq!(
        seal.open_place(place),
        Some((Epoch(epoch), Position(number)))
    );
    place
}

/// Files that last no longer than a run are best kept in memory.
fn folder() -> TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    let folder = memory.or_else(|_| tempfile::tempdir());
    folder.unwrap_or_else(|error| panic!("no folder for the log: {error}"))
}

struct Segment {
    header: SegmentHeader,
    /// The file, with its damage.
    bytes: Vec<u8>,
    /// As it was before.
    written: Vec<u8>,
    records: Vec<Written>,
}

/// A record, and where it was written.
struct Written {
    header: RecordHeader,
    start: usize,
    is_whole: bool,
}

impl Segment {
    /// Records of the lengths and kinds that the input says, its damage, and its rest behind
    /// them. The salt is of the whole input, so that no input can have a record in its rest.
    fn of(input: &[u8]) -> Self {
        let header = SegmentHeader {
            salt: crc32fast::hash(input),
            incarnation: Incarnation(1),
            base: Position(100),
            latest: 0,
            notices: 0,
        };
        let mut input = Input::new(input);
        let mut segment = Self {
            header,
            bytes: header.encode().to_vec(),
            written: Vec::new(),
            records: Vec::new(),
        };
        let (count, damages) = (input.byte() % 24, input.byte() % 8);
        for _ in 0..count {
            segment.write(&mut input);
        }
        segment.written.clone_from(&segment.bytes);
        for _ in 0..damages {
            segment.damage(input.number(), input.byte());
        }
        if input.byte() % 2 == 1 {
            segment.cut(input.number());
        }
        segment.bytes.extend_from_slice(input.rest());
        segment
    }

    fn write(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let position = self
            .records
            .last()
            .map_or(self.header.base, |it| it.header.position);
        let (kind, position) = match choice % 8 {
            0 => (Kind::Commit, position),
            1 => (Kind::Notice, position.next()),
            _ => (Kind::Alert, position.next()),
        };
        let mut header = RecordHeader::bare(kind, position, i64::from(choice) << 40);
        header.id = AlertId::from_bytes([choice; 16]);
        let notice = Notice {
            source_id: "fuzz".to_owned(),
            count: u64::from(choice),
        };
        let (notice, encoded) = (notice.encode(), usize::from(input.byte()));
        let (encoded, raw) = match kind {
            Kind::Commit => (&[][..], &[][..]),
            Kind::Notice => (&notice[..], &[][..]),
            Kind::Alert => (input.take(encoded), input.take(usize::from(choice))),
        };
        let start = self.bytes.len();
        let header = write_record(&mut self.bytes, self.header.salt, header, encoded, raw);
        self.records.push(Written {
            header,
            start,
            is_whole: true,
        });
    }

    /// Damages a byte of a record.
    fn damage(&mut self, at: usize, by: u8) {
        let length = self.bytes.len() - SEGMENT_HEADER;
        let at = SEGMENT_HEADER + at.checked_rem(length).unwrap_or_default();
        if let Some(byte) = self.bytes.get_mut(at).filter(|_| by != 0) {
            *byte ^= by;
            // A second damage could undo the first: what it takes is not said then.
            self.lose(|record| (record.start..record.end()).contains(&at));
        }
    }

    fn cut(&mut self, at: usize) {
        let length = self.bytes.len() - SEGMENT_HEADER;
        let end = SEGMENT_HEADER + at.checked_rem(length).unwrap_or_default();
        self.bytes.truncate(end);
        self.lose(|record| record.end() > end);
    }

    fn lose(&mut self, is_lost: impl Fn(&Written) -> bool) {
        for record in self.records.iter_mut().filter(|record| is_lost(record)) {
            record.is_whole = false;
        }
    }

    fn whole(&self) -> impl Iterator<Item = &Written> {
        self.records.iter().filter(|record| record.is_whole)
    }

    fn is_walked(&self) {
        let bytes = self.bytes.get(SEGMENT_HEADER..).unwrap_or_default();
        let walk = Walk::new(bytes, self.header.salt, true);
        let sound = walk.filter(|found| found.body.is_some());
        let found: Vec<_> = sound
            .map(|found| (SEGMENT_HEADER + found.at, found.header))
            .collect();
        for (at, header) in &found {
            let mut written = self.records.iter();
            let was_written = written.any(|it| it.start == *at && it.header == *header);
            let place = *at..at + header.length();
            let is_as_written = self.bytes.get(place.clone()) == self.written.get(place);
            assert!(was_written && is_as_written, "{header:?} was never written");
        }
        for record in self.whole() {
            assert!(
                found.contains(&(record.start, record.header)),
                "{:?} is lost",
                record.header
            );
        }
    }

    fn is_recovered(&self, folder: &Path) {
        let file = SegmentFile::new(folder, self.header);
        let written = fs::write(&file.path, &self.bytes);
        assert!(written.is_ok(), "{written:?}");
        let first = opened(folder);
        for segment in &first {
            self.is_read(segment);
        }
        let end = first.last().map_or(self.header.base, |it| it.extent.end);
        for record in self.whole() {
            assert!(record.header.position <= end, "{:?} is cut", record.header);
        }
        // With the index that was written, and without.
        let with_index: Vec<_> = opened(folder).into_iter().map(|it| it.extent).collect();
        let _ = fs::remove_file(file.index_path());
        let without: Vec<_> = opened(folder).into_iter().map(|it| it.extent).collect();
        let first: Vec<_> = first.into_iter().map(|it| it.extent).collect();
        assert_eq!(with_index, first);
        assert_eq!(without, first);
        let removed = file.remove();
        assert!(removed.is_ok(), "{removed:?}");
    }

    /// Every place is told, in order, and a place that holds an alert holds the one written.
    fn is_read(&self, segment: &super::Segment) {
        let mut at = segment.base();
        for span in segment.blocks() {
            let block = Block::read(&span, |_, _| None);
            let items = block.map(|block| block.items).unwrap_or_default();
            for item in items {
                match &item {
                    Item::Alert(entry) => {
                        assert_eq!(entry.position, at.next());
                        self.is_as_written(entry);
                    }
                    Item::Lost(lost) => assert_eq!(lost.after, at),
                }
                at = item.through();
            }
        }
        assert_eq!(at, segment.extent.end);
    }

    fn is_as_written(&self, entry: &Entry) {
        let mut written = self.records.iter();
        let of_it =
            |it: &&Written| it.header.position == entry.position && it.header.kind == Kind::Alert;
        let record = written.find(of_it).unwrap_or_else(|| panic!("{entry:?}"));
        assert_eq!(
            (record.header.encoded, record.header.raw),
            (entry.encoded.len(), entry.raw.len())
        );
        assert_eq!(record.header.id, entry.id);
        let place = record.start + RECORD_HEADER..record.end();
        let body = [&entry.encoded[..], &entry.raw].concat();
        assert_eq!(self.written.get(place), Some(&body[..]));
    }
}

impl Written {
    fn end(&self) -> usize {
        self.start + self.header.length()
    }
}

fn opened(folder: &Path) -> Vec<super::Segment> {
    let opened = recovery::segments(folder, Incarnation(1));
    opened.unwrap_or_else(|error| panic!("{error}"))
}
