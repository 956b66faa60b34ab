use std::collections::BTreeMap;

use super::*;
use crate::detect::{Kind, Severity};
use crate::export::samples::{beacon, hostile, many, upload};
use crate::export::summary::{InputSummary, ModelSummary};
use crate::features::Activity;
use crate::time::Span;

struct Fixture {
    summary: Summary,
    findings: Vec<Finding>,
    details: Vec<Detail>,
    hosts: Vec<HostRow>,
    thresholds: PerSeverity<f64>,
}

impl Fixture {
    fn new(findings: Vec<Finding>, hosts: u32) -> Self {
        let first = Timestamp::parse_rfc3339("2025-01-01T08:00:03.120Z").unwrap();
        let summary = Summary {
            version: "0.1.0".into(),
            inputs: vec![InputSummary {
                path: "captures/office-2025-01-01.pcapng.zst".into(),
                packets: 1_204_332,
                size_bytes: Some(96_120_331),
                sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
            }],
            packets: 1_204_332,
            bytes: 812_345_678,
            first_packet: Some(first),
            last_packet: Some(first + Span::from_secs(14_400)),
            flows: 9231,
            hosts: hosts.into(),
            channels: 3127,
            findings: findings.len() as u64,
            decode_errors: BTreeMap::from([("ipv4".into(), 12)]),
            elapsed_s: 1.5,
            models: vec![ModelSummary {
                name: "c2".into(),
                version: "1".into(),
                sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".into(),
                ..ModelSummary::default()
            }],
            ..Summary::default()
        };
        let thresholds = [(Severity::Low, 0.78), (Severity::Medium, 0.86), (Severity::High, 0.93)];
        Self {
            summary,
            details: findings.iter().take(CARDS).map(detail).collect(),
            findings,
            hosts: (0..hosts).map(|i| host(i, hosts)).collect(),
            thresholds: thresholds.iter().map(|&(s, t)| ((Kind::C2, s), t)).collect(),
        }
    }

    fn render(&self) -> String {
        render(&ReportData {
            summary: &self.summary,
            findings: &self.findings,
            details: &self.details,
            hosts: &self.hosts,
            score_thresholds: &self.thresholds,
            settings: &[("detect.alerts_a_day".to_owned(), "2.5".to_owned())],
        })
    }
}

fn host(i: u32, count: u32) -> HostRow {
    let place = f64::from(i) / f64::from(count);
    let first_seen = Timestamp::parse_rfc3339("2025-01-01T08:00:03.120Z").unwrap();
    HostRow {
        host: Addr::from_v4((0x0a00_0000 + i).to_be_bytes()),
        c2_score: Some((place * place * 0.97 * 1e4).round() / 1e4),
        c2_p_value: Some(1.0 - place),
        exfil_score: (!i.is_multiple_of(5)).then_some(0.4 * place + 0.2 * (1.0 - place)),
        exfil_p_value: (!i.is_multiple_of(5)).then_some(0.5),
        bytes_out: u64::from(i * 7919 % 997).pow(3),
        bytes_in: u64::from(i) * 10_007,
        flows: u64::from(i % 400),
        peers: u64::from(i % 60),
        first_seen,
        last_seen: first_seen + Span::from_secs(i64::from(i)),
    }
}

/// A channel with as much to tell as there can be.
fn detail(finding: &Finding) -> Detail {
    let minutes = |count: i64| finding.first_seen + Span::from_secs(60 * count);
    let burst = |i: i64| Activity {
        start: minutes(i),
        bytes_out: 1000 + u32::try_from(i * 7919 % 997).unwrap(),
        bytes_in: 500,
        opens_flow: true,
        peer_driven: false,
    };
    let neighbour =
        Neighbour { peer: finding.peer.clone(), bytes_out: 1_234_567, bytes_in: 7_654_321, flows: 12 };
    Detail {
        life: (0..64).map(|i| (minutes(i * 1440), u16::try_from(i % 7).unwrap())).collect(),
        part: Span::from_secs(86_400),
        bursts: (0..64).map(burst).collect(),
        volume: (0..64).map(|i| (minutes(i), 1000)).collect(),
        peers: vec![neighbour; 8],
        more_peers: 3,
        hosts: vec![finding.host; 12],
        more_hosts: 2,
    }
}

