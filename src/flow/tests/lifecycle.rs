//! When flows begin, are reported and end; bursts inside them; what a full table does.

use super::*;
use Direction::{Orig, Resp};

const S: u8 = TcpFlags::SYN;
const A: u8 = TcpFlags::ACK;
const F: u8 = TcpFlags::FIN;
const R: u8 = TcpFlags::RST;

fn handshake(net: &mut Net) {
    net.send(tcp(Orig, 0.0, S, 100, 0, 0));
    net.send(tcp(Resp, 0.01, S | A, 500, 101, 0));
    net.send(tcp(Orig, 0.02, A, 101, 501, 0));
}

/// The idle time of a flow is over exactly at its end, whether a packet or a sweep finds out.
#[test]
fn timeouts_are_exact() {
    let check = |packets: &[Packet], idle: f64, reason: EndReason| {
        let last = (packets.last().unwrap().ts - EPOCH).as_secs_f64();
        let run = |next: f64, sweep: bool| {
            let mut net = Net::new(&Config::default());
            for packet in packets {
                net.send(*packet);
            }
            if sweep {
                net.sweep(next);
            } else {
                net.send(Packet { ts: at(next), flags: TcpFlags(A), ..packets[0] });
            }
            net.ends()
        };
        for sweep in [false, true] {
            assert_eq!(run(last + idle - 1e-6, sweep), [], "{packets:?}");
            assert_eq!(run(last + idle, sweep), [reason], "{packets:?}");
        }
    };
    let opening = [tcp(Orig, 0.0, S, 100, 0, 0), tcp(Resp, 0.5, S | A, 500, 101, 0)];
    let then = |rest: &[Packet]| [&opening, rest].concat();
    let fin = tcp(Orig, 1.0, F | A, 101, 501, 0);
    check(&opening[..1], 60.0, EndReason::Idle);
    check(&opening, 3600.0, EndReason::Idle);
    check(&then(&[fin]), 300.0, EndReason::Idle);
    check(&then(&[fin, tcp(Resp, 1.5, F | A, 501, 102, 0)]), 5.0, EndReason::Closed);
    check(&then(&[tcp(Resp, 1.0, R, 501, 0, 0)]), 5.0, EndReason::Closed);
    check(&[udp(Orig, 0.0, 9)], 60.0, EndReason::Idle);
    check(&[packet(Orig, proto::ICMP, 8, 0, 0.0, 9)], 60.0, EndReason::Idle);
}

#[test]
fn trailing_packets_are_counted_but_do_not_prolong() {
    let mut net = Net::new(&Config::default());
    handshake(&mut net);
    net.send(tcp(Orig, 1.0, F | A, 101, 501, 0)).send(tcp(Resp, 2.0, F | A, 501, 102, 0));
    net.send(tcp(Orig, 4.0, A, 102, 502, 0)).sweep(6.0).sweep(7.0);
    let record = &net.reports()[0].record;
    assert_eq!((record.last, record.counters.orig_pkts), (at(2.0), 4));
    assert_eq!(net.ends(), [EndReason::Closed]);
}

#[test]
fn a_new_syn_begins_a_new_connection() {
    let check = |before: &[Packet], syn_seq: u32, flows: u64| {
        let mut net = Net::new(&Config::default());
        handshake(&mut net);
        for packet in before {
            net.send(*packet);
        }
        net.send(tcp(Orig, 3.0, S, syn_seq, 0, 0)).finish();
        assert_eq!(net.tables.stats().created, flows, "{before:?} {syn_seq}");
        let ends = net.ends();
        assert_eq!(ends[..ends.len() - 1], [EndReason::Closed][..usize::from(flows == 2)]);
    };
    let fins = [tcp(Orig, 1.0, F | A, 101, 501, 0), tcp(Resp, 1.0, F | A, 501, 102, 0)];
    check(&[], 100, 1);
    check(&[], 9000, 2);
    check(&fins[..1], 100, 2);
    check(&fins, 100, 2);
    check(&fins, 9000, 2);
}

