//! Follows the first payloads of one flow until its protocol and names are known.

use crate::decode::app::http;
use crate::decode::app::pieces::Pieces;
use crate::decode::app::quic::ClientInitial;
use crate::decode::app::signature::{self, Guess};
use crate::decode::app::tls::{self, Extent};
use crate::decode::app::{AppInfo, Service};
use crate::decode::{Direction, proto};

/// Payloads of a flow that are looked at.
const MAX_PAYLOADS: u8 = 12;

/// Payloads among which the first segment of a hello is waited for where others overtook it: a hello has two or three.
const MAX_OVERTAKEN: u8 = 3;

/// Where an [`Inspector`] is with its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Wants more payload.
    NeedMore,
    /// Will learn nothing more: take [`Inspector::into_info`] and drop it.
    Done,
}

/// Reads the first payload bytes of one flow until its protocol and names are known. At most 16 KiB of a
/// handshake split over segments are held, and only until it is complete; at most 12 payloads are looked at.
#[derive(Debug, Default)]
pub struct Inspector {
    info: AppInfo,
    payloads: u8,
    held: Option<Held>,
}

/// One side's bytes that wait for more.
#[derive(Debug)]
struct Held {
    from: Direction,
    kind: HeldKind,
}

#[derive(Debug)]
enum HeldKind {
    /// A stream; `start` is where its first message begins, once that was seen.
    Stream { start: Option<u32>, pieces: Pieces },
    /// A QUIC client's hello.
    Quic(ClientInitial),
}

/// What a look at some bytes says of the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// All is known.
    Done,
    /// These bytes are the beginning of what is wanted.
    Hold,
    /// These bytes tell nothing more; the next may.
    Pass,
}

impl Inspector {
    /// An inspector that has looked at so many payloads and learnt nothing.
    pub fn after(payloads: u8) -> Self {
        Self { payloads, ..Self::default() }
    }

    /// What [`Inspector::feed`] says of a payload to an inspector that has looked at so many and learnt nothing, where it learns nothing
    /// again; told without one, for most payloads that are looked at are such. `begins_stream` where the payload is known to be the first of
    /// its side: it has overtaken none.
    #[inline]
    pub fn pass_over(
        payloads: u8,
        begins_stream: bool,
        proto: u8,
        resp_port: u16,
        payload: &[u8],
    ) -> Option<Progress> {
        let guess = match proto {
            proto::TCP if payloads > 0 || begins_stream || !signature::expects_hello(resp_port) => {
                signature::tcp(payload, resp_port)
            }
            proto::UDP => signature::udp(payload, resp_port),
            _ => return None,
        };
        let is_last = payloads + 1 >= MAX_PAYLOADS;
        (guess == Guess::Nothing).then_some(if is_last { Progress::Done } else { Progress::NeedMore })
    }

    /// How many payloads it has looked at, if that is all there is to remember: [`Inspector::after`] then gives the same.
    pub fn blank(&self) -> Option<u8> {
        (self.held.is_none() && self.info == AppInfo::default()).then_some(self.payloads)
    }

    /// Whether it has told the service of a stream, and can learn more only from the byte behind those that it holds.
    pub fn waits_for_the_next_byte(&self) -> bool {
        let kind = self.held.as_ref().map(|held| &held.kind);
        self.info.service != Service::Unknown && matches!(kind, Some(HeldKind::Stream { start: Some(_), .. }))
    }

    /// Looks at the next payload of the flow. `seq` is the TCP sequence number of its first byte (0 for UDP);
    /// `payload` is what was captured of it.
    pub fn feed(&mut self, proto: u8, resp_port: u16, from: Direction, seq: u32, payload: &[u8]) -> Progress {
        self.payloads = self.payloads.saturating_add(1);
        let step = match proto {
            proto::TCP => self.feed_segment(resp_port, from, seq, payload),
            proto::UDP => self.feed_datagram(resp_port, from, payload),
            _ => Step::Done,
        };
        if step == Step::Done || self.payloads >= MAX_PAYLOADS {
            self.held = None;
            Progress::Done
        } else {
            Progress::NeedMore
        }
    }

    /// What was learnt so far.
    pub fn into_info(self) -> AppInfo {
        self.info
    }

