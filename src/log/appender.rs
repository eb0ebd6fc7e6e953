use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Incarnation, Position,
    entry::NewItem,
    format::{Kind, RecordHeader, SegmentHeader, nanoseconds, write_record},
    index,
    segment::{Extent, SegmentFile},
};

/// What is written to see whether there is room again.
const PROBE_BYTES: usize = 1 << 20;

/// A buffer that a large batch made larger than this is not kept.
const KEPT_BUFFER: usize = 4 << 20;

/// Writes the log's files. Its calls block.
#[derive(Debug)]
pub(super) struct Appender {
    folder: PathBuf,
    incarnation: Incarnation,
    limits: Limits,
    active: Option<Active>,
    /// What the next segment begins with.
    next: Next,
    /// Without a record in the log, and still to be removed.
    left_over: Option<Arc<SegmentFile>>,
    buffer: Vec<u8>,
}

/// When a segment is full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: u64,
    /// From its first alert to its last.
    pub(super) age: Duration,
}

/// What the next segment begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    pub(super) base: Position,
    pub(super) latest: i64,
    pub(super) notices: u64,
}

/// The segment that is being written.
#[derive(Debug)]
struct Active {
    handle: File,
    file: Arc<SegmentFile>,
    extent: Extent,
    /// Written and not synced.
    is_dirty: bool,
}

/// What a commit changed.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) file: Arc<SegmentFile>,
    pub(super) extent: Extent,
}

impl Next {
    /// Of a log that has no segment.
    pub(super) fn first() -> Self {
        Self {
            base: Position::START,
            latest: i64::MIN,
            notices: 0,
        }
    }

    /// After all of a segment.
    pub(super) fn after(header: &SegmentHeader, extent: &Extent) -> Self {
        Self {
            base: extent.end,
            latest: extent.latest,
            notices: header.notices + extent.notices.len() as u64,
        }
    }
}

impl Appender {
    pub(super) fn new(
        folder: PathBuf,
        incarnation: Incarnation,
        limits: Limits,
        next: Next,
    ) -> Self {
        Self {
            folder,
            incarnation,
            limits,
            active: None,
            next,
            left_over: None,
            buffer: Vec::new(),
        }
    }

