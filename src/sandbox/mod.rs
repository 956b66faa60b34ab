//! What the live sensor gives up once its sockets are open: capabilities, new privileges, most system calls, most of the file
//! system, and TCP but for its own port.
//!
//! All of it binds the calling thread and the threads that it starts from then on, so that [`enter`] belongs before the
//! first thread is started. Nothing of it can be undone. Where a kernel lacks a part, that part is left out and the
//! [`Report`] says so: the sensor is worth running all the same.

#[cfg(target_os = "linux")]
mod paths;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg(target_os = "linux")]
mod syscalls;

use std::fmt;
use std::path::PathBuf;

/// What the process still needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Files and folders to read. A file stands for its folder: one that is edited or replaced is another.
    pub readable: Vec<PathBuf>,
    /// Files and folders to write, make, rename and remove in. A file stands for its folder.
    pub writable: Vec<PathBuf>,
    /// TCP ports to listen on that are not listened on yet.
    pub tcp_ports: Vec<u16>,
    /// TCP ports of others to connect to.
    pub tcp_peers: Vec<u16>,
}

/// How far one protection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// All of it.
    On,
    /// Some of it: what is missing.
    Partly(String),
    /// None of it: why.
    Off(String),
}

/// What is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The process has no capability (capabilities(7)).
    pub capabilities: Protection,
    /// No program that it runs could get any (`no_new_privs`).
    pub no_new_privileges: Protection,
    /// System calls that it does not use are refused (seccomp(2)).
    pub seccomp: Protection,
    /// Files and ports that it does not use are out of reach (landlock(7)).
    pub landlock: Protection,
}

/// Gives up all that `policy` does not name. [`Report`] tells what could be given up.
#[cfg(target_os = "linux")]
pub fn enter(policy: &Policy) -> Report {
    // Landlock first: it opens the paths. Then capabilities, the clearing of which takes system calls that are refused
    // afterwards.
    let no_new_privileges = privileges::no_new_privileges();
    let landlock = paths::restrict(policy);
    let capabilities = privileges::drop_capabilities();
    let seccomp = syscalls::restrict();
    Report { capabilities, no_new_privileges, seccomp, landlock }
}

/// Gives up nothing: there is no such thing on this system.
#[cfg(not(target_os = "linux"))]
pub fn enter(_policy: &Policy) -> Report {
    let off = || Protection::Off("only on Linux".to_owned());
    Report { capabilities: off(), no_new_privileges: off(), seccomp: off(), landlock: off() }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Partly(missing) => write!(f, "on in part ({missing})"),
            Self::Off(why) => write!(f, "off ({why})"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capabilities, no_new_privileges, seccomp, landlock } = self;
        write!(
            f,
            "capabilities dropped: {capabilities}; no new privileges: {no_new_privileges}; seccomp: {seccomp}; Landlock: {landlock}"
        )
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
