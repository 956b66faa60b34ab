//! Output files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ExportError;

/// A buffered output file. A regular file gets its name from [`OutFile::finish`]; without it, nothing is left. Anything else that
/// a path can name (a symbolic link such as `/dev/stdout`, a pipe, a device) is written in place.
#[derive(Debug)]
pub struct OutFile {
    path: PathBuf,
    place: Place,
    writer: BufWriter<File>,
}

/// Where an output is until it is finished.
#[derive(Debug)]
enum Place {
    /// Under its own name.
    Own,
    /// Without a name on the same disk: gone with the process, however that ends.
    Nameless,
    /// Under a hidden name, where the system or the disk knows no files without one.
    Hidden(PathBuf),
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
        let (file, place) = match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(meta) if !meta.is_file() => (File::create(path)?, Place::Own),
            _ => nameless_beside(path).or_else(|_| hidden_beside(path))?,
        };
        Ok(Self { path: path.to_owned(), place, writer: BufWriter::with_capacity(1 << 16, file) })
    }

    /// The name that the file has when it is finished.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file without a name, for what does not fit in memory until this one is written. On the same disk where that can be.
    pub(super) fn scratch(&self) -> io::Result<File> {
        let in_place = matches!(self.place, Place::Own);
        let beside_output = if in_place { &std::env::temp_dir().join("undercurrent") } else { &self.path };
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
        if matches!(self.place, Place::Nameless) {
            // A file cannot be linked over another one: it is renamed over it.
            let hidden = beside(&self.path, "partial")?;
            give_name(self.writer.get_ref(), &hidden)?;
            self.place = Place::Hidden(hidden);
        }
        if let Place::Hidden(hidden) = &self.place {
            fs::rename(hidden, &self.path)?;
            self.place = Place::Own;
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
        if let Place::Hidden(hidden) = &self.place {
            // The run has failed already; a file that cannot be removed is not worth a second error.
            let _ = fs::remove_file(hidden);
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

/// A file without a name in the folder of `path` (open(2), `O_TMPFILE`).
#[cfg(target_os = "linux")]
fn nameless_beside(path: &Path) -> io::Result<(File, Place)> {
    use rustix::fs::{Mode, OFlags};
    // Names are given through this folder.
    fs::metadata("/proc/self/fd")?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As `File::create` asks for: what the umask leaves.
    let mode = Mode::from_raw_mode(0o666);
    let file = rustix::fs::open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode)?;
    Ok((file.into(), Place::Nameless))
}

/// Gives a name to a file that has none.
#[cfg(target_os = "linux")]
fn give_name(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD};
    use std::os::fd::AsRawFd as _;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn nameless_beside(_: &Path) -> io::Result<(File, Place)> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn give_name(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file under a hidden name in the folder of `path`.
fn hidden_beside(path: &Path) -> io::Result<(File, Place)> {
    let hidden = beside(path, "partial")?;
    Ok((File::create(&hidden)?, Place::Hidden(hidden)))
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
        // Whoever kills the program leaves nothing behind, where the disk knows files without a name.
        assert_eq!(names(dir.path()).len(), if matches!(out.place, Place::Hidden(_)) { 2 } else { 1 });
        drop(out);
        assert_eq!(names(dir.path()), ["out.csv"]);
        for name in ["out.csv", "fresh.csv"] {
            write_file(&dir.path().join(name), b"new").unwrap();
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "new");
        }
        assert_eq!(names(dir.path()), ["fresh.csv", "out.csv"]);
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
