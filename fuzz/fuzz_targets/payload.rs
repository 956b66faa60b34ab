//! Payloads of one flow through the application readers. The first byte chooses protocol and port; payloads follow, each
//! behind its length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use undercurrent::decode::app::{Inspector, Progress, parse_dns};
use undercurrent::decode::{Direction, proto};

const PORTS: [u16; 8] = [53, 80, 443, 123, 137, 1900, 3478, 4444];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, mut rest)) = bytes.split_first() else { return };
    let protocol = if choice & 1 == 0 { proto::TCP } else { proto::UDP };
    let port = PORTS[usize::from(choice >> 1) % PORTS.len()];
    let mut inspector = Inspector::default();
    let (mut seq, mut done) = (u32::MAX - 100, false);
    while let [high, low, tail @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high & 0x0f, *low]));
        let from = if high & 0x80 == 0 { Direction::Orig } else { Direction::Resp };
        let (payload, after) = tail.split_at(tail.len().min(len));
        if let Some(message) = parse_dns(payload) {
            assert!(format!("{message:?}").len() < 1 << 20);
        }
        done = done || inspector.feed(protocol, port, from, seq, payload) == Progress::Done;
        if done {
            break;
        }
        // Some segments come again, or leave a hole.
        seq = seq.wrapping_add(len as u32).wrapping_add(u32::from(*high >> 4 & 0x07)).wrapping_sub(3);
        rest = after;
    }
    let info = inspector.into_info();
    assert!(info.name.is_none_or(|name| name.len() <= 255 && name.is_ascii()));
});