/// Whether every element that was opened is closed, in order.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "input", "!doctype"];
    let mut open = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed));
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn pages_of_all_sizes_are_well_formed() {
    for (findings, hosts) in [(0, 0), (0, 3), (1, 1), (100, 50), (1000, 500), (10_000, 10_000)] {
        let fixture = Fixture::new(many(findings), hosts);
        let html = fixture.render();
        assert_well_formed(&html);
        assert_eq!(html.matches("<article").count(), findings.min(200) as usize);
        let rows = findings.saturating_sub(200).min(2000) as usize;
        assert_eq!(html.matches("<tr id=\"f-").count(), rows);
        assert_eq!(html.matches("<th scope=\"row\"").count(), hosts.min(2000) as usize);
        assert_eq!(html.matches("<script").count(), 1);
        for outside in ["http:", "https:", "src=", "url(", "@import"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}

#[test]
fn packets_cannot_become_markup() {
    let html = Fixture::new(vec![hostile()], 1).render();
    assert_well_formed(&html);
    for markup in ["<script>alert", "<img", "<svg onload", "<b>&lt;", "\u{1b}", "\u{202e}", "\u{9b}"] {
        assert!(!html.contains(markup), "{markup:?}");
    }
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
}

#[test]
fn a_finding_is_told_whole() {
    let html = Fixture::new(vec![upload(), beacon()], 14).render();
    for text in [
        "2 findings in 14 hosts",
        "C2: beacon",
        "connects every 60.1 s ± 4 %, 231 times",
        "38 %",
        "T1071.001",
        "198.51.100.7:443 tls",
        "[2001:db8::7]:22 ssh",
        "38.2 GB",
        "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        "12 ipv4",
        "detect.alerts_a_day = 2.5",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn what_is_left_out_is_told_and_every_finding_costs_little() {
    let page = |findings: u32, hosts: u32| Fixture::new(many(findings), hosts).render();
    let empty = page(0, 1).len();
    let full = page(10_000, 10_000);
    assert!(
        full.contains("7,800 more findings</p>") || full.contains("7,800 more findings with lower scores")
    );
    assert!(full.contains("8,000 more hosts"));
    for (findings, hosts, most) in
        [(200, 1, 200 * 18_000), (2200, 1, 200 * 18_000 + 2000 * 600), (0, 2000, 2000 * 600)]
    {
        let bytes = page(findings, hosts).len() - empty;
        assert!(bytes < most, "{findings} findings and {hosts} hosts take {bytes} bytes");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let html = Fixture::new(many(300), 300).render();
    let ids: std::collections::BTreeSet<&str> =
        html.split(" id=\"").skip(1).map(|after| after.split('"').next().unwrap()).collect();
    let links: Vec<&str> =
        html.split("href=\"#").skip(1).map(|after| after.split('"').next().unwrap()).collect();
    assert!(links.len() > 500);
    for link in links {
        assert!(ids.contains(link), "{link}");
    }
    assert_eq!(ids.len(), html.matches(" id=\"").count(), "no two elements have one name");
}

#[test]
fn the_script_is_the_one_that_the_policy_lets_run() {
    let html = Fixture::new(vec![beacon()], 1).render();
    let script = html.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        <sha2::Sha256 as sha2::Digest>::digest(script.as_bytes()),
    );
    assert!(
        html.contains(&format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'"))
    );
}

#[test]
fn the_page_does_not_depend_on_the_run() {
    let mut fixture = Fixture::new(vec![beacon()], 14);
    let html = fixture.render();
    fixture.summary.elapsed_s = 99.0;
    fixture.summary.packets_per_second = 5.0;
    fixture.summary.peak_rss_bytes = Some(7);
    assert_eq!(fixture.render(), html);
}
