//! The kept position: one line of text, replaced as a whole.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

/// A place in a file, and how to know the file again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The file's device and inode.
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Everything before is in the log.
    pub(super) offset: u64,
    /// The checksum of the file's first bytes: those before the offset, a
    /// kilobyte at most. Inodes are given again, and files are emptied.
    pub(super) head: u32,
}

/// What the line begins with; the number is the format's.
const MAGIC: &str = "falco-gateway-position 1";

impl Position {
    /// Reads it; none when it was never written.
    pub(super) fn load(path: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| {
                let message = format!("{} holds no position", path.display());
                io::Error::new(io::ErrorKind::InvalidData, message)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it such that a crash leaves the old one or the new one.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let mut file = fs::File::create(&temporary)?;
        file.write_all(self.to_text().as_bytes())?;
        file.sync_data()?;
        fs::rename(&temporary, path)
    }

    fn to_text(self) -> String {
        let Self {
            device,
            inode,
            offset,
            head,
        } = self;
        let line = format!("{MAGIC} {device} {inode} {offset} {head:08x}");
        let check = crc32fast::hash(line.as_bytes());
        format!("{line} {check:08x}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let (line, check) = text.trim_end().rsplit_once(' ')?;
        if crc32fast::hash(line.as_bytes()) != u32::from_str_radix(check, 16).ok()? {
            return None;
        }
        let mut words = line.strip_prefix(MAGIC)?.split_ascii_whitespace();
        let mut number = || words.next()?.parse().ok();
        Some(Self {
            device: number()?,
            inode: number()?,
            offset: number()?,
            head: u32::from_str_radix(words.next()?, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position {
        device: 42,
        inode: u64::MAX,
        offset: 7,
        head: 0xdead,
    };

    #[test]
    fn a_position_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        assert_eq!(Position::load(&path).unwrap(), None);
        POSITION.save(&path).unwrap();
        assert_eq!(Position::load(&path).unwrap(), Some(POSITION));
    }

    #[test]
    fn any_change_is_noticed() {
        let text = POSITION.to_text();
        assert_eq!(Position::parse(&text), Some(POSITION));
        for end in 0..text.len() - 1 {
            assert_eq!(Position::parse(&text[..end]), None);
        }
        assert_eq!(Position::parse(&text.replace(" 7 ", " 8 ")), None);
    }
}
