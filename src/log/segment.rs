use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Notice, Position,
    appender::Next,
    format::{Kind, RecordHeader, SEGMENT_HEADER, SegmentHeader},
};

/// About how many bytes are read at a time. The index has an entry for each
/// such block.
pub(super) const BLOCK_BYTES: u64 = 256 << 10;

/// A file of the log: which it is, and never changes.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
}

/// What a segment holds, as far as it is known without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// Its last position.
    pub(super) end: Position,
    /// How many bytes of the file count.
    pub(super) length: u64,
    /// The receive time of the first alert.
    pub(super) first_time: Option<i64>,
    /// The receive time of the last alert.
    pub(super) last_time: Option<i64>,
    /// The latest receive time up to its end, earlier segments included.
    /// Receive times come from many sources and are only almost in order; this
    /// is in order, and so can be searched.
    pub(super) latest: i64,
    /// Where blocks begin, the first at the first record.
    pub(super) blocks: Vec<BlockStart>,
    /// Where notices are, and how many alerts each counts.
    pub(super) notices: Vec<(Position, u64)>,
}

/// Where a block begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockStart {
    /// Its records are after this position.
    pub(super) after: Position,
    /// In the file.
    pub(super) offset: u64,
    /// The latest receive time before it.
    pub(super) latest: i64,
}

/// A segment as readers know it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) file: Arc<SegmentFile>,
    pub(super) extent: Extent,
    /// Nothing more is added to it.
    pub(super) is_sealed: bool,
}

/// A part of a segment to be read in one go.
#[derive(Debug, Clone)]
pub(super) struct BlockSpan {
    pub(super) file: Arc<SegmentFile>,
    pub(super) start: BlockStart,
    /// Its last position.
    pub(super) through: Position,
    /// Where it ends in the file.
    pub(super) end: u64,
}

impl SegmentFile {
    /// The file of the segment that `header` begins. Its name has what the
    /// records cannot be read without, should the header be damaged.
    pub(super) fn new(folder: &Path, header: SegmentHeader) -> Self {
        let name = format!("{:020}-{:08x}.log", header.base.0, header.salt);
        Self {
            path: folder.join(name),
            header,
        }
    }

    /// The base and the salt in the name of the file at `path`.
    pub(super) fn named(path: &Path) -> Option<(Position, u32)> {
        let (base, salt) = path.file_stem()?.to_str()?.split_once('-')?;
        Some((
            Position(base.parse().ok()?),
            u32::from_str_radix(salt, 16).ok()?,
        ))
    }

    /// Where the segment's index is kept once nothing more is added.
    pub(super) fn index_path(&self) -> PathBuf {
        self.path.with_extension("index")
    }

    /// Removes the segment from the disk.
    pub(super) fn remove(&self) -> io::Result<()> {
        ignore_missing(fs::remove_file(self.index_path()))?;
        ignore_missing(fs::remove_file(&self.path))
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

impl Segment {
    /// About how many bytes of it are after `position`: whole blocks.
    pub(super) fn bytes_after(&self, position: Position) -> u64 {
        let blocks = &self.extent.blocks;
        let index = blocks.partition_point(|block| block.after <= position);
        let block = index.checked_sub(1).and_then(|index| blocks.get(index));
        let before = block.map_or(0, |block| block.offset);
        self.extent.length.saturating_sub(before)
    }
}

impl Extent {
    /// Of a segment without records.
    pub(super) fn new(header: &SegmentHeader) -> Self {
        let length = SEGMENT_HEADER as u64;
        Self {
            end: header.base,
            length,
            first_time: None,
            last_time: None,
            latest: header.latest,
            blocks: vec![BlockStart {
                after: header.base,
                offset: length,
                latest: header.latest,
            }],
            notices: Vec::new(),
        }
    }

    /// Takes in the record at `offset`, behind all others; `notice` is what its
    /// body says, if it is one.
    pub(super) fn add(&mut self, header: &RecordHeader, offset: u64, notice: Option<&Notice>) {
        self.length = offset + header.length() as u64;
        // Left over from a write that failed, or a commit's mark.
        let is_place = header.kind != Kind::Commit && header.position > self.end;
        if !is_place {
            // A mark stands for everything that was committed before it, and
            // outlives damage to that.
            self.end = self.end.max(header.position);
            return;
        }
        let block = self.blocks.last().map_or(0, |block| block.offset);
        if offset - block >= BLOCK_BYTES {
            self.blocks.push(BlockStart {
                after: self.end,
                offset,
                latest: self.latest,
            });
        }
        self.end = header.position;
        if header.kind == Kind::Alert {
            self.first_time.get_or_insert(header.receive_time);
            self.last_time = Some(header.receive_time);
            self.latest = self.latest.max(header.receive_time);
        }
        if let Some(notice) = notice {
            self.notices.push((header.position, notice.count));
        }
    }

    /// How many alerts after `after` it holds or tells the loss of.
    pub(super) fn alerts_after(&self, after: Position) -> u64 {
        let notices = self
            .notices
            .iter()
            .filter(|(position, _)| *position > after);
        notices.fold(self.end.since(after), |sum, (_, count)| sum - 1 + count)
    }
}

impl Segment {
    pub(super) fn base(&self) -> Position {
        self.file.header.base
    }

    /// What the segment after it begins with.
    pub(super) fn next(&self) -> Next {
        Next::after(&self.file.header, &self.extent)
    }

    /// The block that holds the first record after `after`, which must be before
    /// the segment's end.
    pub(super) fn block_after(&self, after: Position) -> Option<BlockSpan> {
        let index = self
            .extent
            .blocks
            .partition_point(|block| block.after <= after);
        self.block(index.saturating_sub(1))
    }

    /// The block that holds the first record received at or after `time`.
    pub(super) fn block_at(&self, time: i64) -> Option<BlockSpan> {
        let index = self
            .extent
            .blocks
            .partition_point(|block| block.latest < time);
        self.block(index.saturating_sub(1))
    }

    /// All its blocks, in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = BlockSpan> + '_ {
        (0..self.extent.blocks.len()).filter_map(|index| self.block(index))
    }

    fn block(&self, index: usize) -> Option<BlockSpan> {
        let next = self.extent.blocks.get(index + 1);
        Some(BlockSpan {
            file: Arc::clone(&self.file),
            start: *self.extent.blocks.get(index)?,
            through: next.map_or(self.extent.end, |next| next.after),
            end: next.map_or(self.extent.length, |next| next.offset),
        })
    }
}

impl BlockSpan {
    /// The bytes of the block; fewer when the file is shorter than it was.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let file = File::open(&self.file.path)?;
        read_at(&file, self.start.offset, self.end - self.start.offset)
    }
}

/// Up to `length` bytes from `offset` on, fewer only at the end of the file.
pub(super) fn read_at(mut file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
