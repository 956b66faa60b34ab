//! DNS messages (RFC 1035), over UDP, TCP or multicast: strict in what a message can be, lenient in what a name can
//! hold, since tunnels put raw bytes in labels.

use std::sync::Arc;

use crate::addr::Addr;
use crate::decode::app::name::{MAX_LEN, is_name_byte};
use crate::decode::app::reader::Reader;

/// Resource records looked at in one message.
const MAX_RECORDS: u16 = 64;
/// Questions looked at in one message: multicast queries ask several.
const MAX_QUESTIONS: u16 = 16;
/// Records that a section of a believable message has at most.
const MAX_SECTION: u16 = 512;
/// Addresses kept of one message.
const MAX_ADDRESSES: usize = 32;
const HEADER_LEN: usize = 12;

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
    pub addresses: Vec<Addr>,
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
fn header(r: &mut Reader<'_>) -> Option<Header> {
    let (id, flags) = (r.u16()?, r.u16()?);
    let (questions, answers, authorities, additionals) = (r.u16()?, r.u16()?, r.u16()?, r.u16()?);
    let is_response = flags & 0x8000 != 0;
    let opcode = flags >> 11 & 0x0f;
    let rcode = u8::try_from(flags & 0x0f).ok()?;
    let sections = [answers, authorities, additionals];
    let asks_or_tells = if is_response {
        // A server that could not read the question may send the bare header back.
        questions > 0 || answers > 0 || (rcode != 0 && r.is_empty())
    } else {
        questions > 0 && rcode == 0
    };
    let plausible = opcode == 0
        && rcode <= 11
        && questions <= MAX_QUESTIONS
        && sections.iter().all(|&count| count <= MAX_SECTION)
        && asks_or_tells;
    let other_records = authorities.saturating_add(additionals);
    plausible.then_some(Header { id, is_response, rcode, questions, answers, other_records })
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
        if i < header.answers {
            note_answer(kind, data, message);
        }
        if data.len() < declared {
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

/// The text of a name while it is read. Fits every legal name: 255 bytes with lengths are 253 of text.
struct Name {
    text: [u8; MAX_LEN],
    len: usize,
}

impl Default for Name {
    fn default() -> Self {
        Self { text: [0; MAX_LEN], len: 0 }
    }
}

impl Name {
    fn push_label(&mut self, label: &[u8]) {
        if self.len > 0 {
            self.push(b'.');
        }
        for &byte in label {
            // A dot inside of a label must not look like the end of one.
            let printable = is_name_byte(byte) && byte != b'.';
            self.push(if printable { byte.to_ascii_lowercase() } else { b'?' });
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.text.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    fn text(&self) -> &str {
        self.text.get(..self.len).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

enum NameEnd {
    Whole,
    Cut,
    Invalid,
}

fn skip_name(r: &mut Reader<'_>) -> Option<()> {
    matches!(read_name(r, None), NameEnd::Whole).then_some(())
}

/// Reads a name, following compression pointers (RFC 1035, section 4.1.4) only where its text is wanted. Each pointer must go
/// further back than all before it, so that a name ends.
fn read_name(r: &mut Reader<'_>, mut text: Option<&mut Name>) -> NameEnd {
    let mut at = *r;
    let mut floor = r.pos();
    let mut wire_len = 1;
    let mut jumped = false;
    loop {
        let Some(len) = at.u8() else { return NameEnd::Cut };
        match len {
            0 => break,
            1..=63 => {
                let label = at.take_up_to(usize::from(len));
                wire_len += 1 + usize::from(len);
                if wire_len > MAX_LEN {
                    return NameEnd::Invalid;
                }
                if let Some(text) = text.as_deref_mut() {
                    text.push_label(label);
                }
                if label.len() < usize::from(len) {
                    return NameEnd::Cut;
                }
            }
            0xc0.. => {
                let Some(low) = at.u8() else { return NameEnd::Cut };
                let target = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                if !(HEADER_LEN..floor).contains(&target) {
                    return NameEnd::Invalid;
                }
                if !jumped {
                    *r = at;
                }
                if text.is_none() {
                    return NameEnd::Whole;
                }
                jumped = true;
                floor = target;
                at.seek(target);
            }
            _ => return NameEnd::Invalid,
        }
    }
    if !jumped {
        *r = at;
    }
    NameEnd::Whole
}
