//! Small state that changes: what has to outlive a restart besides the alerts.
//!
//! It is one file of an embedded transactional store. Whoever has it open owns
//! the data folder: a second process is refused.

mod subscriptions;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use ring::rand::{SecureRandom as _, SystemRandom};

pub use self::subscriptions::KeptSubscription;

/// The file's name in the data folder.
const FILE: &str = "state.redb";

/// Single numbers by name.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// By epoch: the head of the log when the epoch began.
const EPOCHS: TableDefinition<'_, u64, u64> = TableDefinition::new("epochs");

/// By source id and path: device, inode, offset, checksum of the beginning.
const FILE_POSITIONS: TableDefinition<'_, (&str, &str), (u64, u64, u64, u32)> =
    TableDefinition::new("file_positions");

/// Keys by name.
const KEYS: TableDefinition<'_, &str, [u8; 32]> = TableDefinition::new("keys");

/// The key of the log's seal.
const LOG_KEY: &str = "log";

/// The number of the log's incarnation.
const INCARNATION: &str = "log_incarnation";

/// The store. Cheap to clone; all clones are the same store. Its calls block,
/// those that write for as long as the disk takes.
#[derive(Debug, Clone)]
pub struct State {
    folder: PathBuf,
    // None only after it failed and could not be opened again.
    database: Arc<Mutex<Option<Database>>>,
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePosition {
    /// The device the file is on.
    pub device: u64,
    /// The file's inode.
    pub inode: u64,
    /// Everything before is in the log.
    pub offset: u64,
    /// The checksum of the file's first bytes: those before the offset, a
    /// kilobyte at most. Inodes are given again, and files are emptied.
    pub head: u32,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder cannot be made.
    #[error("failed to make the data folder {folder}: {error}", folder = .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process has it.
    #[error(
        "another falco-gateway works on the data folder {folder}: stop it, or give this one its own `data_dir`",
        folder = .0.display()
    )]
    InUse(PathBuf),
    /// It was written by another version of the store.
    #[error(
        "{path} is of another version of falco-gateway: run that version, or move the data folder away to begin anew",
        path = .0.display()
    )]
    OtherVersion(PathBuf),
    /// It cannot be opened for another reason.
    #[error("failed to open {path}: {error}", path = .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: Box<DatabaseError>,
    },
    /// The system gives no random numbers.
    #[error("failed to draw a key: the system gives no random numbers")]
    NoRandomness,
    /// It cannot be read or written.
    #[error("failed to read or write the gateway's state: {0}")]
    Access(#[source] Box<redb::Error>),
}

