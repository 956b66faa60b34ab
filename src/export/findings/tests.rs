use super::*;
use crate::export::samples::{beacon, golden, hostile, many, upload};

const SCORED: Scored = Scored { hosts: 14, channels: 132 };

fn table(findings: &[Finding], style: TableStyle) -> String {
    let mut out = Vec::new();
    write_table(&mut out, findings, SCORED, style).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn json_is_the_contract() {
    let expected = [
        concat!(
            r#"{"id":"c2-5d1b9f0a","kind":"c2","host":"172.16.4.9","#,
            r#""peer":{"ip":"198.51.100.7","name":"cdn.example.net","port":443,"proto":"tcp","service":"tls"},"#,
            r#""score":0.93,"p_value":0.00021,"severity":"high","#,
            r#""first_seen":"2025-01-01T08:00:03.120Z","last_seen":"2025-01-01T11:59:41.002Z","#,
            r#""behaviour":"beacon","techniques":["T1071.001","T1573"],"#,
            r#""evidence":[{"feature":"interval_regularity","value":0.97,"typical":0.11,"contribution":0.38,"#,
            r#""text":"connects every 60.1 s ± 4 %, 231 times"},"#,
            r#"{"feature":"hosts_sharing_peer","value":1.0,"typical":14.0,"contribution":0.17,"#,
            r#""text":"no other monitored host talks to this peer"}],"#,
            r#""flows":231,"bytes_out":412337,"bytes_in":98121}"#,
        ),
        concat!(
            r#"{"id":"exfil-0c77e1d2","kind":"exfil","host":"10.0.0.23","#,
            r#""peer":{"ip":"2001:db8::7","name":null,"port":22,"proto":"tcp","service":"ssh"},"#,
            r#""score":0.9912,"p_value":0.0000123457,"severity":"critical","#,
            r#""first_seen":"2025-01-01T23:10:00.000Z","last_seen":"2025-01-02T00:40:00.000Z","#,
            r#""behaviour":"bulk_upload","techniques":["T1048"],"#,
            r#""evidence":[{"feature":"bytes_out_1h","value":38200000000.0,"typical":41000000.0,"contribution":0.61,"#,
            r#""text":"sent 38.2 GB in 90 minutes to a destination first seen today"}],"#,
            r#""flows":3,"bytes_out":38200000000,"bytes_in":71000000}"#,
        ),
    ];
    let findings = [beacon(), upload()];
    let mut jsonl = Vec::new();
    write_jsonl(&mut jsonl, &findings).unwrap();
    assert_eq!(String::from_utf8(jsonl).unwrap(), format!("{}\n{}\n", expected[0], expected[1]));
    let mut json = Vec::new();
    write_json(&mut json, &findings).unwrap();
    assert_eq!(String::from_utf8(json).unwrap(), format!("[\n{},\n{}\n]\n", expected[0], expected[1]));
    let mut empty = Vec::new();
    write_json(&mut empty, &[]).unwrap();
    assert_eq!(empty, b"[]\n");
}

#[test]
fn the_table_reads_well() {
    let findings = [upload(), beacon()];
    golden("src/export/findings/table_120.txt", &table(&findings, TableStyle::PLAIN));
    golden("src/export/findings/table_80.txt", &table(&findings, TableStyle { width: 80, color: false }));
}

#[test]
fn no_findings_are_said() {
    assert_eq!(
        table(&[], TableStyle::PLAIN),
        "No findings: 14 hosts and 132 channels scored, none over the thresholds.\n"
    );
}

#[test]
fn the_table_keeps_its_width_and_its_colours() {
    for width in [80, 100, 120] {
        let text = table(&many(40), TableStyle { width, color: false });
        let rows = text.lines().take_while(|line| !line.is_empty());
        let widest = rows.map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(width), "{widest} > {width}");
        assert!(!text.contains('\u{1b}'));
    }
    assert!(table(&[beacon()], TableStyle { width: 120, color: true }).contains("\u{1b}["));
}

#[test]
fn packets_cannot_drive_the_terminal() {
    let text = table(&[hostile()], TableStyle::PLAIN);
    assert!(text.contains("<script>"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !crate::export::text::deceives(c)), "{text:?}");
}