    fn feed_segment(&mut self, resp_port: u16, from: Direction, seq: u32, segment: &[u8]) -> Step {
        if let Some(held) = self.held.take_if(|held| held.from == from) {
            return self.go_on(held, resp_port, seq, segment);
        }
        let step = self.look_at(segment, resp_port);
        let overtaken = step == Step::Pass
            && self.payloads == 1
            && self.info.service == Service::Unknown
            && signature::expects_hello(resp_port);
        if self.held.is_none() && (step == Step::Hold || overtaken) {
            let mut pieces = Pieces::default();
            pieces.add(seq, segment);
            let start = (step == Step::Hold).then_some(seq);
            self.held = Some(Held { from, kind: HeldKind::Stream { start, pieces } });
        }
        step
    }

    /// Adds a segment to what is held and looks at the whole.
    fn go_on(&mut self, mut held: Held, resp_port: u16, seq: u32, segment: &[u8]) -> Step {
        let HeldKind::Stream { start, pieces } = &mut held.kind else { return Step::Done };
        if !pieces.add(seq, segment) {
            return if segment.is_empty() { self.keep(held) } else { Step::Done };
        }
        if start.is_none() && self.look_at(segment, resp_port) != Step::Pass {
            *start = Some(seq);
        }
        let Some(start) = *start else {
            return if self.payloads < MAX_OVERTAKEN { self.keep(held) } else { Step::Pass };
        };
        match self.look_at(&pieces.joined(start), resp_port) {
            Step::Hold => self.keep(held),
            step => step,
        }
    }

    fn keep(&mut self, held: Held) -> Step {
        self.held = Some(held);
        Step::Hold
    }

    /// Looks at the beginning of a stream.
    fn look_at(&mut self, stream: &[u8], resp_port: u16) -> Step {
        match signature::tcp(stream, resp_port) {
            Guess::ClientHello => {
                self.info.service = Service::Tls;
                step_after(tls::read_records(stream, &mut self.info), Step::Done)
            }
            Guess::Request => {
                let extent = http::read_head(stream, &mut self.info);
                if self.info.method.is_some() {
                    self.info.service = Service::Http;
                }
                step_after(extent, Step::Pass)
            }
            guess => self.settle(guess),
        }
    }

    fn feed_datagram(&mut self, resp_port: u16, from: Direction, datagram: &[u8]) -> Step {
        let guess = signature::udp(datagram, resp_port);
        if guess != Guess::Quic {
            return self.settle(guess);
        }
        self.info.service = Service::Quic;
        // The server's packets have other keys.
        if self.held.as_ref().is_some_and(|held| held.from != from) {
            return Step::Pass;
        }
        let mut client = match self.held.take().map(|held| held.kind) {
            Some(HeldKind::Quic(client)) => client,
            _ => ClientInitial::default(),
        };
        let extent = client.read(datagram, &mut self.info);
        if extent == Extent::Cut || (extent == Extent::Broken && client.has_begun()) {
            return self.keep(Held { from, kind: HeldKind::Quic(client) });
        }
        step_after(extent, Step::Pass)
    }

    /// Notes a service that has nothing to read. A hint gives way to certainty, not to another hint.
    fn settle(&mut self, guess: Guess) -> Step {
        match guess {
            Guess::Sure(service) => {
                self.info.service = service;
                Step::Done
            }
            Guess::Hint(service) => {
                if self.info.service == Service::Unknown {
                    self.info.service = service;
                }
                Step::Pass
            }
            Guess::Prefix => Step::Hold,
            _ => Step::Pass,
        }
    }
}

