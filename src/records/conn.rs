//! A line of `conn.log` as a flow.

use super::column::Column;
use super::facts::{Facts, Side};
use super::row::{BadLine, Row};
use crate::decode::app::{AppInfo, Service};
use crate::decode::proto;
use crate::flow::{ConnState, FlowKey, FlowRecord, History};
use crate::seed::Seed;
use crate::time::Span;

/// Bytes of the name of a service that is kept: Zeek joins several with commas.
const SERVICE_MAX: usize = 128;

/// Reads a line. The names that other logs give the connection come later.
pub(super) fn flow(row: &Row<'_>, seed: Seed) -> Result<FlowRecord, BadLine> {
    let first = row.time(Column::Ts)?;
    let duration = row.span(Column::Duration)?;
    let key = key(row)?;
    let history = history(row.text(Column::History));
    let letters = history.as_str();
    let ends = [
        (Column::OrigPkts, Column::OrigIpBytes, Column::OrigBytes, Column::OrigFrameBytes, 'D'),
        (Column::RespPkts, Column::RespIpBytes, Column::RespBytes, Column::RespFrameBytes, 'd'),
    ];
    let mut sides = [Side::default(); 2];
    for (side, (packets, ip_bytes, payload, frames, letter)) in sides.iter_mut().zip(ends) {
        *side = Side {
            packets: row.count(packets)?,
            ip_bytes: row.count(ip_bytes)?,
            payload: row.count(payload)?,
            frame_bytes: row.count(frames)?,
            silent: key.proto == proto::TCP && !letters.is_empty() && !letters.contains(letter),
        };
    }
    let facts = Facts {
        key,
        uid: row.text(Column::Uid).map(|text| super::names::uid(text, seed)),
        first,
        last: first + duration.unwrap_or(Span::ZERO),
        sides,
        total_packets: row.count(Column::TotPkts)?,
        missed_bytes: row.count(Column::MissedBytes)?,
        state: row.text(Column::ConnState).and_then(state),
        history,
        // Zeek gives no bytes of payload for connections of no length, though it knows them.
        payload_expected: duration.is_some(),
    };
    Ok(facts.flow())
}

fn key(row: &Row<'_>) -> Result<FlowKey, BadLine> {
    let (orig, resp) = (row.addr(Column::OrigH)?, row.addr(Column::RespH)?);
    let named = row.text(Column::Proto);
    let number = match (row.port(Column::IpProto)?, named) {
        (Some(number), _) => u8::try_from(number).unwrap_or_default(),
        (None, Some(name)) => proto_number(name, orig.is_v4()),
        (None, None) => return Err(BadLine::Missing(Column::Proto.name().to_owned())),
    };
    Ok(FlowKey {
        orig,
        resp,
        orig_port: row.port(Column::OrigP)?.unwrap_or_default(),
        resp_port: row.port(Column::RespP)?.unwrap_or_default(),
        proto: number,
    })
}

/// The IP protocol number of a name; 0 for one that is not known.
pub(super) fn proto_number(name: &str, v4: bool) -> u8 {
    match name.to_ascii_lowercase().as_str() {
        "tcp" => proto::TCP,
        // Argus names what UDP carries.
        "udp" | "rtp" | "rtcp" | "udt" => proto::UDP,
        "icmp" if v4 => proto::ICMP,
        "icmp" | "icmp6" | "ipv6-icmp" => proto::ICMPV6,
        "sctp" => proto::SCTP,
        "gre" => proto::GRE,
        number => number.parse().unwrap_or_default(),
    }
}

fn state(name: &str) -> Option<ConnState> {
    ConnState::ALL.into_iter().find(|state| state.name() == name)
}

fn history(text: Option<&str>) -> History {
    let mut history = History::default();
    text.unwrap_or_default().bytes().filter(u8::is_ascii_graphic).for_each(|letter| history.push(letter));
    history
}

/// Whether a protocol would be known: Zeek reads a stream from its begin on, and only in order. Of one that it came to in the middle, or
/// that it cut in two because nothing was said for minutes, a service that is not told says nothing.
pub(super) fn is_readable(record: &FlowRecord) -> bool {
    let letters = record.history.as_str();
    let spoke = record.counters.orig_payload > 0 || record.counters.resp_payload > 0;
    record.key.proto != proto::TCP || letters.is_empty() || letters.starts_with("Sh") || !spoke
}