#[test]
fn interim_reports_once_a_minute_and_only_of_news() {
    let mut net = Net::new(&Config::default());
    handshake(&mut net);
    for tick in 1..=30 {
        let now = f64::from(tick) * 10.0;
        if now < 200.0 {
            net.send(tcp(Orig, now - 5.0, A, 101, 501, 0));
        }
        net.sweep(now);
    }
    let reports = net.reports();
    let expected = [(at(55.0), 8, true), (at(115.0), 6, false), (at(175.0), 6, false), (at(185.0), 1, false)];
    let got: Vec<_> = reports.iter().map(|r| (r.record.last, r.new.orig_pkts, r.first)).collect();
    assert_eq!(got, expected);
    assert!(reports.iter().all(|report| report.phase == ReportPhase::Interim));
    assert_eq!(net.tables.stats().interim_reports, 4);
    net.finish();
    let last = *net.reports().last().unwrap();
    assert_eq!((last.new, last.record.counters.orig_pkts), (Counters::default(), 21));
}

#[test]
fn reports_of_echoes_tell_what_is_new() {
    let mut net = Net::new(&Config::default());
    for second in 0..100_u16 {
        let now = f64::from(second);
        let request = packet(Orig, proto::ICMP, 8, 0, now, 200);
        net.send(Packet { seq: second.into(), icmp_payload_hash: second.into(), ..request });
        if second % 10 == 9 {
            net.sweep(now + 0.5);
        }
    }
    net.finish();
    let told: Vec<_> = net
        .reports()
        .iter()
        .map(|r| (r.phase, r.record.icmp_payload_changes, r.record.icmp_payload_max))
        .collect();
    let end = ReportPhase::Final(EndReason::EndOfInput);
    assert_eq!(told, [(ReportPhase::Interim, 69, 200), (end, 30, 200)]);
}

/// (seconds, direction, flags, payload) after a handshake at 0 → (start, end, packets, initiator) of the bursts.
fn check_bursts(
    packets: &[(f64, Direction, u8, u32)],
    sweeps: bool,
    expected: &[(f64, f64, u32, Direction)],
) {
    let mut net = Net::new(&Config::default());
    handshake(&mut net);
    let mut tick = 10.0;
    for &(seconds, from, flags, len) in packets {
        while sweeps && tick <= seconds {
            net.sweep(tick);
            tick += 10.0;
        }
        net.send(tcp(from, seconds, flags, 101, 501, len));
    }
    net.finish();
    let got: Vec<_> = net.exchanges().iter().map(|e| (e.start, e.end, e.packets, e.initiator)).collect();
    let expected: Vec<_> =
        expected.iter().map(|&(start, end, n, who)| (at(start), at(end), n, who)).collect();
    assert_eq!(got, expected, "{packets:?}, sweeps: {sweeps}");
    assert!(net.exchanges().iter().enumerate().all(|(n, e)| e.opens_flow == (n == 0) && e.answered));
}

#[test]
fn bursts_begin_after_a_second_of_silence() {
    for sweeps in [false, true] {
        let check = |packets: &[_], expected: &[_]| check_bursts(packets, sweeps, expected);
        // A young flow is one burst, whatever its gaps.
        check(&[(5.0, Orig, A, 9), (9.9, Orig, A, 9)], &[(0.0, 9.9, 5, Orig)]);
        check(
            &[(9.5, Orig, A, 9), (10.4, Orig, A, 9), (11.4, Resp, A, 9)],
            &[(0.0, 10.4, 5, Orig), (11.4, 11.4, 1, Resp)],
        );
        // A keep-alive without payload is a burst; the end of the connection is none.
        check(
            &[(30.0, Resp, A, 0), (30.1, Orig, A, 0), (60.0, Orig, F | A, 0), (60.1, Resp, A, 0)],
            &[(0.0, 0.02, 3, Orig), (30.0, 30.1, 2, Resp)],
        );
        // The answer of a half-closed server is.
        check(
            &[(30.0, Orig, F | A, 0), (30.1, Resp, A, 0), (40.0, Resp, A, 70), (40.1, Resp, R, 0)],
            &[(0.0, 0.02, 3, Orig), (40.0, 40.1, 2, Resp)],
        );
    }
}

#[test]
fn answers_are_syn_acks_and_payload() {
    let check = |packets: &[Packet], answered: bool| {
        let mut net = Net::new(&Config::default());
        for packet in packets {
            net.send(*packet);
        }
        net.finish();
        assert_eq!(net.exchanges()[0].answered, answered, "{packets:?}");
    };
    let syn = tcp(Orig, 0.0, S, 100, 0, 0);
    let (accept, refuse) = (tcp(Resp, 0.1, S | A, 500, 101, 0), tcp(Resp, 0.2, R | A, 501, 101, 0));
    check(&[syn], false);
    check(&[syn, refuse], false);
    check(&[syn, accept], true);
    check(&[syn, accept, refuse], true);
    check(&[tcp(Orig, 0.0, A, 100, 7, 9), tcp(Resp, 0.1, A, 7, 109, 0)], false);
    check(&[tcp(Orig, 0.0, A, 100, 7, 9), tcp(Resp, 0.1, A, 7, 109, 9)], true);
    check(&[udp(Orig, 0.0, 9)], false);
    check(&[udp(Orig, 0.0, 9), udp(Resp, 0.1, 9)], true);
}

