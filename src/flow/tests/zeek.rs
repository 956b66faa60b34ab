//! States, histories and byte counts as Zeek gives them.

use super::*;
use Direction::{Orig, Resp};

const S: u8 = TcpFlags::SYN;
const A: u8 = TcpFlags::ACK;
const F: u8 = TcpFlags::FIN;
const R: u8 = TcpFlags::RST;

/// (direction, flags, sequence number, acknowledgement, payload bytes), 10 ms apart.
type Segment = (Direction, u8, u32, u32, u32);

const SYN: Segment = (Orig, S, 100, 0, 0);
const SYN_ACK: Segment = (Resp, S | A, 500, 101, 0);
const ACK: Segment = (Orig, A, 101, 501, 0);
const REQUEST: Segment = (Orig, A, 101, 501, 30);
const ANSWER: Segment = (Resp, A, 501, 131, 70);

fn check(segments: &[Segment], state: &str, history: &str, orig_bytes: u64, resp_bytes: u64) -> FlowRecord {
    let mut net = Net::new(&Config::default());
    for (n, &(from, flags, seq, ack, len)) in (0_u32..).zip(segments) {
        net.send(tcp(from, f64::from(n) / 100.0, flags, seq, ack, len));
    }
    net.finish();
    let reports = net.reports();
    assert_eq!(reports.len(), 1, "one flow: {segments:?}");
    let record = reports[0].record.clone();
    let got = (record.state.name(), record.history.as_str(), record.orig_bytes, record.resp_bytes);
    assert_eq!(got, (state, history, orig_bytes, resp_bytes), "{segments:?}");
    record
}

#[test]
fn every_state() {
    let fin_o = (Orig, F | A, 131, 571, 0);
    let fin_r = (Resp, F | A, 571, 132, 0);
    check(&[SYN], "S0", "S", 0, 0);
    check(&[SYN, SYN_ACK, ACK], "S1", "ShA", 0, 0);
    check(
        &[SYN, SYN_ACK, ACK, REQUEST, ANSWER, fin_o, fin_r, (Orig, A, 132, 572, 0)],
        "SF",
        "ShADdFf",
        30,
        70,
    );
    check(&[SYN, (Resp, R | A, 0, 101, 0)], "REJ", "Sr", 0, 0);
    check(&[SYN, SYN_ACK, ACK, REQUEST, ANSWER, fin_o], "S2", "ShADdF", 30, 70);
    check(&[SYN, SYN_ACK, ACK, REQUEST, ANSWER, (Resp, F | A, 571, 131, 0)], "S3", "ShADdf", 30, 70);
    check(&[SYN, SYN_ACK, ACK, REQUEST, ANSWER, (Orig, R | A, 131, 571, 0)], "RSTO", "ShADdR", 30, 70);
    check(&[SYN, SYN_ACK, ACK, REQUEST, ANSWER, (Resp, R | A, 571, 131, 0)], "RSTR", "ShADdr", 30, 70);
    check(&[SYN, (Orig, R, 101, 0, 0)], "RSTOS0", "SR", 0, 0);
    check(&[SYN_ACK, (Resp, R, 501, 0, 0)], "RSTRH", "^hr", 0, 0);
    check(&[SYN, (Orig, F, 101, 0, 0)], "SH", "SF", 0, 0);
    check(&[SYN_ACK, (Resp, F | A, 501, 101, 0)], "SHR", "^hf", 0, 0);
    check(&[(Orig, A, 1000, 1, 40), (Resp, A, 7, 1040, 60)], "OTH", "Dd", 40, 60);
}

#[test]
fn histories() {
    // A half-open connection that was found and aborted has no sizes.
    check(&[SYN, (Resp, A, 9999, 77_777, 0), (Orig, R, 77_777, 0, 0)], "RSTOS0", "SaR", 0, 0);
    // Only a second SYN or RST with another number gets another letter.
    check(&[SYN, SYN, SYN_ACK, SYN_ACK, ACK], "S1", "ShA", 0, 0);
    let reset = |seq| (Resp, R, seq, 0, 0);
    check(&[SYN, SYN_ACK, ACK, reset(501), reset(501), reset(571)], "RSTR", "ShArr", 0, 0);
    // Retransmission, zero window, inconsistent and multi-flag packets.
    check(&[SYN, SYN_ACK, ACK, REQUEST, REQUEST, ANSWER], "S1", "ShADTd", 30, 70);
    check(&[SYN, (Orig, S | F, 100, 0, 0)], "SH", "SQ", 0, 0);
    check(&[SYN, SYN_ACK, ACK, (Resp, F | R, 501, 101, 0)], "RSTR", "ShAi", 0, 0);
    // The SYN-ACK was captured before the SYN.
    check(&[SYN_ACK, SYN, ACK, REQUEST], "S1", "^hSAD", 30, 0);
    // FIN then RST of one side, FIN of the other: a normal end.
    let closing = [(Orig, F | A, 131, 571, 0), (Orig, R, 132, 0, 0), (Resp, F | A, 571, 132, 0)];
    check(&[&[SYN, SYN_ACK, ACK, REQUEST, ANSWER], &closing[..]].concat(), "SF", "ShADdFRf", 30, 70);
}

