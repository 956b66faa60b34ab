//! DNS messages (RFC 1035), over UDP, TCP or multicast: strict in what a message can be, lenient in what a name can
//! hold, since tunnels put raw bytes in labels.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::addr::Addr;
use crate::decode::app::dns_name::{Name, NameEnd, read_name, skip_name};
use crate::decode::app::reader::Reader;

/// Resource records looked at in one message.
const MAX_RECORDS: u16 = 64;
/// Questions looked at in one message: multicast queries ask up to 20 or so.
const MAX_QUESTIONS: u16 = 32;
/// Records that a section of a believable message has at most.
const MAX_SECTION: u16 = 512;
/// Addresses kept of one message.
const MAX_ADDRESSES: usize = 32;
/// Bytes before the first question.
pub(super) const HEADER_LEN: usize = 12;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// A DNS message, reduced to what identity and tunnels need (RFC 1035).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsMessage {
    /// Transaction id.
    pub id: u16,
    /// Whether it is a response.
    pub is_response: bool,
    /// Response code.
    pub rcode: u8,
    /// Question name: lower case, without the final dot, at most 255 bytes. Bytes that a printed name cannot have are `?`.
    pub name: Arc<str>,
    /// Question type (IANA), 0 where there was no question or it was not captured.
    pub qtype: u16,
    /// Addresses of A and AAAA answers, at most 32.
    pub addresses: SmallVec<[Addr; 2]>,
    /// Data bytes of answer records that are not addresses, as many as were captured.
    pub other_answer_bytes: u32,
    /// Whether the whole message was captured, well formed and looked at (at most 64 records are).
    pub complete: bool,
}

/// Reads a DNS message from a UDP payload (or a TCP payload past its two length bytes). Nothing where the bytes
/// cannot be a DNS query or the response to one; what is there of a message that was cut.
///
/// ```
/// use undercurrent::decode::app::parse_dns;
///
/// let query = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03www\x07Example\x03com\0\0\x01\0\x01";
/// let message = parse_dns(query).unwrap();
/// assert_eq!((&*message.name, message.qtype, message.complete), ("www.example.com", 1, true));
/// assert_eq!(parse_dns(b"GET / HTTP/1.1\r\n"), None);
/// ```
pub fn parse_dns(payload: &[u8]) -> Option<DnsMessage> {
    let mut name = Name::default();
    let (header, question, mut r) = opening(payload, Some(&mut name))?;
    let mut message = DnsMessage {
        id: header.id,
        is_response: header.is_response,
        rcode: header.rcode,
        name: Arc::from(name.text()),
        qtype: question.qtype,
        ..DnsMessage::default()
    };
    message.complete = !question.cut && read_rest(&mut r, &header, &mut message).is_some();
    Some(message)
}

/// Whether bytes begin as a DNS query or response does, without keeping anything.
pub(super) fn is_dns(payload: &[u8]) -> bool {
    opening(payload, None).is_some()
}

struct Header {
    id: u16,
    is_response: bool,
    rcode: u8,
    questions: u16,
    answers: u16,
    other_records: u16,
}

/// The first question; empty where the message has none.
#[derive(Default)]
struct Question {
    qtype: u16,
    cut: bool,
}

/// Header and first question, and the cursor behind them.
fn opening<'a>(payload: &'a [u8], name: Option<&mut Name>) -> Option<(Header, Question, Reader<'a>)> {
    let mut r = Reader::new(payload);
    let header = header(&mut r)?;
    let mut question = Question::default();
    if header.questions > 0 {
        question.cut = match read_name(&mut r, name) {
            NameEnd::Whole => match (r.u16(), r.u16()) {
                (Some(qtype), Some(class)) if qtype != 0 && is_class(class) => {
                    question.qtype = qtype;
                    false
                }
                (Some(_), Some(_)) => return None,
                _ => true,
            },
            NameEnd::Cut => true,
            NameEnd::Invalid => return None,
        };
    } else if header.answers > 0 {
        let mut ahead = r;
        let owner = read_name(&mut ahead, None);
        if matches!(owner, NameEnd::Invalid)
            || !ahead.u16().zip(ahead.u16()).is_none_or(|(_, class)| is_class(class))
        {
            return None;
        }
    }
    Some((header, question, r))
}

/// The header, where all of its fields are those of a standard query or its response.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "one branch: payload of any kind is asked, which fails in no order"
)]
fn header(r: &mut Reader<'_>) -> Option<Header> {
    let header = r.array::<12>()?;
    let fields: &[[u8; 2]; 6] = header.as_chunks().0.first_chunk()?;
    let [id, flags, questions, answers, authorities, additionals] = fields.map(u16::from_be_bytes);
    let is_response = flags & 0x8000 != 0;
    let rcode = u8::try_from(flags & 0x0f).ok()?;
    let is_standard = flags & 0x7800 == 0;
    let is_small = answers.max(authorities).max(additionals) <= MAX_SECTION;
    let plausible = is_standard & (rcode <= 11) & (questions <= MAX_QUESTIONS) & is_small;
    if !plausible {
        return None;
    }
    let asks_or_tells = if is_response {
        // A server that could not read the question may send the bare header back.
        questions > 0 || answers > 0 || (rcode != 0 && r.is_empty())
    } else {
        questions > 0 && rcode == 0
    };
    let other_records = authorities.saturating_add(additionals);
    asks_or_tells.then_some(Header { id, is_response, rcode, questions, answers, other_records })
}

