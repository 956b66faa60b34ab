//! Each test enters the sandbox in a thread of its own: what it gives up is the thread's alone.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use caps::CapSet;
use tempfile::TempDir;

use super::*;

/// What a thread comes to that has entered the sandbox.
fn inside<T: Send>(policy: &Policy, then: impl FnOnce(Report) -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| then(enter(policy))).join().unwrap())
}

/// A folder to read, one to write, and one that is neither, a file in each.
fn folders() -> ([TempDir; 3], Policy) {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    for folder in &folders {
        fs::write(folder.path().join("file"), "text").unwrap();
    }
    let [readable, writable, _] = &folders;
    let policy = Policy {
        readable: vec![readable.path().join("file")],
        writable: vec![writable.path().to_owned()],
        ..Policy::default()
    };
    (folders, policy)
}

fn is_refused<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn nothing_is_left_of_capabilities() {
    inside(&Policy::default(), |report| {
        assert_eq!((report.capabilities, report.no_new_privileges), (Protection::On, Protection::On));
        for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient] {
            assert!(caps::read(None, set).unwrap().is_empty(), "{set:?}");
        }
    });
}

#[test]
fn system_calls_that_are_not_listed_are_refused() {
    inside(&Policy::default(), |report| {
        assert_eq!(report.seccomp, Protection::On);
        assert!(is_refused(Command::new("true").status()));
        assert!(is_refused(std::env::set_current_dir("/")));
        let raw = rustix::net::socket(rustix::net::AddressFamily::PACKET, rustix::net::SocketType::RAW, None);
        assert!(is_refused(raw.map_err(Into::into)));
    });
}

#[test]
fn what_a_sensor_does_goes_on() {
    inside(&Policy::default(), |_| {
        // Threads, pipes, sockets between processes, time and random numbers.
        assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        reader.read_exact(&mut [0]).unwrap();
        let (one, two) = UnixDatagram::pair().unwrap();
        one.send(b"READY=1").unwrap();
        two.recv(&mut [0; 16]).unwrap();
        assert!(std::thread::available_parallelism().is_ok());
        assert!(!vec![1_u8; 64 << 20].is_empty());
        fs::read_to_string("/proc/self/status").unwrap();
    });
}

#[test]
fn files_outside_of_the_policy_are_out_of_reach() {
    let (folders, policy) = folders();
    let [readable, writable, other] = folders.each_ref().map(TempDir::path);
    inside(&policy, |report| {
        if let Protection::Off(why) = report.landlock {
            eprintln!("skipped: Landlock is off ({why})");
            return;
        }
        assert_eq!(fs::read_to_string(readable.join("file")).unwrap(), "text");
        assert!(is_refused(fs::write(readable.join("file"), "changed")));
        assert!(is_refused(fs::read(other.join("file"))));
        assert!(is_refused(fs::write(other.join("new"), "")));
        fs::write(writable.join("new"), "text").unwrap();
        fs::rename(writable.join("new"), writable.join("file")).unwrap();
        fs::remove_file(writable.join("file")).unwrap();
    });
}

/// A configuration that an editor has replaced is another file by the same name.
#[test]
fn a_file_that_is_replaced_can_still_be_read() {
    let (folders, policy) = folders();
    let file = folders[0].path().join("file");
    let (entered, replaced) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            enter(&policy);
            entered.wait();
            replaced.wait();
            fs::read_to_string(&file)
        });
        entered.wait();
        replace(&file, "new text");
        replaced.wait();
        assert_eq!(inside.join().unwrap().unwrap(), "new text");
    });
}

fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

#[test]
fn tcp_is_left_to_its_own_port() {
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let policy = Policy { tcp_ports: vec![free.port()], ..Policy::default() };
    inside(&policy, |report| {
        if report.landlock != Protection::On {
            eprintln!("skipped: Landlock is {}", report.landlock);
            return;
        }
        assert!(is_refused(TcpStream::connect(open.local_addr().unwrap())));
        assert!(is_refused(TcpListener::bind("127.0.0.1:0").map(drop)));
        TcpListener::bind(free).unwrap();
    });
}

#[test]
fn a_report_reads_as_a_line_of_the_log() {
    let report = Report {
        capabilities: Protection::On,
        no_new_privileges: Protection::On,
        seccomp: Protection::Off("no filter for s390x".to_owned()),
        landlock: Protection::Partly("the kernel knows only older rights".to_owned()),
    };
    assert_eq!(
        report.to_string(),
        "capabilities dropped: on; no new privileges: on; seccomp: off (no filter for s390x); \
         Landlock: on in part (the kernel knows only older rights)"
    );
}
