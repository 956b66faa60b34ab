//! All real captures below `$UNDERCURRENT_DATA/dev`, frame by frame against etherparse. Says so and passes where the
//! variable is not set: the captures are not part of the repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use undercurrent::capture::{Block, CaptureFile, LinkType};
use undercurrent::decode::Packet;

use crate::etherparse_oracle::{oracle, ours};
use crate::frames::{check_promises, decoder, general_decoder, payload};

#[derive(Debug, Default)]
struct Totals {
    files: u64,
    frames: u64,
    packets: u64,
    compared: u64,
    mismatches: Vec<String>,
}

#[test]
fn real_captures_agree_with_etherparse() {
    let Some(folder) = env::var_os("UNDERCURRENT_DATA") else {
        eprintln!("skipped: UNDERCURRENT_DATA does not name a folder with captures in dev/");
        return;
    };
    let mut totals = Totals::default();
    for path in files(&PathBuf::from(folder).join("dev")) {
        compare(&path, &mut totals);
    }
    eprintln!(
        "{} files, {} frames, {} packets, {} compared, {} mismatches",
        totals.files,
        totals.frames,
        totals.packets,
        totals.compared,
        totals.mismatches.len()
    );
    assert!(totals.compared > 0, "no capture was found");
    assert!(totals.mismatches.is_empty(), "{:#?}", &totals.mismatches[..totals.mismatches.len().min(20)]);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn compare(path: &Path, totals: &mut Totals) {
    let Ok(mut file) = CaptureFile::open(path) else { return };
    totals.files += 1;
    let (mut fast, mut general) = (decoder(), general_decoder());
    let mut block = Block::default();
    let mut number = 0u64;
    while let Ok(true) = file.next_block(&mut block) {
        for frame in &block.frames {
            number += 1;
            totals.frames += 1;
            let packet = fast.decode(&block, frame);
            let same = general.decode(&block, frame).map(|packet| Packet { bad_checksum: false, ..packet });
            assert_eq!(packet, same, "{} frame {number}: fast and general path differ", path.display());
            if let Some(packet) = &packet {
                totals.packets += 1;
                check_promises(packet, frame);
            }
            if frame.link != LinkType(1) {
                continue;
            }
            let Some(theirs) = oracle(block.bytes(frame)) else { continue };
            match packet {
                Some(packet) if packet.tunnel_depth > 0 => {}
                Some(packet) => {
                    totals.compared += 1;
                    let ours = ours(&packet, payload(&block, &packet), &theirs);
                    if ours != theirs {
                        totals.mismatches.push(format!("{} {number}: {ours:?} {theirs:?}", path.display()));
                    }
                }
                None => totals.mismatches.push(format!("{} {number}: nothing {theirs:?}", path.display())),
            }
        }
    }
    assert_eq!(fast.stats(), general.stats(), "{}", path.display());
}
