//! `--filter`: keeps the frames that a tcpdump expression asks for.

use std::collections::BTreeMap;

use pcap::{Capture, Linktype};

use super::bpf::Program;
use super::{Block, LinkType};

/// Link types to try an expression on before it is called wrong: some words only make sense on one of them.
const TRIED: [LinkType; 4] = [LinkType(1), LinkType(101), LinkType(127), LinkType(113)];

/// An expression that libpcap does not take.
#[derive(Debug, thiserror::Error)]
#[error("filter \"{expression}\": {reason}; see pcap-filter(7) for what a filter can say")]
pub struct FilterError {
    /// The expression.
    pub expression: String,
    /// What libpcap says.
    pub reason: String,
}

/// A tcpdump expression (pcap-filter(7)), compiled by libpcap for each link type when a frame of it first comes.
///
/// Frames of a link type that the expression cannot be compiled for are dropped: nobody can say that they were
/// asked for. As with tcpdump, a host name in the expression is looked up when it is compiled.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: String,
    /// What libpcap said, where it cannot compile the expression for the link type.
    programs: BTreeMap<LinkType, Result<Program, String>>,
    rejected: u64,
    unsupported: BTreeMap<LinkType, u64>,
}

impl Filter {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Where libpcap takes it for no link type.
    pub fn compile(expression: &str) -> Result<Self, FilterError> {
        let mut tried = TRIED.iter().map(|link| compile_for(expression, *link));
        let reason = match tried.next() {
            Some(Err(reason)) if tried.all(|program| program.is_err()) => Some(reason),
            _ => None,
        };
        let expression = expression.to_owned();
        match reason {
            Some(reason) => Err(FilterError { expression, reason }),
            None => {
                Ok(Self { expression, programs: BTreeMap::new(), rejected: 0, unsupported: BTreeMap::new() })
            }
        }
    }

    /// Drops the frames of a block that the expression does not ask for.
    pub fn apply(&mut self, block: &mut Block) {
        let Block { data, frames } = block;
        frames.retain(|frame| {
            let link = frame.link;
            let program = self.programs.entry(link).or_insert_with(|| compile_for(&self.expression, link));
            let Ok(program) = program else {
                *self.unsupported.entry(link).or_default() += 1;
                return false;
            };
            let start = frame.offset as usize;
            let captured = data.get(start..start + frame.captured_len as usize).unwrap_or_default();
            let wanted = program.accepts(captured, frame.wire_len);
            self.rejected += u64::from(!wanted);
            wanted
        });
    }

    /// Frames that the expression did not ask for.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Frames dropped because the expression cannot be compiled for their link type.
    pub fn unsupported(&self) -> &BTreeMap<LinkType, u64> {
        &self.unsupported
    }

    /// What libpcap said of a link type in [`Self::unsupported`].
    pub fn why_unsupported(&self, link: LinkType) -> Option<&str> {
        self.programs.get(&link)?.as_ref().err().map(String::as_str)
    }
}

/// Compiles an expression for a link type. The error is what libpcap says.
pub(super) fn compile_for(expression: &str, link: LinkType) -> Result<Program, String> {
    let dead = Capture::dead(dlt_of(link)).map_err(|error| error.to_string())?;
    let compiled = dead.compile(expression, true).map_err(|error| match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    })?;
    Program::new(compiled.get_instructions().iter().map(ToString::to_string))
}

/// The number that libpcap gives a link type on this system: a few differ from those in files.
fn dlt_of(link: LinkType) -> Linktype {
    let name = match link {
        LinkType(100) => "ATM_RFC1483",
        LinkType(101) => "RAW",
        LinkType(106) => "ATM_CLIP",
        _ => return Linktype(link.0.into()),
    };
    Linktype::from_name(name).unwrap_or(Linktype(link.0.into()))
}

#[cfg(test)]
mod tests {
    use super::super::FrameRef;
    use super::*;
    use crate::time::Timestamp;

    /// An IPv4 packet of a protocol, behind as many bytes of link layer as its type has.
    fn block(frames: &[(u16, u8)]) -> Block {
        let mut block = Block::default();
        for (link, protocol) in frames {
            let offset = u32::try_from(block.data.len()).unwrap();
            if *link == 1 {
                block.data.own().extend([0; 12]);
                block.data.own().extend([0x08, 0x00]);
            }
            block.data.own().extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, *protocol]);
            block.data.own().extend([10; 30]);
            let captured_len = u32::try_from(block.data.len()).unwrap() - offset;
            let (ts, link) = (Timestamp::default(), LinkType(*link));
            block.frames.push(FrameRef { ts, offset, captured_len, wire_len: captured_len, link });
        }
        block
    }

    #[test]
    fn keeps_what_is_asked_for_on_every_link_type() {
        let mut filter = Filter::compile("tcp").unwrap();
        let mut block = block(&[(1, 6), (101, 17), (101, 6), (65_000, 6), (1, 17), (1, 6)]);
        filter.apply(&mut block);
        let links: Vec<u16> = block.frames.iter().map(|frame| frame.link.0).collect();
        assert_eq!(links, [1, 101, 1]);
        assert_eq!(filter.rejected(), 2);
        assert_eq!(filter.unsupported().get(&LinkType(65_000)), Some(&1));
    }

    #[test]
    fn an_expression_for_one_link_type_drops_the_others() {
        let mut filter = Filter::compile("type mgt").unwrap();
        let mut block = block(&[(1, 6)]);
        filter.apply(&mut block);
        assert!(block.frames.is_empty());
        assert_eq!(filter.unsupported().get(&LinkType(1)), Some(&1));
        let reason = filter.why_unsupported(LinkType(1)).unwrap();
        assert!(reason.contains("802.11"), "{reason}");
        assert_eq!(filter.why_unsupported(LinkType(105)), None);
    }

    #[test]
    fn errors_are_those_of_libpcap() {
        let check = |expression: &str, message: &str| {
            let error = Filter::compile(expression).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains(expression), "{error}");
        };
        check("tcp prot 80", "syntax error");
        check("port 99999999", "99999999");
        check("(", "syntax error");
        assert!(Filter::compile("tcp\0").is_err());
    }
}