#[test]
fn the_first_speaker_is_told() {
    let mut net = Net::new(&Config::default());
    handshake(&mut net);
    net.send(tcp(Resp, 1.0, A, 501, 101, 70)).send(tcp(Orig, 1.1, A, 101, 571, 30)).finish();
    assert_eq!(net.reports()[0].record.first_speaker, 2);
}

#[test]
fn an_upload_inside_a_download_is_told_as_it_goes_on() {
    let mut net = Net::new(&Config::default());
    handshake(&mut net);
    net.send(tcp(Resp, 1.0, A, 501, 101, 60_000)).send(tcp(Orig, 2.0, A, 101, 60_501, 30_000)).sweep(70.0);
    net.send(tcp(Resp, 71.0, A, 60_501, 30_101, 100))
        .send(tcp(Orig, 72.0, A, 30_101, 60_601, 9_000))
        .finish();
    let surges: Vec<_> =
        net.reports().iter().map(|r| (r.record.counters.orig_surge, r.new.orig_surge)).collect();
    assert_eq!(surges, [(30_000, 30_000), (38_800, 8_800)]);
}

#[test]
fn a_full_table_gives_up_unanswered_flows_first() {
    let config = Config { max_flows: 8 * SHARDS, ..Config::default() };
    let mut net = Net::new(&config);
    let flow = |port, from, seconds| packet(from, proto::UDP, port, 4444, seconds, 1);
    let shard = |port| hash::shard(FlowHasher::new(Seed::REPLAY).packet(&flow(port, Orig, 0.0)));
    let mut of_one_shard = (20_000..60_000).filter(|port| shard(*port) == 3);
    let answered: Vec<u16> = of_one_shard.by_ref().take(4).collect();
    for &port in &answered {
        net.send(flow(port, Orig, 0.0)).send(flow(port, Resp, 0.1));
    }
    for port in of_one_shard.take(2000) {
        net.send(flow(port, Orig, 1.0));
        assert!(net.tables.len() <= 8);
    }
    assert_eq!(net.tables.stats().evicted, 2000 - 4);
    net.finish();
    let reports = net.reports();
    let open = reports.iter().filter(|r| r.phase == ReportPhase::Final(EndReason::EndOfInput));
    assert_eq!(open.filter(|report| answered.contains(&report.record.key.orig_port)).count(), 4);
    assert_eq!(net.tables.stats().created, 2004);
    assert_eq!(reports.len(), 2004);
}

#[test]
fn a_full_table_keeps_a_flow_that_may_still_be_answered() {
    let config = Config { max_flows: 256 * SHARDS, ..Config::default() };
    let mut net = Net::new(&config);
    let flow = |port, server_port, from| packet(from, proto::UDP, port, server_port, 1.0, 1);
    let spoofed = |net: &mut Net, server_port, ports: std::ops::Range<u16>| {
        for port in ports {
            net.send(flow(port, server_port, Orig));
        }
    };
    spoofed(&mut net, 4444, 1_024..9_000);
    // Each is answered after as many packets of the flood as a quarter of the tables hold.
    for port in 30_000..30_040 {
        net.send(flow(port, 4444, Orig));
        spoofed(&mut net, port, 1_024..1_024 + 512);
        net.send(flow(port, 4444, Resp));
    }
    net.finish();
    let answered = |report: &&&FlowReport| {
        let key = report.record.key;
        key.resp_port == 4444 && key.orig_port >= 30_000 && report.record.counters.resp_pkts == 1
    };
    assert_eq!(net.reports().iter().filter(answered).count(), 40);
}

#[test]
fn time_that_runs_backwards_does_no_harm() {
    let mut net = Net::new(&Config::default());
    net.send(udp(Orig, 100.0, 1)).send(udp(Resp, 50.0, 1)).send(udp(Orig, -1e12, 1)).sweep(0.0).sweep(1e12);
    assert_eq!(net.ends(), [EndReason::Idle]);
    assert_eq!((net.reports()[0].record.first, net.reports()[0].record.last), (at(100.0), at(100.0)));
}
