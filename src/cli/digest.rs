//! SHA-256 of files: of inputs on a thread of its own while they are read, of outputs when they are written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use sha2::{Digest, Sha256};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 1 << 18;

/// What tells a file from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileDigest {
    /// Bytes as they lie on disk.
    pub(super) size_bytes: u64,
    /// SHA-256 in hex.
    pub(super) sha256: String,
}

/// The digest of a file; nothing for what cannot be read twice: standard input, pipes, devices.
pub(super) fn of_file(path: &Path) -> io::Result<Option<FileDigest>> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut hasher = Sha256::new();
    let size_bytes = add_file(&mut hasher, path, &AtomicBool::new(false))?;
    Ok(Some(FileDigest { size_bytes, sha256: hex::encode(hasher.finalize()) }))
}

/// Adds a file to a hash, as far as nobody wants to stop. Gives its bytes.
pub(super) fn add_file(hasher: &mut Sha256, path: &Path, stop: &AtomicBool) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut total = 0;
    while !stop.load(Ordering::Relaxed) {
        match file.read(&mut buffer)? {
            0 => break,
            n => {
                hasher.update(buffer.get(..n).unwrap_or_default());
                total += n as u64;
            }
        }
    }
    Ok(total)
}

/// The digests of files, made by a thread beside the one that reads them.
pub(super) struct Digests {
    thread: JoinHandle<BTreeMap<String, FileDigest>>,
    stop: Arc<AtomicBool>,
}

impl Digests {
    /// Begins with the files, in their order.
    pub(super) fn begin(files: Vec<PathBuf>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut digests = BTreeMap::new();
            for path in files.into_iter().filter(|path| path.is_file()) {
                let mut hasher = Sha256::new();
                // A file that cannot be read is told of by who reads it for its content.
                if let Ok(size_bytes) = add_file(&mut hasher, &path, &asked) {
                    let sha256 = hex::encode(hasher.finalize());
                    digests.insert(path.display().to_string(), FileDigest { size_bytes, sha256 });
                }
            }
            digests
        });
        Self { thread, stop }
    }

    /// Waits for the rest, and gives them by the names of their files. Nothing where the run failed: nobody needs them any more.
    pub(super) fn finish(self, failed: bool) -> BTreeMap<String, FileDigest> {
        self.stop.store(failed, Ordering::Relaxed);
        let digests = self.thread.join().unwrap_or_default();
        if failed { BTreeMap::new() } else { digests }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_digests_and_what_cannot_be_read_twice_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        let expected = FileDigest { size_bytes: 3, sha256 };
        assert_eq!(of_file(&path).unwrap(), Some(expected.clone()));
        assert_eq!(of_file(Path::new("/dev/null")).unwrap(), None);
        let files = vec![path.clone(), PathBuf::from("-"), dir.path().join("none")];
        assert_eq!(
            Digests::begin(files.clone()).finish(false),
            BTreeMap::from([(path.display().to_string(), expected)])
        );
        assert_eq!(Digests::begin(files).finish(true), BTreeMap::new());
    }
}
