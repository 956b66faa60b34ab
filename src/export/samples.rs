//! Synthetic findings and golden files for the tests of this stage.

use crate::addr::Addr;
use crate::detect::{Behaviour, Evidence, Finding, Kind, Peer, Severity};
use crate::time::{Span, Timestamp};

/// The contract's example.
pub(super) fn beacon() -> Finding {
    let first_seen = Timestamp::parse_rfc3339("2025-01-01T08:00:03.120Z").unwrap();
    Finding {
        id: "c2-5d1b9f0a".into(),
        kind: Kind::C2,
        host: Addr::from_v4([172, 16, 4, 9]),
        peer: Peer {
            ip: Some(Addr::from_v4([198, 51, 100, 7])),
            name: Some("cdn.example.net".into()),
            port: Some(443),
            proto: "tcp",
            service: "tls".into(),
        },
        score: 0.93,
        p_value: 0.000_21,
        severity: Severity::High,
        first_seen,
        last_seen: Timestamp::parse_rfc3339("2025-01-01T11:59:41.002Z").unwrap(),
        detected_at: None,
        behaviour: Behaviour::Beacon,
        techniques: vec!["T1071.001", "T1573"],
        evidence: vec![
            evidence("interval_regularity", 0.97, 0.11, 0.38, "connects every 60.1 s ± 4 %, 231 times"),
            evidence("hosts_sharing_peer", 1.0, 14.0, 0.17, "no other monitored host talks to this peer"),
        ],
        flows: 231,
        bytes_out: 412_337,
        bytes_in: 98_121,
        activity: (0..96).map(|i| 2 + u32::from(i % 5 == 0)).collect(),
    }
}

/// Data that leaves in bulk, to an address without a name.
pub(super) fn upload() -> Finding {
    let first_seen = Timestamp::parse_rfc3339("2025-01-01T23:10:00Z").unwrap();
    Finding {
        id: "exfil-0c77e1d2".into(),
        kind: Kind::Exfil,
        host: Addr::from_v4([10, 0, 0, 23]),
        peer: Peer {
            ip: Some(Addr::from("2001:db8::7".parse::<std::net::IpAddr>().unwrap())),
            name: None,
            port: Some(22),
            proto: "tcp",
            service: "ssh".into(),
        },
        score: 0.991_234_56,
        p_value: 0.000_012_345_678,
        severity: Severity::Critical,
        first_seen,
        last_seen: first_seen + Span::from_secs(5400),
        detected_at: None,
        behaviour: Behaviour::BulkUpload,
        techniques: vec!["T1048"],
        evidence: vec![evidence(
            "bytes_out_1h",
            38_200_000_000.0,
            41_000_000.0,
            0.61,
            "sent 38.2 GB in 90 minutes to a destination first seen today",
        )],
        flows: 3,
        bytes_out: 38_200_000_000,
        bytes_in: 71_000_000,
        activity: (0..96_u32).map(|i| (i * 7_919 % 97) * 8_000_000).collect(),
    }
}

/// Names that try to break out of wherever they are put.
pub(super) fn hostile() -> Finding {
    let mut finding = beacon();
    finding.id = "c2-hostile".into();
    finding.severity = Severity::Low;
    finding.peer.name = Some("<script>alert('x')</script>\"&\u{1b}[31m\u{202e}\r\n".into());
    finding.peer.service = "<b>".into();
    finding.evidence[0].text = "</li><img src=x onerror=alert(1)>\u{7}\u{9b}2J".into();
    finding.evidence[0].feature = "\"><svg onload=alert(1)>".into();
    finding
}

/// `count` different findings of all kinds, severities and behaviours, the highest score first.
pub(super) fn many(count: u32) -> Vec<Finding> {
    let make = |i: u32| {
        let mut finding = if i.is_multiple_of(3) { upload() } else { beacon() };
        let all = Behaviour::ALL;
        finding.id = format!("{}-{i:08x}", finding.kind.name());
        finding.behaviour = all[i as usize % 5 + if finding.kind == Kind::Exfil { 3 } else { 0 }];
        finding.host = Addr::from_v4((0x0a00_0000 + i).to_be_bytes());
        finding.score = 1.0 - f64::from(i) / f64::from(count + 1) * 0.5;
        finding.p_value *= f64::from(i + 1);
        finding.severity = Severity::ALL[3 - (i * 4 / count.max(1)).min(3) as usize];
        finding.bytes_out /= u64::from(i % 13 + 1);
        finding.first_seen = finding.first_seen + Span::from_secs(i64::from(i) * 37);
        finding.last_seen = finding.last_seen + Span::from_secs(i64::from(i) * 53);
        finding
    };
    (0..count).map(make).collect()
}

/// Checks text against a committed file, by its path in the repository. `UPDATE_GOLDEN=1 cargo test` writes the file.
pub(super) fn golden(path: &str, actual: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path} is not what is made now; run UPDATE_GOLDEN=1 cargo test\n{actual}");
}

fn evidence(feature: &str, value: f64, typical: f64, contribution: f64, text: &str) -> Evidence {
    Evidence { feature: feature.into(), value, typical, contribution, text: text.into() }
}
