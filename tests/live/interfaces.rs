//! Interfaces that are missing, go down, are removed and come back are waited for.

use undercurrent::capture::Block;
use undercurrent::capture::live::{Backend, Config, LiveError, Poll, Source, open};

use super::network::{FAR, NEAR, Network, frame, send};
use super::{BACKENDS, PATIENCE, WAIT, config, open_far, read_frames};

/// Reads all sources in turn until each has told what is awaited.
fn await_all(sources: &mut [Source], awaited: Poll) {
    let mut block = Block::default();
    let mut told = vec![false; sources.len()];
    for _ in 0..PATIENCE {
        for (source, told) in sources.iter_mut().zip(&mut told) {
            *told |= source.next_block(&mut block, WAIT).unwrap() == awaited;
        }
        if told.iter().all(|told| *told) {
            return;
        }
    }
    panic!("not all sources told {awaited:?}");
}

/// One of the sources gives the frame, and none another.
fn read_one(sources: &mut [Source], sent: &[u8]) {
    let mut block = Block::default();
    for turn in 0..PATIENCE as usize {
        let n = turn % sources.len();
        sources[n].next_block(&mut block, WAIT).unwrap();
        if let Some(frame) = block.frames.first() {
            assert_eq!((block.frames.len(), block.bytes(frame)), (1, sent));
            return;
        }
    }
    panic!("the frame did not come");
}

#[test]
fn an_interface_that_is_missing_at_the_start_is_waited_for() {
    let Some(network) = Network::new() else { return };
    for (backend, workers) in BACKENDS {
        network.remove_link();
        let mut sources = open_far(&config(backend, workers));
        await_all(&mut sources, Poll::Down);
        network.add_link();
        await_all(&mut sources, Poll::Back);
        let sent = frame(1, 2, 60, None);
        send([&sent]);
        read_one(&mut sources, &sent);
    }
}

#[test]
fn an_interface_that_is_removed_is_waited_for_again_and_again() {
    let Some(network) = Network::new() else { return };
    for (backend, workers) in BACKENDS {
        let mut sources = open_far(&config(backend, workers));
        for round in 1..=3 {
            network.remove_link();
            await_all(&mut sources, Poll::Down);
            network.add_link();
            await_all(&mut sources, Poll::Back);
            let sent = frame(1, 2, 60 + round, None);
            send([&sent]);
            read_one(&mut sources, &sent);
            assert!(sources.iter_mut().all(|source| source.stats().interface_losses == round as u64));
        }
    }
}

#[test]
fn an_interface_that_goes_down_and_up_is_captured_from_again() {
    let Some(network) = Network::new() else { return };
    for (backend, workers) in BACKENDS {
        let mut sources = open_far(&config(backend, workers));
        network.set_link("down");
        await_all(&mut sources, Poll::Down);
        network.set_link("up");
        await_all(&mut sources, Poll::Back);
        let sent = frame(3, 4, 60, None);
        send([&sent]);
        read_one(&mut sources, &sent);
    }
}

#[test]
fn the_loopback_interface_is_captured_from() {
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    let mut source = open("lo", &config(Backend::Auto, 1)).unwrap().remove(0);
    assert_eq!(source.backend(), Backend::AfPacket);
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"hello", "127.0.0.1:9").unwrap();
    let frames = read_frames(&mut source, 1);
    assert!(frames[0].ends_with(b"hello"));
}

#[test]
fn two_interfaces_do_not_see_each_others_frames() {
    let Some(_network) = Network::new() else { return };
    let mut far = open(FAR, &config(Backend::AfPacket, 1)).unwrap().remove(0);
    let mut near = open(NEAR, &config(Backend::AfPacket, 1)).unwrap().remove(0);
    send([&frame(1, 2, 60, None)]);
    // What is sent is seen on its way out of one and into the other.
    assert_eq!(read_frames(&mut far, 1), read_frames(&mut near, 1));
    assert_eq!((far.stats().packets, near.stats().packets), (1, 1));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let too_many = Config { workers: 1000, ..config(Backend::Auto, 1) };
    assert!(matches!(open("lo", &too_many), Err(LiveError::Config { key: "workers", .. })));
}