fn step_after(extent: Extent, if_broken: Step) -> Step {
    match extent {
        Extent::Whole => Step::Done,
        Extent::Cut => Step::Hold,
        Extent::Broken => if_broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::app::fixtures::{crypto_frame, hello, records, seal};
    use Direction::{Orig, Resp};
    use proptest::prelude::*;

    const ISN: u32 = u32::MAX - 100;

    /// Feeds segments of one flow, each at its offset in the stream of its sender.
    fn follow(port: u16, segments: &[(Direction, usize, &[u8])]) -> (Progress, AppInfo) {
        let mut inspector = Inspector::default();
        let mut progress = Progress::NeedMore;
        for &(from, at, bytes) in segments {
            assert_eq!(progress, Progress::NeedMore, "fed after the end");
            progress =
                inspector.feed(proto::TCP, port, from, ISN.wrapping_add(u32::try_from(at).unwrap()), bytes);
        }
        assert!(progress == Progress::NeedMore || inspector.held.is_none());
        (progress, inspector.into_info())
    }

    fn whole(port: u16, stream: &[u8]) -> AppInfo {
        let (progress, info) = follow(port, &[(Orig, 0, stream)]);
        assert_eq!(progress, Progress::Done);
        info
    }

    fn streams() -> [(u16, Vec<u8>); 4] {
        [
            (8080, records(&hello(Some("split.example"), &["h2"], 0), 9999)),
            (443, records(&hello(Some("records.example"), &["h2"], 90), 50)),
            (80, b"POST /x HTTP/1.1\r\nHost: split.example:8080\r\n".to_vec()),
            (53, b"\0\x13\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01".to_vec()),
        ]
    }

    #[test]
    fn split_at_every_byte_is_as_whole() {
        for (port, stream) in streams() {
            let expected = whole(port, &stream);
            assert_ne!(expected.service, Service::Unknown);
            for at in 1..stream.len() {
                let (first, second) = stream.split_at(at);
                let mut inspector = Inspector::default();
                let mut progress = inspector.feed(proto::TCP, port, Orig, ISN, first);
                if progress == Progress::NeedMore {
                    progress = inspector.feed(
                        proto::TCP,
                        port,
                        Orig,
                        ISN.wrapping_add(u32::try_from(at).unwrap()),
                        second,
                    );
                }
                assert_eq!(
                    (progress, inspector.into_info()),
                    (Progress::Done, expected.clone()),
                    "split at {at}"
                );
            }
        }
    }

    #[test]
    fn overtaken_and_repeated_segments() {
        let stream = records(&hello(Some("order.example"), &["h2"], 0), 9999);
        let expected = whole(443, &stream);
        for at in 20..stream.len() - 1 {
            let (a, b) = stream.split_at(at);
            let (b, c) = b.split_at(1);
            let reordered = follow(443, &[(Orig, 0, a), (Orig, at + 1, c), (Orig, at, b)]);
            assert_eq!(reordered, (Progress::Done, expected.clone()));
            let repeated =
                follow(443, &[(Orig, 0, a), (Orig, 0, a), (Orig, at, b), (Orig, at - 9, &stream[at - 9..])]);
            assert_eq!(repeated, (Progress::Done, expected.clone()));
        }
        // Where the very first segment is overtaken: on ports on which a hello is likely.
        let (first, second) = stream.split_at(100);
        assert_eq!(follow(443, &[(Orig, 100, second), (Orig, 0, first)]), (Progress::Done, expected));
    }

    #[test]
    fn a_hello_that_stays_cut_tells_its_name() {
        let stream = records(&hello(Some("early.example"), &["h2"], 0), 9999);
        let (progress, info) =
            follow(443, &[(Orig, 0, &stream[..stream.len() - 1]), (Resp, 0, b"\x16\x03\x03\0\x09\x02")]);
        assert_eq!((progress, info.service), (Progress::NeedMore, Service::Tls));
        assert_eq!((info.name.as_deref(), info.ja4), (Some("early.example"), None));
    }

    #[test]
    fn midstream_records_are_tls_without_a_name() {
        let (progress, info) =
            follow(9, &[(Resp, 0, b"\x17\x03\x03\x01\0\xee"), (Orig, 0, b"\x17\x03\x03\x01\0\xee")]);
        assert_eq!(
            (progress, info),
            (Progress::NeedMore, AppInfo { service: Service::Tls, ..AppInfo::default() })
        );
    }

    #[test]
    fn a_later_payload_tells_better() {
        let info = follow(9, &[(Resp, 0, b"220 hello\r\n"), (Orig, 0, b"EHLO x\r\n")]).1;
        assert_eq!(info.service, Service::Smtp);
        let info = follow(
            9,
            &[(Resp, 0, b"HTTP/1.1 200 OK\r\n\r\n"), (Orig, 0, b"GET / HTTP/1.1\r\nHost: a.example\r\n")],
        )
        .1;
        assert_eq!((info.service, info.name.as_deref()), (Service::Http, Some("a.example")));
        let info =
            follow(9, &[(Resp, 0, b"+OK ready\r\n"), (Orig, 0, b"USER joe\r\n"), (Resp, 9, b"+OK\r\n")]).1;
        assert_eq!(info, AppInfo::default());
    }

    #[test]
    fn gives_up_after_its_bounds() {
        let mut inspector = Inspector::default();
        let fed = (1..100).find(|&i| inspector.feed(proto::TCP, 9, Orig, i, b"\xee\xee") == Progress::Done);
        assert_eq!(fed, Some(u32::from(MAX_PAYLOADS)));

        let mut head = b"GET / HTTP/1.1\r\n".to_vec();
        head.resize(9000, b'x');
        let (progress, info) =
            follow(9, &[(Orig, 0, &head), (Orig, 9000, &[b'x'; 9000]), (Orig, 18000, b"x")]);
        assert_eq!((progress, info.service, info.name), (Progress::Done, Service::Http, None));
        assert_eq!(Inspector::default().feed(proto::ICMP, 0, Orig, 0, b"x"), Progress::Done);
    }

    #[test]
    fn flows_with_nothing_to_learn_hold_nothing() {
        for payload in [&b"\xee\xee\xee"[..], b"random", b"\0\0\0\0", b"\x17\x03\x03\x01\0\xee"] {
            let mut inspector = Inspector::default();
            inspector.feed(proto::TCP, 9, Orig, 1, payload);
            inspector.feed(proto::UDP, 9, Resp, 0, payload);
            assert!(inspector.held.is_none());
        }
    }

    #[test]
    fn follows_a_quic_hello_over_datagrams() {
        let message = hello(Some("quic.example"), &["h3"], 1700);
        let server = seal(1, b"server", 0, &[1]);
        let [second, first] = [crypto_frame(&message, 1000..usize::MAX), crypto_frame(&message, 0..1000)];
        let mut inspector = Inspector::default();
        let mut feed = |from, datagram: &[u8]| inspector.feed(proto::UDP, 443, from, 0, datagram);
        assert_eq!(feed(Orig, &seal(1, b"client00", 1, &second)), Progress::NeedMore);
        assert_eq!(feed(Resp, &server), Progress::NeedMore);
        assert_eq!(feed(Orig, b"\x40 a short header"), Progress::NeedMore);
        assert_eq!(feed(Orig, &seal(1, b"client00", 0, &first)), Progress::Done);
        let info = inspector.into_info();
        assert_eq!((info.service, info.name.as_deref()), (Service::Quic, Some("quic.example")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn never_panics_and_ends(
            payloads in prop::collection::vec((any::<bool>(), any::<u32>(), any::<Vec<u8>>(), 0_usize..4), 20),
            is_tcp: bool,
        ) {
            let mut inspector = Inspector::default();
            let starts: [&[u8]; 4] = [b"", b"\x16\x03\x01\x02\0\x01\0", b"GET / HTTP/1.1\r\n", b"\xc0\0\0\0\x01\x02"];
            let mut fed = payloads.iter().map(|(is_orig, seq, bytes, start)| {
                let payload = [starts[*start], bytes].concat();
                let from = if *is_orig { Orig } else { Resp };
                inspector.feed(if is_tcp { proto::TCP } else { proto::UDP }, 443, from, *seq, &payload)
            });
            prop_assert!(fed.any(|progress| progress == Progress::Done));
        }
    }

    proptest! {
        /// What is passed over is what an inspector would have learnt nothing from.
        #[test]
        fn passing_over_says_what_feeding_does(
            payloads in 0..MAX_PAYLOADS,
            proto in prop::sample::select(vec![proto::TCP, proto::UDP, proto::ICMP]),
            port in prop::sample::select(vec![53_u16, 80, 443, 500, 9999]),
            start in prop::sample::select(vec![&b""[..], b"\x16\x03\x01", b"GET / ", b"\xc0\0\0\0\x01", b"\0\x12\xab\xcd\x01\0\0\x01"]),
            rest in prop::collection::vec(any::<u8>(), 1..60),
        ) {
            let payload = [start, &rest].concat();
            let mut inspector = Inspector::after(payloads);
            let progress = inspector.feed(proto, port, Orig, 7, &payload);
            if let Some(passed) = Inspector::pass_over(payloads, false, proto, port, &payload) {
                prop_assert_eq!((passed, inspector.blank()), (progress, Some(payloads + 1)));
            }
        }
    }
}