impl State {
    /// Opens the store in `folder`, which is made if need be, for the gateway's
    /// own user only.
    ///
    /// # Errors
    /// When another process has it, or it is unusable.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| StateError::Folder {
                folder: folder.to_owned(),
                error,
            })?;
        Ok(Self {
            folder: folder.to_owned(),
            database: Arc::new(Mutex::new(Some(open(folder)?))),
        })
    }

    /// Works on the store. One that failed for the disk's sake stays so until it
    /// is opened again.
    fn with<T>(&self, work: impl Fn(&Database) -> Result<T, redb::Error>) -> Result<T, StateError> {
        let mut guard = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*guard {
            match work(database) {
                Err(redb::Error::PreviousIo) => {}
                done => return done.map_err(|error| StateError::Access(Box::new(error))),
            }
        }
        // The old one holds the file's lock.
        *guard = None;
        let database = guard.insert(open(&self.folder)?);
        work(database).map_err(|error| StateError::Access(Box::new(error)))
    }

    /// The number that tells this folder's log from all others; drawn once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn incarnation(&self) -> Result<u64, StateError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let incarnation = {
                let mut numbers = transaction.open_table(NUMBERS)?;
                let kept = numbers.get(INCARNATION)?.map(|number| number.value());
                match kept {
                    Some(number) => number,
                    None => {
                        let drawn = fastrand::u64(..);
                        numbers.insert(INCARNATION, drawn)?;
                        drawn
                    }
                }
            };
            transaction.commit()?;
            Ok(incarnation)
        })
    }

    /// The key with which this folder's log hides numbers from clients; drawn once.
    ///
    /// # Errors
    /// When the store or the system's source of randomness fails.
    pub fn log_key(&self) -> Result<[u8; 32], StateError> {
        let mut drawn = [0; 32];
        let random = SystemRandom::new();
        random
            .fill(&mut drawn)
            .map_err(|_| StateError::NoRandomness)?;
        self.with(|database| {
            let transaction = database.begin_write()?;
            let key = {
                let mut keys = transaction.open_table(KEYS)?;
                let kept = keys.get(LOG_KEY)?.map(|key| key.value());
                match kept {
                    Some(key) => key,
                    None => {
                        keys.insert(LOG_KEY, drawn)?;
                        drawn
                    }
                }
            };
            transaction.commit()?;
            Ok(key)
        })
    }

    /// Begins an epoch of the log, whose head is at `start`, and returns the
    /// starts of all epochs, this one last.
    ///
    /// # Errors
    /// When the store fails.
    pub fn begin_epoch(&self, start: u64) -> Result<Vec<u64>, StateError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let starts = {
                let mut epochs = transaction.open_table(EPOCHS)?;
                let mut starts = epochs
                    .iter()?
                    .map(|epoch| epoch.map(|(_, start)| start.value()))
                    .collect::<Result<Vec<_>, _>>()?;
                epochs.insert(starts.len() as u64, start)?;
                starts.push(start);
                starts
            };
            transaction.commit()?;
            Ok(starts)
        })
    }

    /// How far `path` was read for the source `id`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn file_position(&self, id: &str, path: &str) -> Result<Option<FilePosition>, StateError> {
        let kept = self.with(|database| {
            let transaction = database.begin_read()?;
            let positions = match transaction.open_table(FILE_POSITIONS) {
                Ok(positions) => positions,
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            Ok(positions.get((id, path))?.map(|position| position.value()))
        })?;
        Ok(kept.map(|(device, inode, offset, head)| FilePosition {
            device,
            inode,
            offset,
            head,
        }))
    }

    /// Keeps how far `path` was read for the source `id`.
    ///
    /// # Errors
    /// When the store fails; the position that was kept before stays.
    pub fn keep_file_position(
        &self,
        id: &str,
        path: &str,
        position: FilePosition,
    ) -> Result<(), StateError> {
        let FilePosition {
            device,
            inode,
            offset,
            head,
        } = position;
        self.with(|database| {
            let transaction = database.begin_write()?;
            transaction
                .open_table(FILE_POSITIONS)?
                .insert((id, path), (device, inode, offset, head))?;
            Ok(transaction.commit()?)
        })
    }
}

fn open(folder: &Path) -> Result<Database, StateError> {
    let path = folder.join(FILE);
    Database::create(&path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StateError::InUse(folder.to_owned()),
        DatabaseError::UpgradeRequired(_) => StateError::OtherVersion(path),
        error => StateError::Open {
            path,
            error: Box::new(error),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let position = FilePosition {
            device: 42,
            inode: u64::MAX,
            offset: 7,
            head: 0xdead,
        };
        let state = State::open(folder.path()).unwrap();
        let incarnation = state.incarnation().unwrap();
        let key = state.log_key().unwrap();
        assert_ne!(key, [0; 32]);
        assert_eq!(state.file_position("a", "/x").unwrap(), None);
        state.keep_file_position("a", "/x", position).unwrap();
        assert_eq!(state.begin_epoch(0).unwrap(), [0]);
        drop(state);
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.incarnation().unwrap(), incarnation);
        assert_eq!(state.log_key().unwrap(), key);
        assert_eq!(state.file_position("a", "/x").unwrap(), Some(position));
        assert_eq!(state.file_position("b", "/x").unwrap(), None);
        assert_eq!(state.begin_epoch(9).unwrap(), [0, 9]);
    }

    #[test]
    fn a_folder_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let owner = State::open(folder.path()).unwrap();
        let second = State::open(folder.path()).unwrap_err();
        assert!(matches!(second, StateError::InUse(_)), "{second}");
        drop(owner);
        State::open(folder.path()).unwrap();
    }

    #[test]
    fn what_is_no_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "something else").unwrap();
        let refused = State::open(folder.path()).unwrap_err();
        assert!(refused.to_string().contains(FILE), "{refused}");
    }
}
