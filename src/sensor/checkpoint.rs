//! The checkpoint: what a sensor remembers over a restart, in one file.
//!
//! A header of 52 bytes: [`MAGIC`], version (u32), length of the body (u64) and its SHA-256, integers little-endian. Then the body, in
//! the postcard format (<https://postcard.jamesmunns.com/wire-format>). It is written beside its place, synced, and renamed over the
//! one before, so that at any moment a whole one is there; the folder is synced after.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::book::Incident;
use crate::features::{FeatureStore, SavedFeatures};
use crate::seed::Seed;
use crate::time::Timestamp;

/// What the file begins with.
pub const MAGIC: [u8; 8] = *b"UCSTATE\n";
/// Version of the body: another one for every change of a type in it.
pub const VERSION: u32 = 4;
/// Bytes before the body.
const HEADER_BYTES: usize = 8 + 4 + 8 + 32;
/// Longest body that is read: bounds memory.
const BODY_BYTES_MAX: u64 = 8 << 30;

/// What is saved.
#[derive(Serialize)]
struct Saved<'a> {
    at: Timestamp,
    seed: Seed,
    incidents: &'a BTreeMap<String, Incident>,
    features: &'a FeatureStore,
}

/// What was saved.
#[derive(Debug, Deserialize)]
pub struct Checkpoint {
    /// Packet time of the state.
    pub at: Timestamp,
    /// Seed of the hashes in it, which the next run must use too.
    pub seed: Seed,
    /// The incidents that were followed, by the id of their finding.
    pub incidents: BTreeMap<String, Incident>,
    /// Hosts, channels, names.
    pub features: SavedFeatures,
}

/// A checkpoint that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("cannot {doing} the checkpoint {}", path.display())]
    Io {
        /// `read`, `write` or `set aside`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no checkpoint, or not as it was written.
    #[error("the checkpoint {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another version of the program wrote it.
    #[error("the checkpoint {} has version {found}; this program reads version {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl CheckpointError {
    /// What is put behind the name of a file that is set aside: nothing where it may be a good one.
    const fn suffix(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::Damaged { .. } => Some(".damaged"),
            Self::Version { .. } => Some(".other-version"),
        }
    }
}

/// Writes a checkpoint in place of the one before. Gives its size in bytes.
///
/// # Errors
/// [`CheckpointError::Io`]; the one before stays.
pub fn save(
    path: &Path,
    at: Timestamp,
    incidents: &BTreeMap<String, Incident>,
    features: &FeatureStore,
) -> Result<u64, CheckpointError> {
    let saved = Saved { at, seed: features.seed(), incidents, features };
    let partial = with_suffix(path, ".partial");
    write(&partial, &saved)
        .and_then(|bytes| {
            fs::rename(&partial, path)?;
            sync_folder(path)?;
            Ok(bytes)
        })
        .map_err(|source| {
            // What was written is of no use, and may be what fills the disk.
            let _ = fs::remove_file(&partial);
            CheckpointError::Io { doing: "write", path: path.to_owned(), source }
        })
}

/// Reads a checkpoint; nothing where there is none.
///
/// # Errors
/// Where it cannot be read, is damaged, or is of another version.
pub fn load(path: &Path) -> Result<Option<Checkpoint>, CheckpointError> {
    let failed = |source| CheckpointError::Io { doing: "read", path: path.to_owned(), source };
    let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let found = file.metadata().map_err(failed)?.len();
    let mut header = [0; HEADER_BYTES];
    let Ok(()) = file.read_exact(&mut header) else {
        return Err(damaged(format!("it has {found} bytes, fewer than its header")));
    };
    let header = Header::parse(&header).ok_or_else(|| damaged("it does not begin as one".to_owned()))?;
    if header.version != VERSION {
        return Err(CheckpointError::Version { path: path.to_owned(), found: header.version });
    }
    let expected = header.body_bytes.saturating_add(HEADER_BYTES as u64);
    if found != expected || header.body_bytes > BODY_BYTES_MAX {
        return Err(damaged(format!("it has {found} bytes, its header says {expected}")));
    }
    let mut body = Vec::new();
    file.take(header.body_bytes).read_to_end(&mut body).map_err(failed)?;
    if Sha256::digest(&body)[..] != header.sha256 {
        return Err(damaged("its SHA-256 is not that of its header".to_owned()));
    }
    postcard::from_bytes(&body).map(Some).map_err(|error| damaged(error.to_string()))
}

