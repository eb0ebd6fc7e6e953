//! Alerts that a target refused, in a file: one JSON object a line.
//!
//! The file is on disk before the alert is acknowledged. At [`MOST_BYTES`] it is
//! renamed to `FILE.1`, in the place of the one before: so the newest 64 MiB are
//! always there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::batch::{Item, Refused};
use crate::{clock, json, log};

/// When the file is renamed and a new one begun.
const MOST_BYTES: u64 = 64 << 20;

/// Why an alert is among the gateway's dead letters.
const REFUSED_BY_TARGET: &str = "REFUSED_BY_TARGET";

/// Where a bridge puts what its target refuses.
#[derive(Debug)]
pub(super) struct DeadLetters {
    bridge: String,
    file: Letters,
    /// Those of the gateway, if the bridge is in one.
    shared: Option<log::DeadLetters>,
}

#[derive(Debug, Serialize)]
struct Letter<'a> {
    time: String,
    bridge: &'a str,
    /// What the target said.
    answer: &'a str,
    cursor: &'a str,
    alert: Value,
}

impl DeadLetters {
    pub(super) fn new(bridge: &str, path: PathBuf, shared: Option<log::DeadLetters>) -> Self {
        Self {
            bridge: bridge.to_owned(),
            file: Letters {
                path,
                most_bytes: MOST_BYTES,
            },
            shared,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Keeps what the target refused, with its answers. All of it is on disk
    /// afterwards.
    ///
    /// # Errors
    /// When the disk refuses; nothing counts as kept then.
    pub(super) async fn keep(&self, refused: &[Refused]) -> io::Result<()> {
        let mut lines = Vec::new();
        for (item, answer) in refused {
            serde_json::to_writer(&mut lines, &self.letter(item, answer))?;
            lines.push(b'\n');
        }
        let file = self.file.clone();
        let written = spawn_blocking(move || file.append(&lines));
        written.await.map_err(io::Error::other)??;
        self.share(refused);
        Ok(())
    }

    fn letter<'a>(&'a self, item: &'a Item, answer: &'a str) -> Letter<'a> {
        Letter {
            time: clock::now().to_string(),
            bridge: &self.bridge,
            answer,
            cursor: &item.cursor,
            alert: json::alert(&item.alert),
        }
    }

    fn share(&self, refused: &[Refused]) {
        let Some(shared) = &self.shared else {
            return;
        };
        for (item, answer) in refused {
            let document = Bytes::from(json::alert(&item.alert).to_string());
            shared.record(log::DeadLetter::new(
                clock::now(),
                item.alert.origin.clone(),
                REFUSED_BY_TARGET,
                format!("bridge {}: {answer}", self.bridge),
                &document,
            ));
        }
    }
}

/// The file, and when it is renamed.
#[derive(Debug, Clone)]
struct Letters {
    path: PathBuf,
    most_bytes: u64,
}

impl Letters {
    fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut file = self.open(lines.len() as u64)?;
        let length = file.metadata()?.len();
        let written = file.write_all(lines).and_then(|()| file.sync_data());
        if written.is_err() {
            // It is tried again, and no line is to begin behind half of one.
            let _ = file.set_len(length);
        }
        written
    }

    /// The file, with room for so many bytes more.
    fn open(&self, more: u64) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        if length > 0 && length + more > self.most_bytes {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            fs::rename(&self.path, &old)?;
            tracing::warn!(
                path = %self.path.display(),
                "the file of dead letters is full, and goes on in a new one; the one before the last is gone"
            );
        }
        let mut options = OpenOptions::new();
        options
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    fn refused(rule: &str) -> (Item, String) {
        let item = Item {
            alert: testing::alert(rule),
            cursor: "cursor".into(),
            bytes: 1,
            lost: 0,
        };
        (item, "HTTP 400: no".into())
    }

    #[tokio::test]
    async fn what_was_refused_is_in_the_file_and_among_the_gateways_dead_letters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new folder/siem.jsonl");
        let shared = log::DeadLetters::default();
        let letters = DeadLetters::new("siem", path.clone(), Some(shared.clone()));
        letters
            .keep(&[refused("a\nb"), refused("c")])
            .await
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|it| serde_json::from_str(it).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["alert"]["rule"], "a\nb");
        assert_eq!(lines[1]["answer"], "HTTP 400: no");
        let newest = shared.newest(1).remove(0);
        assert_eq!(newest.reason, REFUSED_BY_TARGET);
        assert_eq!(newest.message, "bridge siem: HTTP 400: no");
    }

    #[tokio::test]
    async fn a_full_file_makes_room_for_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("siem.jsonl");
        let mut letters = DeadLetters::new("siem", path.clone(), None);
        letters.file.most_bytes = 1;
        for rule in ["a", "b", "c"] {
            letters.keep(&[refused(rule)]).await.unwrap();
        }
        let old = folder.path().join("siem.jsonl.1");
        assert!(fs::read_to_string(path).unwrap().contains("\"rule\":\"c\""));
        assert!(fs::read_to_string(old).unwrap().contains("\"rule\":\"b\""));
    }
}
