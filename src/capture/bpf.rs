//! Runs classic BPF programs (`McCanne` and Jacobson, "The BSD Packet Filter", USENIX 1993).
//!
//! libpcap compiles them; they are run here because the `pcap` crate runs them as if each frame had been captured
//! whole, so that `greater 1000` would be wrong for captures that were cut.

/// Words of scratch memory that a program has (`BPF_MEMWORDS`).
const MEMORY_WORDS: usize = 16;

/// A compiled filter.
#[derive(Clone, Debug)]
pub(super) struct Program(Vec<Instruction>);

/// One instruction, as `struct bpf_insn`.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    k: u32,
}

#[derive(Default)]
struct Machine {
    a: u32,
    x: u32,
    memory: [u32; MEMORY_WORDS],
}

impl Program {
    /// From instructions as `tcpdump -ddd` prints them: `code jt jf k` in decimal.
    pub(super) fn new(lines: impl Iterator<Item = String>) -> Result<Self, String> {
        let parse = |line: String| {
            let mut fields = line.split(' ').map(|field| field.parse::<u32>().ok());
            let mut next = || fields.next().flatten();
            Some(Instruction {
                code: u16::try_from(next()?).ok()?,
                if_true: u8::try_from(next()?).ok()?,
                if_false: u8::try_from(next()?).ok()?,
                k: next()?,
            })
        };
        let program: Option<Vec<_>> = lines.map(parse).collect();
        program.map(Self).ok_or_else(|| "libpcap gave an instruction that cannot be read".to_owned())
    }

    /// The instructions: code, jumps if true and if false, operand.
    pub(super) fn instructions(&self) -> impl Iterator<Item = (u16, u8, u8, u32)> {
        self.0.iter().map(|op| (op.code, op.if_true, op.if_false, op.k))
    }

    /// Whether the program wants a frame. Loads from behind the captured bytes reject it, as everywhere.
    pub(super) fn accepts(&self, captured: &[u8], wire_len: u32) -> bool {
        self.run(captured, wire_len).is_some_and(|kept| kept > 0)
    }

    /// What the program returns. Nothing where it reads outside of the frame, divides by zero or is no program.
    /// Jumps only go forward, so that it always ends.
    fn run(&self, captured: &[u8], wire_len: u32) -> Option<u32> {
        let mut machine = Machine::default();
        let mut at = 0;
        loop {
            let op = *self.0.get(at)?;
            at += 1;
            match op.code & 0x07 {
                0x00 => machine.a = machine.load(op, captured, wire_len)?,
                0x01 => machine.x = machine.load(op, captured, wire_len)?,
                0x02 => *machine.memory.get_mut(op.k as usize)? = machine.a,
                0x03 => *machine.memory.get_mut(op.k as usize)? = machine.x,
                0x04 => machine.a = machine.compute(op)?,
                0x05 => at = at.checked_add(machine.jump(op)?)?,
                0x06 => return Some(if op.code & 0x18 == 0x10 { machine.a } else { op.k }),
                _ if op.code & 0xf8 == 0x80 => machine.a = machine.x,
                _ => machine.x = machine.a,
            }
        }
    }
}

impl Machine {
    fn load(&self, op: Instruction, captured: &[u8], wire_len: u32) -> Option<u32> {
        let offset = op.k as usize;
        match op.code & 0xe0 {
            0x00 => Some(op.k),
            0x20 => load_packet(op, captured, offset),
            0x40 => load_packet(op, captured, offset.checked_add(self.x as usize)?),
            0x60 => self.memory.get(offset).copied(),
            0x80 => Some(wire_len),
            // The length of an IPv4 header, in one instruction.
            0xa0 => captured.get(offset).map(|byte| u32::from(byte & 0x0f) * 4),
            _ => None,
        }
    }

    fn compute(&self, op: Instruction) -> Option<u32> {
        let (a, operand) = (self.a, self.operand(op));
        Some(match op.code & 0xf0 {
            0x00 => a.wrapping_add(operand),
            0x10 => a.wrapping_sub(operand),
            0x20 => a.wrapping_mul(operand),
            0x30 => a.checked_div(operand)?,
            0x40 => a | operand,
            0x50 => a & operand,
            0x60 => a.checked_shl(operand).unwrap_or(0),
            0x70 => a.checked_shr(operand).unwrap_or(0),
            0x80 => a.wrapping_neg(),
            0x90 => a.checked_rem(operand)?,
            0xa0 => a ^ operand,
            _ => return None,
        })
    }