    /// Writes `items`, whose positions follow on those that were written before,
    /// as one commit; `durably` waits until the disk has them.
    ///
    /// # Errors
    /// When the disk refuses. Nothing of `items` is in the log then.
    pub(super) fn commit<'a>(
        &mut self,
        items: impl IntoIterator<Item = &'a NewItem>,
        durably: bool,
    ) -> io::Result<Committed> {
        self.roll_if_full();
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.begin()?,
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let extent = active.put(items, &mut buffer);
        let written = active.write(&buffer, durably);
        buffer.clear();
        buffer.shrink_to(KEPT_BUFFER);
        self.buffer = buffer;
        if let Err(error) = written {
            self.abandon(active);
            return Err(error);
        }
        active.extent = extent;
        let committed = Committed {
            file: Arc::clone(&active.file),
            extent: active.extent.clone(),
        };
        self.active = Some(active);
        Ok(committed)
    }

    /// Waits until the disk has all that was written.
    ///
    /// # Errors
    /// When the disk refuses: what was not synced before may be lost.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let Some(active) = self.active.as_mut().filter(|active| active.is_dirty) else {
            return Ok(());
        };
        let synced = active.sync();
        if synced.is_err() {
            // The system may have dropped what it could not write, and a second
            // try would say that all is well.
            self.roll();
        }
        synced
    }

    /// Ends the segment; the next commit begins another one.
    pub(super) fn roll(&mut self) {
        let Some(mut active) = self.active.take() else {
            return;
        };
        if active.is_dirty
            && let Err(error) = active.sync()
        {
            tracing::error!(%error, "a part of the log may not be on the disk");
        }
        if let Err(error) = index::write(&active.file, &active.extent) {
            tracing::debug!(%error, "the next start reads a segment to its end");
        }
        self.next = active.next();
    }

    fn roll_if_full(&mut self) {
        let is_full = self.active.as_ref().is_some_and(|active| {
            let extent = &active.extent;
            let last = extent.last_time.unwrap_or_default();
            extent.length >= self.limits.bytes || self.is_old(active, last)
        });
        if is_full {
            self.roll();
        }
    }

    /// Ends the segment if its first alert is of long before `now`: retention
    /// drops whole segments, also when nothing more comes. Whether it did.
    pub(super) fn roll_if_old(&mut self, now: Timestamp) -> bool {
        let now = nanoseconds(now);
        let is_old = self
            .active
            .as_ref()
            .is_some_and(|active| self.is_old(active, now));
        if is_old {
            self.roll();
        }
        is_old
    }

    fn is_old(&self, active: &Active, now: i64) -> bool {
        let age = active
            .extent
            .first_time
            .map_or(0, |first| now.saturating_sub(first));
        Duration::from_nanos(age.max(0).cast_unsigned()) >= self.limits.age
    }

    fn begin(&mut self) -> io::Result<Active> {
        if let Some(file) = &self.left_over {
            // Two segments with one base could not be told apart.
            file.remove()?;
            self.left_over = None;
        }
        let header = SegmentHeader {
            salt: fastrand::u32(..),
            incarnation: self.incarnation,
            base: self.next.base,
            latest: self.next.latest,
            notices: self.next.notices,
        };
        let file = Arc::new(SegmentFile::new(&self.folder, header));
        let mut handle = OpenOptions::new()
            .write(true)
            .create_new(true)
            // What is in alerts is for nobody else.
            .mode(0o600)
            .open(&file.path)?;
        let begun = handle
            .write_all(&header.encode())
            .and_then(|()| handle.sync_all())
            // A file whose name is not on the disk is not on the disk.
            .and_then(|()| File::open(&self.folder)?.sync_all());
        if let Err(error) = begun {
            self.left_over = Some(file);
            return Err(error);
        }
        Ok(Active {
            handle,
            file,
            extent: Extent::new(&header),
            is_dirty: false,
        })
    }

    /// Leaves a segment as it was after the last commit that worked.
    /// What the failed one wrote behind that must never be taken for alerts.
    fn abandon(&mut self, active: Active) {
        self.next = active.next();
        if active.extent.end == active.file.header.base {
            self.left_over = Some(active.file);
        } else if let Err(error) = active.handle.set_len(active.extent.length) {
            tracing::debug!(%error, "what a failed write left is told by the next segment's base");
        }
    }

    /// Tries whether the disk takes something.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn probe(&self) -> io::Result<()> {
        let path = self.folder.join("probe");
        let tried = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_data()
        });
        let removed = std::fs::remove_file(&path);
        tried.and(removed)
    }
}

impl Active {
    /// Puts `items` into `buffer`, and returns what the segment holds once that
    /// is written.
    fn put<'a>(
        &self,
        items: impl IntoIterator<Item = &'a NewItem>,
        buffer: &mut Vec<u8>,
    ) -> Extent {
        let start = self.extent.length;
        let salt = self.file.header.salt;
        let mut extent = self.extent.clone();
        for item in items {
            let offset = start + buffer.len() as u64;
            match item {
                NewItem::Alert(entry) => {
                    let time = nanoseconds(entry.receive_time);
                    let mut header = RecordHeader::bare(Kind::Alert, entry.position, time);
                    header.id = entry.id;
                    let header = write_record(buffer, salt, header, &entry.encoded, &entry.raw);
                    extent.add(&header, offset, None);
                }
                NewItem::Notice(position, notice) => {
                    let header = RecordHeader::bare(Kind::Notice, *position, 0);
                    let header = write_record(buffer, salt, header, &notice.encode(), &[]);
                    extent.add(&header, offset, Some(notice));
                }
            }
        }
        let offset = start + buffer.len() as u64;
        let mark = RecordHeader::bare(Kind::Commit, extent.end, 0);
        let mark = write_record(buffer, salt, mark, &[], &[]);
        extent.add(&mark, offset, None);
        extent
    }

    fn write(&mut self, bytes: &[u8], durably: bool) -> io::Result<()> {
        self.handle.write_all(bytes)?;
        self.is_dirty = true;
        if durably { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.handle.sync_data()?;
        self.is_dirty = false;
        Ok(())
    }

    fn next(&self) -> Next {
        Next::after(&self.file.header, &self.extent)
    }
}
