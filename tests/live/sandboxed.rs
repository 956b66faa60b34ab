//! Capture goes on in the sandbox, and needs none of what it gave up.

use std::fs;

use undercurrent::capture::live::{Backend, Capture, InterfaceStatus, LinkState};
use undercurrent::sandbox::{Policy, enter};
use undercurrent::seed::Seed;

use super::network::{FAR, Network, frame, send};
use super::{BACKENDS, PATIENCE, WAIT, config};

/// A capture whose threads were started in the sandbox.
fn start_inside(workers: usize) -> Capture {
    let opened = Capture::open(&[FAR.to_owned()], &config(Backend::AfPacket, workers), Seed(1)).unwrap();
    let start = || {
        enter(&Policy::default());
        opened.start().unwrap()
    };
    std::thread::scope(|scope| scope.spawn(start).join().unwrap())
}

/// Takes blocks until the interface is as awaited.
fn await_interface(capture: &Capture, awaited: impl Fn(&InterfaceStatus) -> bool) {
    for _ in 0..PATIENCE {
        if awaited(&capture.interfaces()[0]) {
            return;
        }
        if let Some(block) = capture.next(WAIT) {
            capture.recycle(block);
        }
    }
    panic!("{:?}", capture.interfaces());
}

#[test]
fn an_interface_that_is_removed_is_bound_to_again_without_rights() {
    let Some(network) = Network::new() else { return };
    for workers in [1, 2] {
        let mut capture = start_inside(workers);
        for round in 1..=3 {
            network.remove_link();
            await_interface(&capture, |interface| {
                interface.stats.interface_losses == round * workers as u64
                    && interface.state == LinkState::Down
            });
            network.add_link();
            await_interface(&capture, |interface| interface.state == LinkState::Up);
            send([&frame(1, 2, 60, None)]);
            await_interface(&capture, |interface| interface.stats.packets == round);
        }
        capture.stop();
        assert_eq!(capture.stats().offered_packets, 3);
    }
}

#[test]
fn an_interface_that_is_missing_is_known_to_be_before_any_packet_is_waited_for() {
    let Some(network) = Network::new() else { return };
    for (backend, workers) in BACKENDS {
        network.remove_link();
        let capture =
            Capture::open(&[FAR.to_owned()], &config(backend, workers), Seed(1)).unwrap().start().unwrap();
        assert_eq!(capture.interfaces()[0].state, LinkState::Down, "{backend:?}");
        network.add_link();
        await_interface(&capture, |interface| interface.state == LinkState::Up);
    }
}

#[test]
fn threads_of_rings_have_no_capability_and_a_filter_of_system_calls() {
    let Some(_network) = Network::new() else { return };
    let _capture = start_inside(2);
    // A thread bears its name a moment after it was started.
    for _ in 0..PATIENCE {
        if rings_without_rights() == 2 {
            return;
        }
        std::thread::park_timeout(WAIT);
    }
    panic!("the rings have no two threads");
}

/// How many threads of rings there are. Each must have no capability, and a filter of system calls.
fn rings_without_rights() -> usize {
    let mut rings = 0;
    for task in fs::read_dir("/proc/self/task").unwrap() {
        // A thread of the test runner may have ended since.
        let Ok(status) = fs::read_to_string(task.unwrap().path().join("status")) else { continue };
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        if field("Name:").starts_with("ring ") {
            rings += 1;
            assert_eq!(field("CapEff:").trim_start_matches('0'), "");
            assert_eq!(field("CapPrm:").trim_start_matches('0'), "");
            assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), ("2", "1"));
        }
    }
    rings
}