#[test]
fn zero_windows_and_bad_checksums_are_noted() {
    let mut net = Net::new(&Config::default());
    net.send(tcp(Orig, 0.0, S, 100, 0, 0)).send(tcp(Resp, 0.1, S | A, 500, 101, 0));
    net.send(Packet { window: 0, ..tcp(Resp, 0.2, A, 501, 101, 0) });
    net.send(Packet { bad_checksum: true, ..tcp(Orig, 0.3, A, 101, 501, 5) });
    net.send(Packet { window: 0, ..tcp(Orig, 0.4, R | A, 106, 501, 0) }).finish();
    assert_eq!(net.reports()[0].record.history.as_str(), "ShawCDR");
}

#[test]
fn bytes_acknowledged_but_not_seen_are_missed() {
    let far = (Orig, A, 231, 501, 10);
    let ack = |number| (Resp, A, 501, number, 0);
    // A hole that is acknowledged is a gap, one that is filled first is not.
    let record = check(&[SYN, SYN_ACK, ACK, REQUEST, far, ack(241)], "S1", "ShADaG", 140, 0);
    assert_eq!(record.missed_bytes, 100);
    let late = (Orig, A, 131, 501, 100);
    let record = check(&[SYN, SYN_ACK, ACK, REQUEST, far, late, ack(241)], "S1", "ShADTa", 140, 0);
    assert_eq!(record.missed_bytes, 0);
    // Acknowledged past all that was seen.
    let record = check(&[SYN, SYN_ACK, ACK, ack(1101)], "S1", "ShAaG", 1000, 0);
    assert_eq!(record.missed_bytes, 1000);
    // Streams whose start was not seen have no gaps.
    let record = check(&[(Orig, A, 1000, 1, 10), (Resp, A, 1, 9000, 10)], "OTH", "Dd", 8000, 10);
    assert_eq!(record.missed_bytes, 0);
}

#[test]
fn sequence_numbers_wrap() {
    let start = u32::MAX - 10;
    let mut net = Net::new(&Config::default());
    net.send(tcp(Orig, 0.0, S, start, 0, 0)).send(tcp(Resp, 0.1, S | A, 7, start.wrapping_add(1), 0));
    let mut seq = start.wrapping_add(1);
    for n in 0..6_u32 {
        net.send(tcp(Orig, 0.2 + f64::from(n), A, seq, 8, 1_000_000_000));
        seq = seq.wrapping_add(1_000_000_000);
    }
    net.send(tcp(Resp, 7.0, A, 8, seq, 0)).finish();
    let record = &net.reports()[0].record;
    assert_eq!((record.orig_bytes, record.missed_bytes), (6_000_000_000, 0));
    assert_eq!(record.history.as_str(), "ShDa");
}

#[test]
fn datagrams() {
    let check = |packets: &[Packet], state: &str, history: &str, bytes: (u64, u64)| {
        let mut net = Net::new(&Config::default());
        for packet in packets {
            net.send(*packet);
        }
        net.finish();
        let record = &net.reports()[0].record;
        assert_eq!((record.state.name(), record.history.as_str()), (state, history));
        assert_eq!((record.orig_bytes, record.resp_bytes), bytes);
    };
    check(&[udp(Orig, 0.0, 5), udp(Orig, 0.1, 6)], "S0", "D", (11, 0));
    check(&[udp(Orig, 0.0, 5), udp(Resp, 0.1, 6)], "SF", "Dd", (5, 6));
    let dns = |from, len| packet(from, proto::UDP, 50_000, 53, 0.0, len);
    check(&[dns(Resp, 6)], "SHR", "^d", (0, 6));
    check(&[dns(Resp, 6), dns(Orig, 5)], "SF", "^dD", (5, 6));
    let echo = |from, len| packet(from, proto::ICMP, 8, 0, 0.0, len);
    check(&[echo(Orig, 56), echo(Resp, 56)], "OTH", "", (56, 56));
}
