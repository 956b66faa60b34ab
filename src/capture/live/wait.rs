//! Waiting for packets, never longer than asked.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Waits until something can be read from a descriptor. False where the time was over before, a signal came, or the
/// descriptor has an error to tell; without a descriptor, after the time.
pub(super) fn wait(fd: Option<BorrowedFd<'_>>, timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    let mut fds = fd.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    match poll(fds.as_mut_slice(), Some(&timeout)) {
        Ok(_) => Ok(fds.is_some_and(|fd| fd.revents().contains(PollFlags::IN))),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn tells_whether_there_is_something() {
        let (reader, mut writer) = io::pipe().unwrap();
        let wait = |fd| wait(fd, Duration::from_millis(1)).unwrap();
        assert!(!wait(None));
        assert!(!wait(Some(reader.as_fd())));
        writer.write_all(b"x").unwrap();
        assert!(wait(Some(reader.as_fd())));
    }
}
