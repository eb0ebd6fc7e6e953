use std::collections::BTreeMap;

use serde::Serialize;

/// The file that was touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct File {
    /// `fd.name` of a file or directory, else `fs.path.name`.
    pub path: String,
    /// `fd.directory`.
    pub directory: String,
    /// `fd.filename`.
    pub name: String,
    /// `fd.ino`.
    pub inode: Option<i64>,
    /// The other name in a link or rename: `fs.path.target`.
    pub target_path: String,
    /// `fd.type`: `file`, `directory`, …
    #[serde(rename = "type")]
    pub kind: String,
}

/// The system call behind an alert.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Syscall {
    /// `evt.type`: `execve`, `openat`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `evt.res`: `SUCCESS` or the name of an errno.
    pub result: String,
    /// `evt.arg.*`: an argument's name to its text.
    pub arguments: BTreeMap<String, String>,
}
