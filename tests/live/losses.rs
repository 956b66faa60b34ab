//! Packets offered are packets processed and every counted loss, exactly.

use std::collections::BTreeMap;

use undercurrent::capture::Block;
use undercurrent::capture::live::{Backend, Capture, Config, LiveStats};
use undercurrent::seed::Seed;

use super::network::{FAR, Network, frame, send};
use super::{BACKENDS, PATIENCE, WAIT, config, open_far, read_until_counted};

const CONVERSATIONS: u8 = 100;

/// Sends rounds of a frame each way in every conversation. Gives the number of frames.
fn send_rounds(rounds: usize) -> u64 {
    let both_ways = |peer| [frame(1, peer, 100, None), frame(peer, 1, 100, None)];
    let round: Vec<_> = (2..2 + CONVERSATIONS).flat_map(both_ways).collect();
    send(std::iter::repeat_n(&round, rounds).flatten());
    (rounds * round.len()) as u64
}

/// Frames of each conversation in a block.
fn count(block: &Block, counts: &mut BTreeMap<u8, u64>) {
    for frame in &block.frames {
        let bytes = block.bytes(frame);
        *counts.entry(bytes[29].max(bytes[33])).or_default() += 1;
    }
}

#[test]
fn a_pipeline_that_keeps_up_loses_nothing() {
    let Some(_network) = Network::new() else { return };
    for (backend, workers) in BACKENDS {
        // Room for all: while this thread sends, it takes nothing, however long it is kept from sending.
        let config = Config { queue_blocks: 1024, ..config(backend, workers) };
        let mut capture = Capture::open(&[FAR.to_owned()], &config, Seed(1)).unwrap().start().unwrap();
        let sent = send_rounds(50);
        let (mut counts, mut patience) = (BTreeMap::new(), PATIENCE);
        while counts.values().sum::<u64>() < sent && patience > 0 {
            patience -= 1;
            let Some(block) = capture.next(WAIT) else { continue };
            count(&block, &mut counts);
            capture.recycle(block);
        }
        capture.stop();
        assert!(capture.next(WAIT).is_none() && !capture.is_open());
        let stats = capture.stats();
        assert_eq!(stats.offered_packets, sent, "{backend:?} {workers}");
        assert_eq!((stats.packets, stats.bytes), (sent, sent * 100));
        assert_eq!((stats.ring_dropped_packets, stats.shed_packets), (0, 0));
        assert!(counts.values().all(|count| *count == 100) && counts.len() == usize::from(CONVERSATIONS));
        let interfaces = capture.interfaces();
        assert_eq!((interfaces.len(), interfaces[0].rings), (1, workers));
    }
}

#[test]
fn a_pipeline_that_stands_still_sheds_whole_conversations_and_all_is_counted() {
    let Some(_network) = Network::new() else { return };
    for workers in [1, 2] {
        let config = Config { queue_blocks: 16, ..config(Backend::AfPacket, workers) };
        let mut capture = Capture::open(&[FAR.to_owned()], &config, Seed(1)).unwrap().start().unwrap();
        let sent = send_rounds(200);
        capture.stop();
        let mut counts = BTreeMap::new();
        while let Some(block) = capture.next(WAIT) {
            count(&block, &mut counts);
        }
        let (stats, processed) = (capture.stats(), counts.values().sum::<u64>());
        assert_eq!(stats.offered_packets, sent);
        assert_eq!(processed + stats.shed_packets + stats.ring_dropped_packets, sent, "{stats:?}");
        assert_eq!(stats.shed_bytes, stats.shed_packets * 100);
        assert!(stats.shed_packets > 0 && stats.ring_dropped_packets == 0, "{stats:?}");
    }
}

#[test]
fn a_ring_that_is_not_read_counts_what_it_drops() {
    let Some(_network) = Network::new() else { return };
    for backend in [Backend::AfPacket, Backend::Libpcap] {
        let config = Config { buffer_bytes: 1 << 20, ..config(backend, 1) };
        let mut source = open_far(&config).remove(0);
        let sent = send_rounds(200);
        let mut read = 0;
        let all_told = |stats: &LiveStats| stats.packets + stats.ring_dropped_packets >= sent;
        read_until_counted(&mut source, all_told, |block| read += block.frames.len() as u64);
        let stats = source.stats();
        assert_eq!(stats.offered_packets, sent, "{backend:?}");
        assert_eq!(stats.packets, read, "{backend:?}");
        assert_eq!(read + stats.ring_dropped_packets, sent, "{backend:?} {stats:?}");
        assert!(stats.ring_dropped_packets > 0, "{backend:?}");
    }
}