/// Reads a checkpoint, and sets it aside where it cannot be used: the sensor starts in any case. Gives the checkpoint, and what is
/// to be told.
pub fn load_or_set_aside(path: &Path) -> (Option<Checkpoint>, Vec<CheckpointError>) {
    let error = match load(path) {
        Ok(checkpoint) => return (checkpoint, Vec::new()),
        Err(error) => error,
    };
    let mut errors = Vec::new();
    if let Some(suffix) = error.suffix()
        && let Err(source) = fs::rename(path, with_suffix(path, suffix))
    {
        errors.push(CheckpointError::Io { doing: "set aside", path: path.to_owned(), source });
    }
    errors.insert(0, error);
    (None, errors)
}

struct Header {
    version: u32,
    body_bytes: u64,
    sha256: [u8; 32],
}

impl Header {
    fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let parts = [&MAGIC[..], &self.version.to_le_bytes(), &self.body_bytes.to_le_bytes(), &self.sha256];
        for (place, byte) in bytes.iter_mut().zip(parts.concat()) {
            *place = byte;
        }
        bytes
    }

    /// Nothing where it does not begin with [`MAGIC`].
    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (body_bytes, rest) = rest.split_first_chunk()?;
        let header = Self {
            version: u32::from_le_bytes(*version),
            body_bytes: u64::from_le_bytes(*body_bytes),
            sha256: rest.try_into().ok()?,
        };
        (*magic == MAGIC).then_some(header)
    }
}

/// Writes header and body to a new file and syncs it.
fn write(path: &Path, saved: &Saved<'_>) -> io::Result<u64> {
    // It tells who talks to whom: nobody else's business.
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(path)?;
    (&file).write_all(&[0; HEADER_BYTES])?;
    let hashing =
        Hashing { inner: BufWriter::with_capacity(1 << 18, &file), sha256: Sha256::new(), bytes: 0 };
    let mut hashing = postcard::to_io(saved, hashing).map_err(|error| match file.sync_data() {
        // postcard does not say what the system said; a full disk says it again.
        Err(source) => source,
        Ok(()) => io::Error::new(io::ErrorKind::StorageFull, error.to_string()),
    })?;
    hashing.inner.flush()?;
    let Hashing { sha256, bytes, .. } = hashing;
    let header = Header { version: VERSION, body_bytes: bytes, sha256: sha256.finalize().into() };
    (&file).seek(SeekFrom::Start(0))?;
    (&file).write_all(&header.bytes())?;
    file.sync_all()?;
    Ok(bytes + HEADER_BYTES as u64)
}

/// Counts and hashes what is written.
struct Hashing<W> {
    inner: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sha256.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The new name is on disk only when the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Config, LocalNetworks};

    fn store() -> FeatureStore {
        FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed(7))
    }

    fn saved(folder: &Path) -> PathBuf {
        let path = folder.join("checkpoint");
        save(&path, Timestamp::from_nanos(5), &BTreeMap::new(), &store()).unwrap();
        path
    }

    #[test]
    fn what_is_saved_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        let read = load(&path).unwrap().unwrap();
        assert_eq!((read.at, read.seed, read.incidents.len()), (Timestamp::from_nanos(5), Seed(7), 0));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(load(&folder.path().join("none")).unwrap().is_none());
    }

    /// Any byte of it, changed or cut off.
    #[test]
    fn damage_is_seen_and_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            for bytes in [&changed[..], &whole[..at]] {
                fs::write(&path, bytes).unwrap();
                let (checkpoint, errors) = load_or_set_aside(&path);
                assert!(checkpoint.is_none() && errors.len() == 1, "{at}: {errors:?}");
                assert!(!path.exists(), "{at}: it is in nobody's way");
            }
        }
        assert!(with_suffix(&path, ".damaged").exists() && with_suffix(&path, ".other-version").exists());
    }

    #[test]
    fn the_one_before_stays_where_a_new_one_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        fs::create_dir(with_suffix(&path, ".partial")).unwrap();
        save(&path, Timestamp::from_nanos(9), &BTreeMap::new(), &store()).unwrap_err();
        assert_eq!(load(&path).unwrap().unwrap().at, Timestamp::from_nanos(5));
    }
}
