//! A line of `dns.log` as the question and the answer that it tells of.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::column::Column;
use super::row::{BadLine, Row};
use crate::addr::Addr;
use crate::decode::app::DnsMessage;
use crate::decode::proto;
use crate::flow::DnsEvent;
use crate::time::Span;

/// Bytes of a header, and of the type and class of a question (RFC 1035, section 4.1).
const FIXED_BYTES: usize = 12 + 4;
/// Bytes of an answer before its data: a pointer to the name, type, class, time to live, length.
const ANSWER_BYTES: usize = 12;
/// Bytes of a name (RFC 1035).
const NAME_MAX: usize = 255;
/// Addresses kept of one line, as of one message.
const ADDRESSES_MAX: usize = 32;
/// Ports of names that are asked for on the local network: no channel.
const LOCAL_PORTS: [u16; 3] = [137, 5353, 5355];
/// The type of a question whose type is not told: what clients ask for most (A).
const LIKELY_TYPE: u16 = 1;

/// Reads a line: the question and the answer, as far as they were seen; nothing where it is not about a domain.
pub(super) fn messages(row: &Row<'_>) -> Result<Vec<DnsEvent>, BadLine> {
    let ts = row.time(Column::Ts)?;
    let (client, server) = (row.addr(Column::OrigH)?, row.addr(Column::RespH)?);
    let server_port = row.port(Column::RespP)?.unwrap_or_default();
    let Some(name) = row.text(Column::Query).and_then(question_name) else { return Ok(Vec::new()) };
    if LOCAL_PORTS.contains(&server_port) {
        return Ok(Vec::new());
    }
    let qtype = row.port(Column::Qtype)?;
    let rcode = row.count(Column::Rcode)?;
    let answered = rcode.is_some() || row.text(Column::Answers).is_some();
    let message = DnsMessage {
        id: row.port(Column::TransId)?.unwrap_or_default(),
        qtype: qtype.unwrap_or(LIKELY_TYPE),
        complete: true,
        name,
        ..DnsMessage::default()
    };
    let proto = match row.text(Column::Proto) {
        Some("tcp") => proto::TCP,
        _ => proto::UDP,
    };
    let asked_bytes = FIXED_BYTES + message.name.len() + 2;
    let event = |at, bytes: usize, message| DnsEvent {
        ts: at,
        client,
        server,
        server_port,
        proto,
        message_len: u32::try_from(bytes).unwrap_or(u32::MAX),
        message,
    };
    let mut events = Vec::new();
    if qtype.is_some() || !answered {
        events.push(event(ts, asked_bytes, message.clone()));
    }
    if answered {
        let answers = Answers::of(row);
        let rtt = row.span(Column::Rtt)?.unwrap_or(Span::ZERO);
        let rcode = rcode.and_then(|rcode| u8::try_from(rcode).ok()).unwrap_or_default();
        let other_answer_bytes = u32::try_from(answers.other_bytes).unwrap_or(u32::MAX);
        let addresses = answers.addresses;
        let message = DnsMessage { is_response: true, rcode, addresses, other_answer_bytes, ..message };
        events.push(event(ts + rtt, asked_bytes + answers.bytes, message));
    }
    Ok(events)
}

/// A question's name as the decode stage keeps it: lower case, without the final dot, `?` for what a printed name cannot have.
fn question_name(text: &str) -> Option<Arc<str>> {
    let name = text.trim_end_matches('.');
    if name.is_empty() || name.len() > NAME_MAX {
        return None;
    }
    let printed = |c: char| if c.is_ascii_graphic() { c.to_ascii_lowercase() } else { '?' };
    Some(name.chars().map(printed).collect::<String>().into())
}

/// The answers of a line.
#[derive(Default)]
struct Answers {
    addresses: SmallVec<[Addr; 2]>,
    /// Bytes of data that are no addresses.
    other_bytes: usize,
    /// Bytes of all records, at least.
    bytes: usize,
}

impl Answers {
    fn of(row: &Row<'_>) -> Self {
        let mut answers = Self::default();
        for answer in row.list(Column::Answers) {
            answers.bytes += ANSWER_BYTES;
            if let Ok(ip) = answer.parse::<IpAddr>() {
                answers.bytes += if ip.is_ipv4() { 4 } else { 16 };
                if answers.addresses.len() < ADDRESSES_MAX {
                    answers.addresses.push(Addr::from(ip));
                }
            } else {
                let bytes = data(&answer).len();
                answers.bytes += bytes;
                answers.other_bytes += bytes;
            }
        }
        answers
    }
}

/// The data of an answer: Zeek writes `TXT 5 hello`.
fn data(answer: &str) -> &str {
    let text = answer.strip_prefix("TXT ").and_then(|rest| rest.split_once(' '));
    text.filter(|(length, _)| length.bytes().all(|b| b.is_ascii_digit())).map_or(answer, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    fn read(extra: &str) -> Vec<DnsEvent> {
        let ends = r#""ts":100.5,"id.orig_h":"10.0.0.1","id.resp_h":"192.0.2.7","proto":"udp""#;
        messages(&json::row(&format!("{{{ends},{extra}}}")).unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_a_question_and_an_answer() {
        let events = read(
            r#""id.resp_p":53,"query":"A.b.Example.","qtype":1,"rcode":0,"rtt":0.25,
               "answers":["cdn.example","192.0.2.9","2001:db8::1"]"#,
        );
        let [question, answer] = &events[..] else { panic!("{events:?}") };
        assert_eq!((&*question.message.name, question.message.is_response), ("a.b.example", false));
        assert_eq!(question.message_len, 12 + 4 + 11 + 2);
        assert_eq!(answer.ts - question.ts, Span::from_millis(250));
        assert_eq!((answer.message.addresses.len(), answer.message.other_answer_bytes), (2, 11));
        assert!(answer.message_len > question.message_len + 20 + 3 * 12);
    }

    #[test]
    fn only_what_was_seen_is_told() {
        let kinds = |extra: &str| -> Vec<bool> {
            read(&format!(r#""id.resp_p":53,"query":"a.example",{extra}"#))
                .iter()
                .map(|event| event.message.is_response)
                .collect()
        };
        assert_eq!(kinds(r#""qtype":16"#), [false]);
        assert_eq!(kinds(r#""rcode":0"#), [true]);
        assert_eq!(kinds(r#""qtype":16,"rcode":3"#), [false, true]);
        assert_eq!(kinds(r#""x":1"#), [false]);
        assert!(read(r#""id.resp_p":5353,"query":"printer.local","qtype":1"#).is_empty());
        assert!(read(r#""id.resp_p":53,"qtype":1"#).is_empty());
    }

    #[test]
    fn text_records_are_counted_without_their_length() {
        let events =
            read(r#""id.resp_p":53,"query":"t.example","qtype":16,"rcode":0,"answers":["TXT 5 hello"]"#);
        assert_eq!(events[1].message.other_answer_bytes, 5);
        assert_eq!(data("TXT record"), "TXT record");
    }

    #[test]
    fn names_have_no_bytes_that_cannot_be_printed() {
        assert_eq!(question_name("A\u{1}é.x").as_deref(), Some("a??.x"));
        assert_eq!(question_name("."), None);
        assert_eq!(question_name(&"x".repeat(256)), None);
    }
}
