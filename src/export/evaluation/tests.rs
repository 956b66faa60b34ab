use super::*;
use crate::detect::Kind;
use crate::evaluate::{BehaviourRow, CurvePoint, Group, Scorer, SweepRow, evaluate};

fn text(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn nothing_scored_is_written_in_every_format() {
    let nothing = evaluate(Vec::new(), 1.0, 1).unwrap();
    let table = text(|out| write_table(out, &nothing, TableStyle::PLAIN));
    let markdown = text(|out| write_markdown(out, &nothing));
    for title in ["Detectors and simpler rules", "Incidents", "Calibration"] {
        assert!(table.contains(title) && markdown.contains(&format!("### {title}\n")), "{title}");
    }
    for title in ["Detections by behaviour", "Found within the budget, by note"] {
        assert!(!table.contains(title) && !markdown.contains(title), "{title}");
    }
    assert!(markdown.contains("| both | undercurrent | - | - | - | 0 | 0 |"), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&text(|out| write_json(out, &nothing))).unwrap();
    assert_eq!(json["groups"][0]["average_precision"], serde_json::Value::Null);
    assert_eq!(json["groups"][0]["scorer"], "undercurrent");
}

#[test]
fn markdown_cells_cannot_end_early() {
    let mut evaluation = evaluate(Vec::new(), 1.0, 1).unwrap();
    evaluation.behaviours = vec![BehaviourRow::new(Kind::C2, "a|b")];
    assert!(text(|out| write_markdown(out, &evaluation)).contains("| c2 a\\|b | 0 |"));
}

/// Two incidents of a sweep and a channel that is none.
fn swept() -> crate::evaluate::Evaluation {
    let mut evaluation = evaluate(Vec::new(), 1.0, 1).unwrap();
    for row in evaluation.groups.iter_mut().filter(|row| row.group != Group::Exfil) {
        row.incidents = 2;
        row.average_precision = Some(0.75);
        row.budget_threshold = Some(0.5);
        row.curve = vec![
            CurvePoint { threshold: 0.9, found: 1, false_alerts: 0 },
            CurvePoint { threshold: 0.2, found: 2, false_alerts: 2 },
        ];
    }
    evaluation.sweep = [(60.0, 0.0, 1), (60.0, 0.5, 0), (3600.0, 0.5, 1)]
        .map(|(interval_s, jitter, found)| SweepRow {
            kind: Kind::C2,
            behaviour: "beacon".into(),
            interval_s,
            jitter,
            incidents: 1,
            found: vec![(Scorer::Detector, found), (Scorer::Rita, 0)],
        })
        .to_vec();
    evaluation
}

#[test]
fn the_page_has_a_curve_a_scorer_and_a_box_a_pace() {
    let html = render_page(&swept(), "a<b>.pcap");
    assert!(html.contains("a&lt;b&gt;.pcap") && !html.contains("<b>.pcap"));
    assert_eq!(
        html.matches("precision against recall\"").count(),
        1,
        "no chart of both, and none without an incident"
    );
    assert_eq!(
        html.matches("<circle class=\"dot").count(),
        html.matches("<span class=\"dim\">0.750</span>").count()
    );
    // The detector finds one of two in the first place, and with it the precision falls to a half.
    assert!(
        html.contains("<path class=\"line s0\" d=\"M38.0 12.0L234.0 12.0L234.0 137.0L430.0 137.0\"/>"),
        "{html}"
    );
    for text in ["c2 beacon, by jitter", "1/1", "0/1", "60 s", "60 min", "2 of 3"] {
        assert!(html.contains(text), "{text}");
    }
    for outside in ["http:", "https:", "src=", "url(", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let without = render_page(&evaluate(Vec::new(), 1.0, 1).unwrap(), "nothing");
    assert!(without.contains("No incident is labelled") && !without.contains("by jitter"));
}

#[test]
fn tables_hold_what_the_charts_show() {
    let dir = tempfile::tempdir().unwrap();
    write_tables(dir.path(), &swept()).unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(read("measures.csv").contains("c2,undercurrent,2,0,0.75,,,0.5\n"), "{}", read("measures.csv"));
    assert!(
        read("curves.csv").contains("c2,undercurrent,0.20000000298023224,1,0.5,2,2\n"),
        "{}",
        read("curves.csv")
    );
    assert!(read("sweep.csv").contains("c2,beacon,60,0.5,undercurrent,1,0\n"), "{}", read("sweep.csv"));
    assert!(read("incidents.csv").starts_with("input,host,peer,kind,"));
    assert!(read("incidents.csv").contains(",within_budget_rita_v5"));
}
