//! What comes out of a ring is what went over the wire.

use std::collections::{BTreeMap, BTreeSet};

use undercurrent::capture::Block;
use undercurrent::capture::live::{Backend, Config, LiveStats, Poll};

use super::network::{Network, frame, send};
use super::{BACKENDS, PATIENCE, WAIT, config, open_far, read_frames, read_until, read_until_counted};

#[test]
fn frames_come_as_they_were_sent() {
    let Some(_network) = Network::new() else { return };
    for backend in [Backend::AfPacket, Backend::Libpcap] {
        let mut sources = open_far(&config(backend, 1));
        let sent: Vec<Vec<u8>> = (1..=100).map(|n| frame(n, 200, 60 + usize::from(n) * 14, None)).collect();
        send(&sent);
        assert_eq!(read_frames(&mut sources[0], sent.len()), sent, "{backend:?}");
        assert_eq!(sources[0].backend(), backend);
        let stats = sources[0].stats();
        assert_eq!((stats.offered_packets, stats.packets, stats.ring_dropped_packets), (100, 100, 0));
        assert_eq!(stats.bytes, sent.iter().map(|frame| frame.len() as u64).sum::<u64>());
    }
}

#[test]
fn times_have_nanoseconds_and_follow_each_other() {
    let Some(_network) = Network::new() else { return };
    for backend in [Backend::AfPacket, Backend::Libpcap] {
        let mut source = open_far(&config(backend, 1)).remove(0);
        send(&vec![frame(1, 2, 60, None); 200]);
        let mut nanos = Vec::new();
        read_until(&mut source, |_, block| {
            nanos.extend(block.frames.iter().map(|frame| frame.ts.as_nanos()));
            nanos.len() == 200
        });
        assert!(nanos.is_sorted(), "{backend:?}");
        assert!(nanos.iter().any(|nanos| nanos % 1_000 != 0), "{backend:?}");
    }
}

#[test]
fn tags_that_the_kernel_took_out_are_put_back() {
    let Some(_network) = Network::new() else { return };
    for backend in [Backend::AfPacket, Backend::Libpcap] {
        let mut source = open_far(&config(backend, 1)).remove(0);
        let sent = [frame(1, 2, 60, Some(100)), frame(1, 2, 60, None), frame(1, 2, 60, Some(0x6fff))];
        send(&sent);
        assert_eq!(read_frames(&mut source, 3), sent, "{backend:?}");
    }
}

#[test]
fn filters_are_applied_tags_included() {
    let Some(_network) = Network::new() else { return };
    for (filter, wanted, passes_kernel) in
        [("udp dst port 1002", vec![0, 2], 2), ("vlan 7", vec![1, 2], 3), ("not udp", vec![], 0)]
    {
        let config = Config { filter: filter.to_owned(), ..config(Backend::AfPacket, 1) };
        let mut source = open_far(&config).remove(0);
        let sent = [frame(1, 2, 60, None), frame(1, 3, 60, Some(7)), frame(1, 2, 61, Some(7))];
        send(&sent);
        let mut frames = Vec::new();
        let all_passed = |stats: &LiveStats| stats.packets >= passes_kernel;
        read_until_counted(&mut source, all_passed, |block| {
            frames.extend(block.frames.iter().map(|frame| block.bytes(frame).to_vec()));
        });
        let wanted: Vec<Vec<u8>> = wanted.into_iter().map(|n: usize| sent[n].clone()).collect();
        assert_eq!(frames, wanted, "{filter}");
        let stats = source.stats();
        assert_eq!(stats.offered_packets, passes_kernel, "{filter}");
        assert_eq!(stats.packets - stats.filtered_packets, wanted.len() as u64, "{filter}");
    }
}

#[test]
fn frames_are_cut_and_their_lengths_are_not() {
    let Some(_network) = Network::new() else { return };
    for backend in [Backend::AfPacket, Backend::Libpcap] {
        let config = Config { snap_length: 128, ..config(backend, 1) };
        let mut source = open_far(&config).remove(0);
        send([&frame(1, 2, 1000, None)]);
        read_until(&mut source, |_, block| {
            block.frames.iter().for_each(|f| assert_eq!((f.captured_len, f.wire_len), (128, 1000)));
            !block.frames.is_empty()
        });
    }
}

#[test]
fn both_directions_of_a_flow_come_by_the_same_ring() {
    let Some(_network) = Network::new() else { return };
    let mut sources = open_far(&config(Backend::AfPacket, 2));
    let both_ways = |peer| [frame(1, peer, 60, None), frame(peer, 1, 60, None)];
    send(&(2..=201).flat_map(both_ways).collect::<Vec<_>>());
    let mut rings: BTreeMap<u8, BTreeSet<usize>> = BTreeMap::new();
    let mut frames = 0;
    let mut block = Block::default();
    for turn in 0..PATIENCE as usize {
        let ring = turn % sources.len();
        sources[ring].next_block(&mut block, WAIT).unwrap();
        for frame in &block.frames {
            let bytes = block.bytes(frame);
            rings.entry(bytes[29].max(bytes[33])).or_default().insert(ring);
        }
        frames += block.frames.len();
        if frames == 400 {
            break;
        }
    }
    assert_eq!((frames, rings.len()), (400, 200));
    assert!(rings.values().all(|rings| rings.len() == 1));
    assert_eq!(rings.values().flatten().collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn a_quiet_link_gives_idle() {
    let Some(_network) = Network::new() else { return };
    for (backend, workers) in BACKENDS {
        for source in &mut open_far(&config(backend, workers)) {
            let mut block = Block::default();
            assert_eq!(source.next_block(&mut block, WAIT).unwrap(), Poll::Idle);
        }
    }
}
