//! Lines in a file, which is renamed when it is full.
//!
//! What a crash left of a line is cut off when the file is opened: its batch comes again.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::stdout::lines;
use crate::{
    bridge::{
        batch::Item,
        outcome::{Outcome, Trouble},
    },
    format::Format,
    units::Size,
};

/// Lines in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where.
    pub path: PathBuf,
    /// What a line is.
    #[serde(default = "default_format")]
    pub format: Format,
    /// At which size the file is renamed to `PATH.1`, and that to `PATH.2`, and so on.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: Size,
    /// How many renamed files are kept.
    #[serde(default = "default_keep")]
    pub keep: u32,
}

impl Config {
    pub(in crate::bridge) fn check(&self) -> Result<(), String> {
        if self.path.as_os_str().is_empty() {
            return Err("file.path is empty".to_owned());
        }
        if self.max_bytes.0 == 0 {
            return Err("file.max_bytes is zero: write a size such as 100MiB".to_owned());
        }
        Ok(())
    }
}

fn default_format() -> Format {
    Format::Json
}

fn default_max_bytes() -> Size {
    Size(100 << 20)
}

fn default_keep() -> u32 {
    5
}

#[derive(Debug)]
pub(in crate::bridge) struct File {
    format: Format,
    path: PathBuf,
    /// None while it writes.
    writer: Option<Writer>,
}

/// What blocks, for a thread of its own.
#[derive(Debug)]
struct Writer {
    config: Config,
    file: fs::File,
    length: u64,
}

impl File {
    pub(super) async fn open(config: Config) -> Result<Self, Trouble> {
        let (format, path) = (config.format, config.path.clone());
        let writer = blocking(move || Writer::open(config)).await;
        let writer = writer.map_err(|error| refused(&path, &error))?;
        Ok(Self {
            format,
            path,
            writer: Some(writer),
        })
    }

    pub(super) async fn send(&mut self, items: &[Item]) -> Outcome {
        let Some(mut writer) = self.writer.take() else {
            return Trouble::new("the last write was not waited for").into();
        };
        let lines = lines(self.format, items);
        let written = blocking(move || writer.write(&lines).map(|()| writer)).await;
        match written {
            Ok(writer) => {
                self.writer = Some(writer);
                Outcome::Delivered("written".to_owned())
            }
            Err(error) => refused(&self.path, &error).into(),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

impl Writer {
    fn open(config: Config) -> io::Result<Self> {
        let (file, length) = open(&config.path)?;
        Ok(Self {
            config,
            file,
            length,
        })
    }

    fn write(&mut self, lines: &str) -> io::Result<()> {
        let is_full = self.length > 0 && self.length + lines.len() as u64 > self.config.max_bytes.0;
        if is_full {
            rotate(&self.config)?;
        }
        // Somebody else may have renamed or removed it.
        if is_full || !self.is_in_place() {
            (self.file, self.length) = open(&self.config.path)?;
        }
        let written = self.file.write_all(lines.as_bytes());
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // The batch comes again, all of it. Where this fails, some lines come twice.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    fn is_in_place(&self) -> bool {
        let ours = self.file.metadata();
        let there = fs::metadata(&self.config.path);
        matches!((ours, there), (Ok(ours), Ok(there)) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
    }
}

/// The file, whose last line is whole, and its length.
fn open(path: &Path) -> io::Result<(fs::File, u64)> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    let length = file.metadata()?.len();
    let whole = end_of_last_line(&mut file, length)?;
    if whole < length {
        file.set_len(whole)?;
    }
    Ok((file, whole))
}

/// Behind the last line's end.
fn end_of_last_line(file: &mut fs::File, length: u64) -> io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut part = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut part)?;
        if let Some(at) = memchr::memrchr(b'\n', &part) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Renames the file and those before it; the oldest goes.
fn rotate(config: &Config) -> io::Result<()> {
    if config.keep == 0 {
        return fs::remove_file(&config.path);
    }
    for number in (1..config.keep).rev() {
        let renamed = fs::rename(
            numbered(&config.path, number),
            numbered(&config.path, number + 1),
        );
        if let Err(error) = renamed
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    fs::rename(&config.path, numbered(&config.path, 1))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn refused(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(format!("failed to write to {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    fn items(rules: &[&str]) -> Vec<Item> {
        let item = |rule: &&str| Item {
            alert: testing::alert(rule),
            cursor: String::new(),
            bytes: 1,
            lost: 0,
        };
        rules.iter().map(item).collect()
    }

    fn config(path: PathBuf) -> Config {
        Config {
            path,
            format: Format::Cef,
            max_bytes: Size(1),
            keep: 2,
        }
    }

    async fn send(file: &mut File, rules: &[&str]) {
        let outcome = file.send(&items(rules)).await;
        assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_full_file_is_renamed_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/alerts.log");
        let mut file = File::open(config(path.clone())).await.unwrap();
        for rule in ["one", "two", "three", "four"] {
            send(&mut file, &[rule]).await;
        }
        for (path, rule) in [
            (path.clone(), "four"),
            (numbered(&path, 1), "three"),
            (numbered(&path, 2), "two"),
        ] {
            assert!(fs::read_to_string(path).unwrap().contains(rule));
        }
        assert!(!numbered(&path, 3).exists());
    }

    #[tokio::test]
    async fn half_a_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.log");
        for (left, kept) in [
            ("", ""),
            ("whole\n", "whole\n"),
            ("whole\nhal", "whole\n"),
            ("hal", ""),
        ] {
            fs::write(&path, left).unwrap();
            let big = Config {
                max_bytes: default_max_bytes(),
                ..config(path.clone())
            };
            send(&mut File::open(big).await.unwrap(), &["a"]).await;
            let text = fs::read_to_string(&path).unwrap();
            let rest = text.strip_prefix(kept).unwrap();
            assert!(
                rest.starts_with("CEF:0") && rest.lines().count() == 1,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_that_somebody_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.log");
        let mut file = File::open(Config {
            max_bytes: default_max_bytes(),
            ..config(path.clone())
        })
        .await
        .unwrap();
        send(&mut file, &["one"]).await;
        fs::rename(&path, folder.path().join("moved")).unwrap();
        send(&mut file, &["two"]).await;
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("two") && !text.contains("one"), "{text}");
    }
}
