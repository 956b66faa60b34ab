use super::*;
use crate::detect::Kind;
use crate::evaluate::{BehaviourRow, evaluate};

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
