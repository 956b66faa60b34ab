//! Any text as what people write: a configuration, an allowlist, labels, a scenario. The first byte chooses which.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use undercurrent::addr::Addr;
use undercurrent::config::Config;
use undercurrent::detect::Allowlist;
use undercurrent::evaluate::{Labels, PeerPattern};
use undercurrent::simulate::Scenario;

/// What is accepted can be used, unless it names files.
fn configuration(text: &str) {
    let Ok(config) = Config::parse(Path::new("fuzz.toml"), text) else { return };
    let _ = config.pipeline();
    if config.allowlist.files.is_empty() {
        let _ = config.allowlist();
    }
}

fn allowlist(text: &str) {
    let mut list = Allowlist::default();
    if list.add_text("fuzz", text).is_err() {
        return;
    }
    let (host, peer) = (Addr::from_v4([10, 0, 0, 1]), Addr::from_v6([0x20; 16]));
    for name in [None, Some(""), Some("."), Some("a.example.com.")] {
        let _ = list.covers(host, Some(peer), name, 443);
        let _ = list.covers(peer, None, name, 0);
    }
}

/// Peers are written so that they are read as the same.
fn labels(bytes: &[u8]) {
    let Ok(labels) = Labels::read(bytes) else { return };
    let paths = [Path::new("a/b.pcap")];
    for label in labels.of_input(&paths) {
        for peer in &label.peers {
            assert_eq!(PeerPattern::parse(&peer.to_string()).as_ref(), Some(peer));
        }
    }
    let _ = (labels.local_of(&paths), labels.inputs_missing_from(&paths));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    if choice & 3 == 2 {
        return labels(rest);
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match choice & 3 {
        0 => configuration(text),
        1 => allowlist(text),
        _ => drop(Scenario::from_toml(text)),
    }
});