/// What is known of a connection of which the log says only what protocols it speaks; nothing where it says nothing.
pub(super) fn logged_service(text: &str, service: Service) -> Option<AppInfo> {
    let told = !text.is_empty() && text.len() <= SERVICE_MAX;
    told.then(|| AppInfo { service, logged_service: Some(text.into()), ..AppInfo::default() })
}

/// The service of Zeek's names for the protocols that a connection speaks, the one that tells most where there are several.
pub(super) fn service(names: &str, protocol: u8, port: u16) -> Service {
    const BY_WEIGHT: [(&str, Service); 24] = [
        ("quic", Service::Quic),
        ("ssl", Service::Tls),
        ("http", Service::Http),
        ("http2", Service::Http),
        ("ssh", Service::Ssh),
        ("rdp", Service::Rdp),
        ("rdpeudp", Service::Rdp),
        ("smtp", Service::Smtp),
        ("ftp", Service::Ftp),
        ("ftp-data", Service::Ftp),
        ("smb", Service::Smb),
        ("irc", Service::Irc),
        ("mqtt", Service::Mqtt),
        ("dns", Service::Dns),
        ("ntp", Service::Ntp),
        ("dhcp", Service::Dhcp),
        ("ssdp", Service::Discovery),
        ("stun", Service::Stun),
        ("turn", Service::Stun),
        ("dtls", Service::Stun),
        ("wireguard", Service::Vpn),
        ("openvpn", Service::Vpn),
        ("ipsec", Service::Vpn),
        ("ayiya", Service::Vpn),
    ];
    let spoken = |name: &str| names.split(',').any(|spoken| spoken.eq_ignore_ascii_case(name));
    match BY_WEIGHT.into_iter().find(|(name, _)| spoken(name)) {
        // Zeek calls DTLS by the name of TLS.
        Some((_, Service::Tls)) if protocol == proto::UDP => Service::Stun,
        // Names that are asked for on the local network.
        Some((_, Service::Dns)) if matches!(port, 137 | 5353 | 5355) => Service::Discovery,
        found => found.map_or(Service::Unknown, |(_, service)| service),
    }
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;
    use crate::flow::Unseen;

    fn read(extra: &str) -> Result<FlowRecord, BadLine> {
        let ends = r#""ts":100.5,"uid":"Cabc","id.orig_h":"10.0.0.1","id.resp_h":"192.0.2.7","id.orig_p":5000,"id.resp_p":443"#;
        flow(&json::row(&format!("{{{ends},{extra}}}")).unwrap(), Seed(1))
    }

    const FULL: &str = r#""proto":"tcp","duration":2.5,"orig_bytes":500,"resp_bytes":9000,"conn_state":"SF","missed_bytes":0,
        "history":"ShADadFf","orig_pkts":10,"orig_ip_bytes":1020,"resp_pkts":12,"resp_ip_bytes":9600"#;

    #[test]
    fn a_whole_line_is_a_whole_flow() {
        let flow = read(FULL).unwrap();
        assert_eq!(flow.last - flow.first, Span::from_millis(2500));
        assert_eq!((flow.state, flow.history.as_str(), flow.first_speaker), (ConnState::SF, "ShADadFf", 1));
        assert_eq!(
            (flow.orig_bytes, flow.counters.orig_payload, flow.counters.orig_ip_bytes),
            (500, 500, 1020)
        );
        assert_eq!(flow.unseen, Unseen::PACING.or(Unseen::FRAMES));
    }

    #[test]
    fn what_is_not_told_is_unseen() {
        let check = |extra: &str, what: &[Unseen]| {
            let expected = what.iter().fold(Unseen::PACING.or(Unseen::FRAMES), |all, one| all.or(*one));
            assert_eq!(read(extra).unwrap().unseen, expected, "{extra}");
        };
        let all = [Unseen::PACKETS, Unseen::IP_BYTES, Unseen::MISSED, Unseen::STATE];
        check(r#""proto":"udp""#, &all);
        check(&FULL.replace("orig_pkts", "x"), &[Unseen::PACKETS]);
        check(&FULL.replace("resp_bytes", "x"), &[Unseen::PAYLOAD]);
        check(&FULL.replace("resp_ip_bytes", "x"), &[Unseen::IP_BYTES]);
    }

    #[test]
    fn payload_is_what_the_packets_can_hold() {
        let check = |extra: &str, expected: (u64, u64)| {
            let counters = read(extra).unwrap().counters;
            assert_eq!((counters.orig_payload, counters.resp_payload), expected, "{extra}");
        };
        check(&FULL.replace("\"resp_bytes\":9000", "\"resp_bytes\":4294967000"), (500, 9120));
        check(
            r#""proto":"udp","orig_pkts":1,"orig_ip_bytes":76,"resp_pkts":0,"resp_ip_bytes":0,"history":"D""#,
            (48, 0),
        );
        check(
            r#""proto":"tcp","orig_pkts":1,"orig_ip_bytes":60,"resp_pkts":0,"resp_ip_bytes":0,"history":"S""#,
            (0, 0),
        );
        check(r#""proto":"tcp","orig_bytes":7,"resp_bytes":8"#, (7, 8));
    }

    #[test]
    fn a_state_that_is_not_named_is_taken_from_the_counters() {
        let state = |extra: &str| read(extra).unwrap().state;
        assert_eq!(state(r#""proto":"tcp","resp_pkts":0"#), ConnState::S0);
        assert_eq!(state(r#""proto":"tcp","resp_ip_bytes":60"#), ConnState::SF);
    }

    #[test]
    fn lines_without_ends_are_refused() {
        let ts = r#""ts":1"#;
        for (line, needle) in [
            (r#"{"uid":"C"}"#.to_owned(), "there is no ts"),
            (format!("{{{ts}}}"), "there is no id.orig_h"),
            (format!(r#"{{{ts},"id.orig_h":"a","id.resp_h":"::"}}"#), "id.orig_h \"a\" is not an address"),
            (format!(r#"{{{ts},"id.orig_h":"::","id.resp_h":"::"}}"#), "there is no proto"),
            (
                format!(r#"{{{ts},"id.orig_h":"::","id.resp_h":"::","proto":"tcp","id.resp_p":70000}}"#),
                "id.resp_p \"70000\"",
            ),
        ] {
            let error = flow(&json::row(&line).unwrap(), Seed(1)).unwrap_err().to_string();
            assert!(error.contains(needle), "{line}: {error}");
        }
    }

    #[test]
    fn what_ran_ahead_is_what_the_sums_tell() {
        let surge = |extra: &str| read(extra).unwrap().counters.orig_surge;
        assert_eq!(surge(FULL), 0);
        assert_eq!(surge(r#""proto":"tcp","orig_bytes":50000,"resp_bytes":6000"#), 38_000);
        assert_eq!(surge(r#""proto":"tcp","orig_bytes":9999,"resp_bytes":0"#), 0);
    }

    #[test]
    fn the_time_is_asked_for_in_datagrams_of_one_size() {
        use super::super::facts::is_ntp;
        let ntp =
            r#""proto":"udp","id.resp_p":123,"orig_pkts":2,"orig_bytes":96,"resp_pkts":1,"resp_bytes":48"#;
        for (line, expected) in [
            (ntp.to_owned(), true),
            (ntp.replace(":48", ":49"), false),
            (ntp.replace(":123", ":124"), false),
            (ntp.replace("udp", "tcp"), false),
        ] {
            let line = format!(r#"{{"ts":1,"id.orig_h":"10.0.0.1","id.resp_h":"192.0.2.7",{line}}}"#);
            assert_eq!(is_ntp(&flow(&json::row(&line).unwrap(), Seed(1)).unwrap()), expected, "{line}");
        }
    }

    #[test]
    fn a_stream_is_read_from_its_begin() {
        for (history, expected) in
            [("ShADadFf", true), ("", true), ("DdA", false), ("hADad", false), ("SadAD", false)]
        {
            let line = FULL.replace("ShADadFf", history);
            assert_eq!(is_readable(&read(&line).unwrap()), expected, "{history}");
        }
        assert!(is_readable(&read(r#""proto":"udp","history":"Dd""#).unwrap()));
    }

    #[test]
    fn the_service_that_tells_most_is_taken() {
        let check = |names: &str, port: u16, expected| {
            assert_eq!(service(names, proto::TCP, port), expected, "{names}");
        };
        check("ssl", 443, Service::Tls);
        check("ssl,quic", 443, Service::Quic);
        check("gssapi,smb,krb", 445, Service::Smb);
        check("dns", 53, Service::Dns);
        check("dns", 5353, Service::Discovery);
        check("krb_tcp", 88, Service::Unknown);
        assert_eq!(service("ssl", proto::UDP, 10_000), Service::Stun);
    }
}
