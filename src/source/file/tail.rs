//! The file as it changes, one step at a time. Blocking; decides nothing about
//! lines.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use bytes::BytesMut;

use super::Start;
use crate::state::FilePosition;

/// How much is read in one step at most.
const READ_BYTES: u64 = 256 << 10;

/// By how many of its first bytes a file is known again.
const HEAD_BYTES: usize = 1024;

/// Among how many files of the folder a rotated one is looked for.
const SEARCHED_FILES: usize = 10_000;

/// A path, and the file that is followed under it.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    begin: Begin,
    open: Option<Open>,
    /// Whether the open file is read to its end for good.
    ended: bool,
}

/// Where to begin in the next file that is opened.
#[derive(Debug, Clone, Copy)]
enum Begin {
    Beginning,
    End,
    At(FilePosition),
}

/// What a step brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A file is followed from this offset.
    Opened(u64),
    /// Bytes were added to the buffer.
    Read,
    /// Nothing new.
    Idle,
    /// The file was emptied, and perhaps written anew: it is read from 0.
    Truncated,
    /// The file was replaced and is read to its end; the next step opens the
    /// other one.
    Ended,
    /// There is no file, or it cannot be read, and why.
    Unreadable(String),
}

impl Tail {
    /// A file that was never followed.
    pub(super) fn new(path: PathBuf, start: Start) -> Self {
        Self {
            path,
            begin: match start {
                Start::Beginning => Begin::Beginning,
                Start::End => Begin::End,
            },
            open: None,
            ended: false,
        }
    }

    /// A file that was followed up to a position.
    pub(super) fn resume(path: PathBuf, position: FilePosition) -> Self {
        Self {
            path,
            begin: Begin::At(position),
            open: None,
            ended: false,
        }
    }

    /// The position to keep when everything before `offset` is in the log.
    pub(super) fn position_at(&self, offset: u64) -> Option<FilePosition> {
        let open = self.open.as_ref()?;
        let head = open.head.get(..head_length(offset))?;
        Some(FilePosition {
            device: open.id.device,
            inode: open.id.inode,
            offset,
            head: crc32fast::hash(head),
        })
    }

    /// Looks what there is.
    pub(super) fn step(&mut self, buffer: &mut BytesMut) -> Step {
        let stepped = match &mut self.open {
            None => self.open_path(),
            Some(_) if self.ended => self.open_path(),
            Some(open) => match open.read(buffer) {
                Ok(None) => self.look_behind_the_end(buffer),
                Ok(Some(step)) => Ok(step),
                Err(error) => Err(error),
            },
        };
        stepped.unwrap_or_else(|error| Step::Unreadable(self.describe(&error)))
    }

    fn open_path(&mut self) -> io::Result<Step> {
        let opened = Open::at(&self.path);
        let open = match (self.begin, opened) {
            (Begin::At(position), opened) => {
                // The file may have been rotated away while nobody followed it,
                // and then its rest comes first.
                let found = opened.as_ref().ok().and_then(|open| open.resumed(position));
                match found.or_else(|| self.find_rotated(position)) {
                    Some(open) => open,
                    None => opened?,
                }
            }
            (Begin::Beginning, opened) => opened?,
            (Begin::End, Ok(open)) => open.at_its_end()?,
            (Begin::End, Err(error)) => {
                if error.kind() == io::ErrorKind::NotFound {
                    // What comes later is new from its beginning.
                    self.begin = Begin::Beginning;
                }
                return Err(error);
            }
        };
        self.begin = Begin::Beginning;
        self.ended = false;
        let offset = open.offset;
        self.open = Some(open);
        Ok(Step::Opened(offset))
    }

    /// The file has nothing more: is it still the one under the path?
    fn look_behind_the_end(&mut self, buffer: &mut BytesMut) -> io::Result<Step> {
        let Some(open) = &mut self.open else {
            return Ok(Step::Idle);
        };
        let there = regular(fs::metadata(&self.path)?)?;
        // As long as the new file is empty, its writer may not have left the old
        // one: Falco writes on until it is told to open the path again.
        if FileId::of(&there) == open.id || there.len() == 0 {
            return Ok(Step::Idle);
        }
        // What was written between the last look and the first byte of the new.
        if let Some(step) = open.read(buffer)? {
            return Ok(step);
        }
        self.ended = true;
        Ok(Step::Ended)
    }

