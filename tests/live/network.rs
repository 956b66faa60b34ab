//! A network namespace with a pair of virtual interfaces, for tests that capture for real.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pcap::Capture;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The interface that frames are sent on.
pub(crate) const NEAR: &str = "near0";
/// The interface that they come out of.
pub(crate) const FAR: &str = "far0";

/// A namespace of its own for the thread that made it; gone with the value. There is one at a time in a process: tests look at its threads, and
/// wait less for each other than for processors.
pub(crate) struct Network {
    name: String,
    _only: MutexGuard<'static, ()>,
}

impl Network {
    /// Moves the calling thread into a new namespace. Nothing where that is not possible, which is said.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static ONLY: Mutex<()> = Mutex::new(());
        let only = ONLY.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("undercurrent-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        if !succeeds(&format!("ip netns add {name}")) {
            eprintln!("skipped: making a network namespace needs root and iproute2");
            return None;
        }
        let network = Self { name, _only: only };
        let namespace = File::open(format!("/run/netns/{}", network.name)).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        // Nobody but the test may speak.
        run("for f in all default; do echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6; done");
        network.add_link();
        Some(network)
    }

    /// Adds the pair, up.
    pub(crate) fn add_link(&self) {
        self.ip(&format!("link add {NEAR} type veth peer name {FAR}"));
        self.ip(&format!("link set {NEAR} up"));
        self.ip(&format!("link set {FAR} up"));
    }

    /// Removes the pair.
    pub(crate) fn remove_link(&self) {
        self.ip(&format!("link del {NEAR}"));
    }

    /// Takes the receiving end down or up.
    pub(crate) fn set_link(&self, state: &str) {
        self.ip(&format!("link set {FAR} {state}"));
    }

    /// Runs ip(8) in the namespace.
    pub(crate) fn ip(&self, arguments: &str) {
        run(&format!("ip -n {} {arguments}", self.name));
    }
}

/// Sends frames into the pair of the thread's namespace.
pub(crate) fn send<'a>(frames: impl IntoIterator<Item = &'a Vec<u8>>) {
    let mut sender = Capture::from_device(NEAR).unwrap().open().unwrap();
    for frame in frames {
        sender.sendpacket(frame.as_slice()).unwrap();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        succeeds(&format!("ip netns del {}", self.name));
    }
}

fn succeeds(command: &str) -> bool {
    Command::new("sh").args(["-c", command]).output().is_ok_and(|output| output.status.success())
}

fn run(command: &str) {
    assert!(succeeds(command), "failed: {command}");
}

/// A UDP packet between hosts of a small network, padded to `len` bytes, tagged where `vlan` is given.
pub(crate) fn frame(src: u8, dst: u8, len: usize, vlan: Option<u16>) -> Vec<u8> {
    let (near, far) = ([10, 9, 0, src], [10, 9, 0, dst]);
    let mut frame = Vec::new();
    let payload = vec![0xa5; len.saturating_sub(42)];
    etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, src], [2, 0, 0, 0, 0, dst])
        .ipv4(near, far, 64)
        .udp(1000 + u16::from(src), 1000 + u16::from(dst))
        .write(&mut frame, &payload)
        .unwrap();
    if let Some(id) = vlan {
        frame.splice(12..12, [[0x81, 0x00], id.to_be_bytes()].concat());
    }
    frame
}
