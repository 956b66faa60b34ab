//! Names of flows for other tools: Zeek's UID and Community ID.

use community_id::calculate_community_id;

use crate::addr::Addr;
use crate::decode::proto;
use crate::flow::FlowKey;
use crate::seed::Seed;
use crate::time::Timestamp;

/// Digits of a UID: 62^17 is the first power above 2^96.
const UID_DIGITS: usize = 17;

/// Marks a UID that was read from a log: the rest is its text.
const FROM_TEXT: u128 = 1 << 127;

/// Letters and digits of a UID that is kept as it is read: 62^21 is the last power below 2^126.
const TEXT_MAX: usize = 21;

/// 96 bits that name a flow: the same for the same seed, ends and start.
pub fn uid_of(seed: Seed, key: &FlowKey, first: Timestamp) -> u128 {
    // As arrays, whichever way addresses are hashed elsewhere: the names of flows stay.
    let ends = (key.orig.words(), key.resp.words(), key.orig_port, key.resp_port, key.proto);
    let half = |n: u8| u128::from(seed.hash_of(&(ends, first, n)));
    (half(0) << 32 | half(1) >> 32) & ((1 << 96) - 1)
}

/// A UID of a log, which [`uid_text`] gives back letter by letter. Nothing for a text that is no UID of Zeek's: empty, longer than 21
/// characters, or with others than letters and digits.
pub fn uid_from_text(text: &str) -> Option<u128> {
    if text.is_empty() || text.len() > TEXT_MAX {
        return None;
    }
    // Digits from 1 to 62, so that texts of any length are told apart.
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0' + 1),
        b'A'..=b'Z' => Some(byte - b'A' + 11),
        b'a'..=b'z' => Some(byte - b'a' + 37),
        _ => None,
    };
    let number =
        text.bytes().try_fold(0, |number: u128, byte| Some(number * 62 + u128::from(digit(byte)?)))?;
    Some(FROM_TEXT | number)
}

/// A UID as Zeek writes it: `C` and base 62; one that was read from a log as it stood there.
pub fn uid_text(uid: u128) -> String {
    if uid & FROM_TEXT != 0 {
        return text_of(uid & !FROM_TEXT);
    }
    let mut digits = [b'0'; UID_DIGITS];
    let mut rest = uid;
    for digit in digits.iter_mut().rev() {
        *digit = letter((rest % 62) as u8);
        rest /= 62;
    }
    std::iter::once('C').chain(digits.map(char::from)).collect()
}

/// The text of a number whose digits go from 1 to 62.
fn text_of(mut number: u128) -> String {
    let mut letters = Vec::with_capacity(TEXT_MAX);
    while number > 0 {
        letters.push(letter(((number - 1) % 62) as u8));
        number = (number - 1) / 62;
    }
    letters.into_iter().rev().map(char::from).collect()
}

const fn letter(n: u8) -> u8 {
    match n {
        0..10 => b'0' + n,
        10..36 => b'A' + n - 10,
        _ => b'a' + n - 36,
    }
}

/// Community ID version 1 with seed 0 (<https://github.com/corelight/community-id-spec>). Empty where the standard
/// defines none, which is `ICMPv6` inside IPv4.
pub fn community_id(key: &FlowKey) -> String {
    let (mut orig, mut resp) = (key.orig.to_ip(), key.resp.to_ip());
    if orig.is_ipv4() != resp.is_ipv4() {
        // An IPv6 packet may carry an IPv4-mapped address on one side.
        let mapped = |addr: Addr| {
            let [high, low] = addr.words().map(u128::from);
            std::net::IpAddr::from((high << 64 | low).to_be_bytes())
        };
        (orig, resp) = (mapped(key.orig), mapped(key.resp));
    }
    let has_ports = matches!(key.proto, proto::TCP | proto::UDP | proto::SCTP | proto::ICMP | proto::ICMPV6);
    let port = |port| has_ports.then_some(port);
    calculate_community_id(0, orig, resp, port(key.orig_port), port(key.resp_port), key.proto, false)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(orig: &str, orig_port: u16, resp: &str, resp_port: u16, protocol: u8) -> FlowKey {
        let addr = |text: &str| Addr::from(text.parse::<std::net::IpAddr>().unwrap());
        FlowKey { orig: addr(orig), resp: addr(resp), orig_port, resp_port, proto: protocol }
    }

    /// Vectors of the specification's `baseline_deflt.json` and of Zeek's and Wireshark's tests.
    #[test]
    fn community_ids_are_those_of_the_specification() {
        let check = |key: FlowKey, expected: &str| {
            assert_eq!(community_id(&key), expected, "{key:?}");
            let back = FlowKey {
                orig: key.resp,
                resp: key.orig,
                orig_port: key.resp_port,
                resp_port: key.orig_port,
                ..key
            };
            if !matches!(key.proto, 1 | 58) {
                assert_eq!(community_id(&back), expected, "{back:?}");
            }
        };
        check(key("128.232.110.120", 34855, "66.35.250.204", 80, 6), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        check(key("192.168.1.52", 54585, "8.8.8.8", 53, 17), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        check(key("192.168.0.89", 8, "192.168.0.1", 0, 1), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        check(
            key("fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 136, 58),
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
        );
        check(key("192.168.170.8", 7, "192.168.170.56", 80, 132), "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
    }

    #[test]
    fn addresses_of_two_families_do_not_break_it() {
        assert!(community_id(&key("2001:db8::1", 1, "10.0.0.1", 2, 6)).starts_with("1:"));
        assert_eq!(community_id(&key("10.0.0.1", 128, "10.0.0.2", 129, 58)), "");
    }

    #[test]
    fn uids_look_like_zeeks_and_depend_on_everything() {
        let (flow, first) = (key("10.0.0.1", 1, "10.0.0.2", 2, 6), Timestamp::from_nanos(7));
        let uid_1 = uid_of(Seed(1), &flow, first);
        assert_eq!(uid_1, uid_of(Seed(1), &flow, first));
        assert_ne!(uid_1, uid_of(Seed(2), &flow, first));
        assert_ne!(uid_1, uid_of(Seed(1), &flow, Timestamp::from_nanos(8)));
        let text = uid_text(uid_1);
        assert!(text.len() == 18 && text.starts_with('C') && text.chars().all(|c| c.is_ascii_alphanumeric()));
        // What was written earlier is found again.
        let flow = key("192.168.44.17", 60_554, "203.0.113.45", 443, 6);
        let known = uid_of(Seed(1), &flow, Timestamp::from_nanos(1_773_129_641_232_635_000));
        assert_eq!(uid_text(known), "C0c7dDITTyO5oiEwd4");
        assert_eq!(uid_text(0), "C00000000000000000");
        assert_eq!(uid_text(61 * 62 + 10), "C000000000000000zA");
    }

    #[test]
    fn uids_of_logs_come_back_as_they_were() {
        for text in ["C", "0", "00", "CHLXQF2OBY4onAR0Ug", "Cim2b8OnaoBP2uq4k", "zzzzzzzzzzzzzzzzzzzzz"] {
            assert_eq!(uid_text(uid_from_text(text).unwrap()), text);
        }
        for text in ["", "C-1", "Cé", "0123456789012345678901"] {
            assert_eq!(uid_from_text(text), None, "{text}");
        }
    }
}