    fn find_rotated(&self, position: FilePosition) -> Option<Open> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let entries = fs::read_dir(folder).ok()?.take(SEARCHED_FILES);
        entries
            .filter_map(Result::ok)
            .filter(|entry| fs::metadata(entry.path()).is_ok_and(|it| it.ino() == position.inode))
            .find_map(|entry| Open::at(&entry.path()).ok()?.resumed(position))
    }

    fn describe(&self, error: &io::Error) -> String {
        let path = self.path.display();
        if error.kind() == io::ErrorKind::NotFound {
            return format!("{path} does not exist");
        }
        format!("failed to read {path}: {error}")
    }
}

/// A file that is being read.
#[derive(Debug)]
struct Open {
    file: File,
    id: FileId,
    /// Everything before was read.
    offset: u64,
    /// The first bytes of what was read, as many as there are up to a kilobyte.
    head: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        // Asked before it is opened: opening a pipe would wait for a writer.
        regular(fs::metadata(path)?)?;
        let file = File::open(path)?;
        let id = FileId::of(&regular(file.metadata()?)?);
        Ok(Self {
            file,
            id,
            offset: 0,
            head: Vec::new(),
        })
    }

    fn at_its_end(self) -> io::Result<Self> {
        let offset = self.file.metadata()?.len();
        self.moved_to(offset)
    }

    /// The same file where it was left, if it is the same file.
    fn resumed(&self, position: FilePosition) -> Option<Self> {
        // A device may have another number after a reboot; the first bytes tell.
        let known = self.id.device == position.device || position.offset > 0;
        if !known || self.id.inode != position.inode {
            return None;
        }
        if self.file.metadata().ok()?.len() < position.offset {
            return None;
        }
        let file = self.file.try_clone().ok()?;
        let same = Self {
            file,
            id: self.id,
            offset: 0,
            head: Vec::new(),
        };
        let same = same.moved_to(position.offset).ok()?;
        (crc32fast::hash(&same.head) == position.head).then_some(same)
    }

    fn moved_to(mut self, offset: u64) -> io::Result<Self> {
        self.head = vec![0; head_length(offset)];
        self.file.read_exact_at(&mut self.head, 0)?;
        self.offset = offset;
        Ok(self)
    }

    /// Reads what is new; none when nothing is.
    fn read(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Step>> {
        let length = self.file.metadata()?.len();
        if length < self.offset || !self.begins_as_before()? {
            self.offset = 0;
            self.head.clear();
            return Ok(Some(Step::Truncated));
        }
        let new = (length - self.offset).min(READ_BYTES);
        let before = buffer.len();
        buffer.resize(before.saturating_add(usize::try_from(new).unwrap_or(0)), 0);
        let target = buffer.get_mut(before..).unwrap_or_default();
        let read = match self.file.read_at(target, self.offset) {
            Ok(read) => read,
            Err(error) => {
                buffer.truncate(before);
                return Err(error);
            }
        };
        buffer.truncate(before + read);
        let missing = HEAD_BYTES.saturating_sub(self.head.len());
        let added = buffer.get(before..).unwrap_or_default();
        self.head.extend(added.iter().take(missing));
        self.offset += read as u64;
        Ok((read > 0).then_some(Step::Read))
    }

    /// Whether the file was not emptied and filled again beyond where we are.
    fn begins_as_before(&self) -> io::Result<bool> {
        let mut head = [0; HEAD_BYTES];
        let head = head.get_mut(..self.head.len()).unwrap_or_default();
        match self.file.read_exact_at(head, 0) {
            Ok(()) => Ok(*head == *self.head),
            // Emptied since its length was asked.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

fn regular(metadata: Metadata) -> io::Result<Metadata> {
    if metadata.is_file() {
        return Ok(metadata);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is no regular file",
    ))
}

/// How many first bytes are known once `offset` bytes were read.
fn head_length(offset: u64) -> usize {
    usize::try_from(offset)
        .unwrap_or(HEAD_BYTES)
        .min(HEAD_BYTES)
}
