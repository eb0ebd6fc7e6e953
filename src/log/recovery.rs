//! Opening the log's folder: which segments there are, and where each ends.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Incarnation, Notice, Position,
    format::{HeaderError, Kind, SEGMENT_HEADER, SegmentHeader},
    index,
    segment::{Extent, Segment, SegmentFile, read_at},
    walk::Walk,
};

/// How much of a segment is looked at in one go. A record is smaller.
const PIECE_BYTES: u64 = 4 << 20;

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be read or written.
    #[error("failed to open the log in {path}: {error}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is not of this log, or of a version that is not known.
    #[error("{path} cannot be opened as a part of the log: {problem}", path = .path.display())]
    Refused {
        /// Which file.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },
    /// The state beside the log cannot be read or written.
    #[error(transparent)]
    State(#[from] crate::state::StateError),
}

/// The segments in `folder` of the log `incarnation`, in order. Whatever a crash
/// left unfinished is gone from them.
pub(super) fn segments(folder: &Path, incarnation: Incarnation) -> Result<Vec<Segment>, OpenError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(io_error(folder))?;
    let mut files = Vec::new();
    for path in paths(folder)? {
        files.extend(identify(&path, incarnation)?);
    }
    files.sort_by_key(|file| file.header.base);
    let bases: Vec<_> = files.iter().map(|file| file.header.base).collect();
    let mut segments: Vec<Segment> = Vec::new();
    for (index, mut file) in files.into_iter().enumerate() {
        if let Some(before) = segments.last() {
            let (header, next) = (&mut file.header, before.next());
            header.latest = header.latest.max(next.latest);
            header.notices = header.notices.max(next.notices);
        }
        let segment = open(file, bases.get(index + 1).copied())?;
        // What was begun and never got a record.
        if segment.extent.end == segment.base() {
            segment
                .file
                .remove()
                .map_err(io_error(&segment.file.path))?;
        } else {
            segments.push(segment);
        }
    }
    Ok(segments)
}

fn paths(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Reads a file's header; none when it has none yet, since a crash came first.
fn identify(path: &Path, incarnation: Incarnation) -> Result<Option<SegmentFile>, OpenError> {
    let file = File::open(path).map_err(io_error(path))?;
    let bytes = read_at(&file, 0, SEGMENT_HEADER as u64).map_err(io_error(path))?;
    if bytes.len() < SEGMENT_HEADER || bytes.iter().all(|byte| *byte == 0) {
        tracing::warn!(path = %path.display(), "removed a part of the log that was never begun");
        fs::remove_file(path).map_err(io_error(path))?;
        return Ok(None);
    }
    let header = match SegmentHeader::decode(&bytes) {
        Ok(header) if header.incarnation == incarnation => Ok(header),
        Ok(_) => Err("it is of another log; move it away, or restore the state.redb that belongs to it".to_owned()),
        Err(HeaderError::Damaged) => rebuilt(path, incarnation)
            .ok_or_else(|| "its header is damaged and its name was changed; move it away, and readers are told of the gap".to_owned()),
        Err(error @ HeaderError::Foreign) => Err(format!("{error}; move it out of the folder")),
        Err(error @ HeaderError::Version(_)) => Err(format!(
            "{error}; run the version that wrote it, or move the folder away to begin anew"
        )),
    };
    let path = path.to_owned();
    match header {
        Ok(header) => Ok(Some(SegmentFile { path, header })),
        Err(problem) => Err(OpenError::Refused { path, problem }),
    }
}

/// A header like the one that is damaged, from the file's name.
fn rebuilt(path: &Path, incarnation: Incarnation) -> Option<SegmentHeader> {
    let (base, salt) = SegmentFile::named(path)?;
    tracing::error!(path = %path.display(), "the header of a part of the log is damaged; its name helped");
    Some(SegmentHeader {
        salt,
        incarnation,
        base,
        latest: i64::MIN,
        notices: 0,
    })
}

/// Finds where a segment ends. `next` is where the one after it begins.
fn open(file: SegmentFile, next: Option<Position>) -> Result<Segment, OpenError> {
    let failed = io_error(&file.path);
    let length = fs::metadata(&file.path).map_err(&failed)?.len();
    if let Some(extent) = index::read(&file, length) {
        return Ok(Segment {
            file: Arc::new(file),
            extent,
            is_sealed: true,
        });
    }
    let extent = scan(&file, length, next).map_err(&failed)?;
    if extent.length < length {
        tracing::warn!(
            path = %file.path.display(),
            bytes = length - extent.length,
            "cut off what a write left that was never finished"
        );
        cut(&file.path, extent.length).map_err(&failed)?;
    }
    if let Err(error) = index::write(&file, &extent) {
        tracing::debug!(%error, "the next start reads this segment again");
    }
    Ok(Segment {
        file: Arc::new(file),
        extent,
        is_sealed: true,
    })
}

/// Walks the records of a segment, those after `next` excepted: they are what a
/// failed write left, and the next segment has their positions. Damaged records
/// count only if something sound is behind them: else their write was never
/// finished, and nobody was answered for them.
pub(super) fn scan(file: &SegmentFile, length: u64, next: Option<Position>) -> io::Result<Extent> {
    let mut extent = Extent::new(&file.header);
    let handle = File::open(&file.path)?;
    let mut offset = SEGMENT_HEADER as u64;
    let mut damaged = Vec::new();
    while offset < length {
        let bytes = read_at(&handle, offset, PIECE_BYTES)?;
        let is_end = offset + bytes.len() as u64 >= length || bytes.is_empty();
        let mut walk = Walk::new(&bytes, file.header.salt, is_end);
        for found in walk.by_ref() {
            if next.is_some_and(|next| found.header.position > next) {
                return Ok(extent);
            }
            let at = offset + found.at as u64;
            let Some(body) = found.body else {
                damaged.push((found.header, at));
                continue;
            };
            for (header, at) in damaged.drain(..) {
                extent.add(&header, at, None);
            }
            let is_notice = found.header.kind == Kind::Notice;
            let notice = is_notice.then(|| Notice::decode(body)).flatten();
            extent.add(&found.header, at, notice.as_ref());
        }
        if is_end {
            break;
        }
        offset += walk.walked() as u64;
    }
    Ok(extent)
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_data()
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |error| OpenError::Io {
        path: path.clone(),
        error,
    }
}
