//! A checkpoint that an earlier build wrote can be read. Where a type in it has changed, this fails: the change needs another
//! `checkpoint::VERSION`, and `UPDATE_GOLDEN=1 cargo test --test checkpoint` writes the checkpoint of that version.
#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use undercurrent::capture::{Block, Timeline};
use undercurrent::features::FeatureStore;
use undercurrent::pipeline::{Config, Pipeline};
use undercurrent::seed::Seed;
use undercurrent::sensor::checkpoint::{self, VERSION};
use undercurrent::time::Timestamp;

/// Scenarios that bring something into every part of the state.
const SCENARIOS: [&str; 3] = ["iodine_tunnel", "icmp_tunnel", "slow_drip"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden() -> PathBuf {
    root().join(format!("tests/checkpoint/version-{VERSION}"))
}

fn state() -> Pipeline {
    let mut pipeline = Pipeline::new(&Config::default(), Seed(1), 1);
    for scenario in SCENARIOS {
        let path = root().join("captures").join(scenario).join("capture.pcap.zst");
        let mut timeline = Timeline::open(&[path]).unwrap();
        let mut block = Block::default();
        while timeline.next_block(&mut block).unwrap() {
            block = pipeline.take(block, &mut ());
        }
        pipeline.finish(&mut ());
    }
    pipeline
}

/// What a state that was read wrongly would not get right: numbers of hosts and channels, flows, bytes, questions, bursts.
fn sums(store: &FeatureStore) -> [u64; 6] {
    let channels = || store.channels().iter().map(|(_, channel)| channel);
    [
        store.hosts().len() as u64,
        store.channels().len() as u64,
        store.hosts().iter().map(|(_, host)| host.flows).sum(),
        channels().map(|channel| channel.traffic.bytes_out + channel.traffic.bytes_in).sum(),
        channels().filter_map(|channel| channel.dns()).map(|dns| dns.distinct_names() + dns.queries).sum(),
        channels().map(|channel| channel.recent.len() as u64 + channel.activities()).sum(),
    ]
}

#[test]
fn the_checkpoint_of_this_version_can_be_read() {
    let built = state();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty()) {
        checkpoint::save(&golden(), Timestamp::from_nanos(7), &BTreeMap::new(), built.store()).unwrap();
    }
    let read = checkpoint::load(&golden()).unwrap().unwrap();
    assert_eq!((read.at, read.seed), (Timestamp::from_nanos(7), Seed(1)));
    let mut restored = Pipeline::new(&Config::default(), read.seed, 1);
    restored.restore(read.features);
    let read = sums(restored.store());
    assert!(read.iter().all(|sum| *sum > 0), "{read:?}");
    assert_eq!(
        read[..2],
        sums(built.store())[..2],
        "as many hosts and channels as there are in the captures"
    );
}

#[test]
fn what_is_restored_is_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let built = state();
    checkpoint::save(&path, Timestamp::from_nanos(7), &BTreeMap::new(), built.store()).unwrap();
    let read = checkpoint::load(&path).unwrap().unwrap();
    let mut restored = Pipeline::new(&Config::default(), read.seed, 1);
    restored.restore(read.features);
    assert_eq!(sums(restored.store()), sums(built.store()));
}