    /// Instructions to pass over.
    fn jump(&self, op: Instruction) -> Option<usize> {
        let (a, operand) = (self.a, self.operand(op));
        let taken = match op.code & 0xf0 {
            0x00 => return Some(op.k as usize),
            0x10 => a == operand,
            0x20 => a > operand,
            0x30 => a >= operand,
            0x40 => a & operand != 0,
            _ => return None,
        };
        Some(usize::from(if taken { op.if_true } else { op.if_false }))
    }

    fn operand(&self, op: Instruction) -> u32 {
        if op.code & 0x08 == 0 { op.k } else { self.x }
    }
}

/// A word, half word or byte of the frame in network byte order.
fn load_packet(op: Instruction, captured: &[u8], offset: usize) -> Option<u32> {
    let bytes = captured.get(offset..)?;
    match op.code & 0x18 {
        0x00 => bytes.first_chunk().map(|word| u32::from_be_bytes(*word)),
        0x08 => bytes.first_chunk().map(|half| u16::from_be_bytes(*half).into()),
        0x10 => bytes.first().map(|byte| u32::from(*byte)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pcap::{Capture, Linktype};
    use proptest::prelude::*;

    use super::*;

    const EXPRESSIONS: [&str; 14] = [
        "",
        "tcp",
        "ip or ip6",
        "udp port 53",
        "host 10.0.0.1 and not tcp port 80",
        "net 10.0.0.0/8",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "ip[8] < 64 and (ip[2:2] - (ip[0] & 0xf) * 4) > 20",
        "vlan and ip",
        "icmp6 and ip6[40] == 135",
        "greater 100",
        "len % 3 == 1",
        "ether[0] & 1 != 0 and ether[len / 2] ^ 0x55 > 100",
        "ether[6:4] << 3 != ether[10:4] >> 2 or -ether[1] == 5",
    ];

    fn both(expression: &str) -> (Program, pcap::BpfProgram) {
        let compiled = Capture::dead(Linktype(1)).unwrap().compile(expression, true).unwrap();
        let program = Program::new(compiled.get_instructions().iter().map(ToString::to_string)).unwrap();
        (program, compiled)
    }

    #[test]
    fn lengths_are_those_on_the_wire() {
        let (program, _) = both("greater 1000");
        assert!(program.accepts(&[0; 60], 1_000));
        assert!(!program.accepts(&[0; 60], 999));
    }

    #[test]
    fn programs_that_are_none_reject() {
        let accepts = |lines: &[&str]| {
            Program::new(lines.iter().map(|line| (*line).to_owned()))
                .map(|program| program.accepts(&[1; 4], 4))
        };
        assert_eq!(accepts(&["6 0 0 1"]), Ok(true));
        assert_eq!(accepts(&[]), Ok(false));
        assert_eq!(accepts(&["5 0 0 4294967295"]), Ok(false));
        assert_eq!(accepts(&["2 0 0 16", "6 0 0 1"]), Ok(false));
        assert_eq!(accepts(&["52 0 0 0", "6 0 0 1"]), Ok(false));
        assert!(accepts(&["6 0 0"]).is_err());
        assert!(accepts(&["6 0 0 x"]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// libpcap's own machine is the oracle, where a frame was captured whole.
        #[test]
        fn agrees_with_libpcap(
            mut frame in prop::collection::vec(any::<u8>(), 0..120),
            ether_type in prop::sample::select(vec![0x0800_u16, 0x86dd, 0x8100, 0x0806]),
            protocol in prop::sample::select(vec![1_u8, 6, 17, 58]),
        ) {
            if let Some(field) = frame.get_mut(12..14) {
                field.copy_from_slice(&ether_type.to_be_bytes());
            }
            if let Some(fields) = frame.get_mut(14..34) {
                fields[0] = 0x40 | fields[0] & 0x0f;
                fields[6..8].fill(0);
                fields[9] = protocol;
            }
            for expression in EXPRESSIONS {
                let (program, oracle) = both(expression);
                let wire_len = u32::try_from(frame.len()).unwrap();
                prop_assert_eq!(program.accepts(&frame, wire_len), oracle.filter(&frame), "{}", expression);
            }
        }
    }
}