/// IN, CH, HS, NONE, ANY; multicast DNS uses the top bit (RFC 6762, sections 5.4 and 10.2).
const fn is_class(class: u16) -> bool {
    matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255)
}

/// Reads what follows the first question. Nothing where the message ends early, contradicts itself or is too long.
fn read_rest(r: &mut Reader<'_>, header: &Header, message: &mut DnsMessage) -> Option<()> {
    for _ in 1..header.questions {
        skip_name(r)?;
        r.u32()?;
    }
    let records = header.answers.saturating_add(header.other_records);
    for i in 0..records.min(MAX_RECORDS) {
        skip_name(r)?;
        let (kind, _class, _ttl) = (r.u16()?, r.u16()?, r.u32()?);
        let declared = usize::from(r.u16()?);
        let data = r.take_up_to(declared);
        let is_cut = data.len() < declared;
        let is_address = matches!(kind, TYPE_A | TYPE_AAAA);
        if i < header.answers && !(is_cut && is_address) {
            note_answer(kind, data, message);
        }
        if is_cut {
            return None;
        }
    }
    (records <= MAX_RECORDS).then_some(())
}

fn note_answer(kind: u16, data: &[u8], message: &mut DnsMessage) {
    let address = match kind {
        TYPE_A => <[u8; 4]>::try_from(data).ok().map(Addr::from_v4),
        TYPE_AAAA => <[u8; 16]>::try_from(data).ok().map(Addr::from_v6),
        _ => None,
    };
    match address {
        Some(address) if message.addresses.len() < MAX_ADDRESSES => message.addresses.push(address),
        Some(_) => {}
        None => message.other_answer_bytes += u32::try_from(data.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::app::fixtures::vec;
    use crate::decode::app::name::{MAX_LEN, is_name_byte};
    use proptest::prelude::*;

    const QUERY: [u8; 4] = [0x01, 0x00, 0, 1];
    const RESPONSE: [u8; 4] = [0x81, 0x80, 0, 1];

    fn name(labels: &[&[u8]]) -> Vec<u8> {
        [labels.iter().flat_map(|label| vec::<1>(label)).collect(), vec![0]].concat()
    }

    fn question(labels: &[&[u8]], qtype: u8) -> Vec<u8> {
        [name(labels), vec![0, qtype, 0, 1]].concat()
    }

    fn record(owner: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
        [owner, &[0, kind, 0, 1, 0, 0, 0, 60], &vec::<2>(data)].concat()
    }

    /// A message with one question and as many answers and other records as the counts say.
    fn message(flags: [u8; 4], answers: u8, others: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        [&[0x12, 0x34], &flags[..], &[0, answers, 0, 0, 0, others], &parts.concat()].concat()
    }

    const POINTER: &[u8] = &[0xc0, 12];

    fn response() -> Vec<u8> {
        let parts = [
            question(&[b"www", b"Example", b"com"], 1),
            record(POINTER, 5, b"\x01x\xc0\x10"),
            record(&[0xc0, 33], 1, &[192, 0, 2, 7]),
            record(&[0xc0, 33], 28, &[0x20; 16]),
            record(&[0], 41, &[1, 2, 3]),
        ];
        message(RESPONSE, 3, 1, &parts)
    }

    #[test]
    fn reads_a_response() {
        let message = parse_dns(&response()).unwrap();
        let addresses = [Addr::from_v4([192, 0, 2, 7]), Addr::from_v6([0x20; 16])].into();
        let expected = DnsMessage {
            id: 0x1234,
            is_response: true,
            rcode: 0,
            name: "www.example.com".into(),
            qtype: 1,
            addresses,
            other_answer_bytes: 4,
            complete: true,
        };
        assert_eq!(message, expected);
    }

    #[test]
    fn a_cut_message_is_not_complete() {
        let whole = response();
        let full = parse_dns(&whole).unwrap();
        for len in 0..whole.len() {
            match parse_dns(&whole[..len]) {
                None => assert!(len < HEADER_LEN),
                Some(cut) => {
                    assert!(!cut.complete && full.name.starts_with(&*cut.name), "{len} bytes");
                    assert!(full.addresses.starts_with(&cut.addresses));
                    assert!(cut.other_answer_bytes <= full.other_answer_bytes);
                }
            }
        }
    }

    #[test]
    fn tunnels_put_anything_into_labels() {
        let check = |labels: &[&[u8]], qtype, text: &str| {
            let message = parse_dns(&message(QUERY, 0, 0, &[question(labels, qtype)])).unwrap();
            assert_eq!((&*message.name, message.qtype, message.complete), (text, u16::from(qtype), true));
        };
        check(&[b"\xbc\xca.Zb\xff", b"t", b"example"], 10, "???zb?.t.example");
        check(&[b"dnscat", b"0011aabb"], 15, "dnscat.0011aabb");
        check(&[&[b'A'; 63], b"x"], 25, &format!("{}.x", "a".repeat(63)));
        check(&[], 2, "");
        let long = [&[b'a'; 63][..], &[b'b'; 63], &[b'c'; 63], &[b'd'; 61]];
        check(&long, 16, &long.map(|label| String::from_utf8_lossy(label).into_owned()).join("."));
        let null = record(POINTER, 10, &[0xee; 900]);
        let answer = message(RESPONSE, 1, 0, &[question(&[b"a"], 10), null]);
        assert_eq!(parse_dns(&answer).unwrap().other_answer_bytes, 900);
    }

    #[test]
    fn multicast_messages_may_have_no_question_or_several() {
        let answers = message([0x84, 0, 0, 0], 1, 0, &[record(&name(&[b"tv", b"local"]), 1, &[10, 0, 0, 9])]);
        let found = parse_dns(&answers).unwrap();
        assert_eq!((&*found.name, found.qtype, found.addresses.len(), found.complete), ("", 0, 1, true));

        let both = [question(&[b"a", b"local"], 255), [POINTER, &[0, 28, 0x80, 1]].concat()];
        let found = parse_dns(&message([0, 0, 0, 2], 0, 0, &both)).unwrap();
        assert_eq!((&*found.name, found.complete), ("a.local", true));
    }

    #[test]
    fn pointers_only_go_back() {
        let check = |rest: &[u8], known| {
            let bytes = message(QUERY, 0, 0, &[rest.to_vec(), vec![0, 1, 0, 1]]);
            assert_eq!(parse_dns(&bytes).is_some(), known, "{rest:x?}");
        };
        check(&[0xc0, 12], false);
        check(&[0xc0, 14], false);
        check(&[0xc0, 4], false);
        check(&[1, b'a', 0xc0, 12], false);
        check(&[0x40, b'a', 0], false);
        // In a record, a pointer to itself or ahead spoils the record, not the question.
        let looped = message(RESPONSE, 1, 0, &[question(&[b"a"], 1), record(&[0xc0, 19], 1, &[1, 2, 3, 4])]);
        assert!(!parse_dns(&looped).unwrap().complete);
    }

    #[test]
    fn refuses_what_is_no_query_and_no_response() {
        let check = |flags: [u8; 4], answers, known| {
            let bytes = message(flags, answers, 0, &[question(&[b"a"], 1)]);
            assert_eq!(parse_dns(&bytes).is_some(), known, "{flags:x?}");
        };
        check(QUERY, 0, true);
        check([0x01, 0x20, 0, 1], 0, true);
        check([0x29, 0, 0, 1], 0, false);
        check([0x01, 0x03, 0, 1], 0, false);
        check([0x81, 0x0f, 0, 1], 0, false);
        check([0x01, 0, 0, 0], 0, false);
        check([0x01, 0, 0x40, 1], 0, false);
        check([0x81, 0x81, 0, 0], 0, false);
        let bad_class = message(QUERY, 0, 0, &[name(&[b"a"]), vec![0, 1, 0, 9]]);
        assert_eq!(parse_dns(&bad_class), None);
        let too_long: Vec<&[u8]> = vec![&[b'a'; 63]; 4];
        assert_eq!(parse_dns(&message(QUERY, 0, 0, &[question(&too_long, 1)])), None);
        assert!(parse_dns(&[0, 1, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]).is_some());
        assert_eq!(parse_dns(&[0; 40]), None);
    }

    #[test]
    fn looks_at_no_more_than_its_bounds() {
        let parts: Vec<Vec<u8>> = std::iter::once(question(&[b"a"], 1))
            .chain((0..80).map(|i| record(POINTER, 1, &[10, 0, 0, i])))
            .collect();
        let found = parse_dns(&message(RESPONSE, 80, 0, &parts)).unwrap();
        assert_eq!((found.addresses.len(), found.complete), (MAX_ADDRESSES, false));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn never_panics(bytes: Vec<u8>, at in 0_usize..200, flip: u8) {
            parse_dns(&bytes);
            let mut whole = response();
            let at = at % whole.len();
            whole[at] = flip;
            if let Some(found) = parse_dns(&whole) {
                prop_assert!(found.name.len() <= MAX_LEN);
                prop_assert!(found.name.bytes().all(is_name_byte));
            }
            prop_assert_eq!(is_dns(&whole), parse_dns(&whole).is_some());
        }

        #[test]
        fn random_bytes_are_no_message(bytes in prop::collection::vec(any::<u8>(), 12..300)) {
            prop_assert_eq!(parse_dns(&bytes), None);
        }
    }
}
