//! Output files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ExportError;

/// A buffered output file. A regular file is written under a temporary name beside its own and renamed by [`OutFile::finish`];
/// without it the temporary file is removed. Anything else that a path can name (a symbolic link such as `/dev/stdout`, a pipe,
/// a device) is written in place.
#[derive(Debug)]
pub struct OutFile {
    path: PathBuf,
    /// The temporary name, until the file is renamed.
    partial: Option<PathBuf>,
    writer: BufWriter<File>,
}

impl OutFile {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// Where its folder does not exist or may not be written to.
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        Self::open(path).map_err(|source| ExportError::io(path, source))
    }

    fn open(path: &Path) -> io::Result<Self> {
        let partial = match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(meta) if !meta.is_file() => None,
            _ => Some(beside(path, "partial")?),
        };
        let file = File::create(partial.as_deref().unwrap_or(path))?;
        Ok(Self { path: path.to_owned(), partial, writer: BufWriter::with_capacity(1 << 16, file) })
    }

    /// The name that the file has when it is finished.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file without a name, for what does not fit in memory until this one is written. On the same disk where that can be.
    pub(super) fn scratch(&self) -> io::Result<File> {
        let beside_output =
            if self.partial.is_some() { &self.path } else { &std::env::temp_dir().join("undercurrent") };
        let path = beside(beside_output, "scratch")?;
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    }

    /// Writes what is buffered and gives the file its name.
    ///
    /// # Errors
    ///
    /// Where the disk is full, or the file cannot be renamed.
    pub fn finish(mut self) -> Result<(), ExportError> {
        self.complete().map_err(|source| ExportError::io(&self.path, source))
    }

    /// Writes all there is to write, and finishes.
    ///
    /// # Errors
    ///
    /// As [`OutFile::finish`].
    pub fn finish_with(mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.write_all(bytes).map_err(|source| ExportError::io(&self.path, source))?;
        self.finish()
    }

    fn complete(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        if let Some(partial) = &self.partial {
            fs::rename(partial, &self.path)?;
            self.partial = None;
        }
        Ok(())
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // The run has failed already; a file that cannot be removed is not worth a second error.
            let _ = fs::remove_file(partial);
        }
    }
}

/// Writes a whole file.
///
/// # Errors
///
/// As [`OutFile::create`] and [`OutFile::finish`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    OutFile::create(path)?.finish_with(bytes)
}

/// A hidden name in the folder of `path` that no other process uses.
fn beside(path: &Path, purpose: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.{purpose}", std::process::id()));
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_finished() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        let mut out = OutFile::create(&path).unwrap();
        out.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(out);
        assert_eq!(names(dir.path()), ["out.csv"]);
        write_file(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(dir.path()), ["out.csv"]);
    }

    #[test]
    fn a_link_is_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_file(&link, b"new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn errors_name_the_file_and_say_what_to_do() {
        fn check(path: &Path, hint: &str) {
            let text = write_file(path, b"x").unwrap_err().to_string();
            assert!(text.contains(&path.display().to_string()) && text.contains(hint), "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        check(dir.path(), "not of a folder");
        check(&dir.path().join("none/out.csv"), "create the folder first");
        check(Path::new("/dev/full"), "free some space");
    }
}
