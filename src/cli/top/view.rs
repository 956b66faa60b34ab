//! What is shown. All text of the sensor is made safe to print: names in it came from packets.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Tabs, Wrap};
use serde_json::Value;

use super::client::State;
use super::keys::Place;
use crate::export::text;

/// Draws the whole screen.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, place: &Place, trouble: Option<&str>) {
    let [head, tabs, body, foot] = Layout::vertical([
        Constraint::Length(4),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(head_lines(state, trouble)), head);
    let titles = [format!("Findings {}", state.findings.len()), format!("Hosts {}", state.hosts.len())];
    frame.render_widget(Tabs::new(titles).select(usize::from(place.hosts)), tabs);
    let rows = if place.hosts { &state.hosts } else { &state.findings };
    match rows.get(place.row).filter(|_| place.open) {
        Some(row) if place.hosts => paragraph(frame, body, host_lines(row)),
        Some(row) => paragraph(frame, body, finding_lines(row)),
        None => table(frame, body, rows, place),
    }
    let keys = "q leave   Tab findings or hosts   ↑ ↓ choose   Enter all of it   Esc back";
    frame.render_widget(Paragraph::new(keys).style(Style::new().fg(Color::DarkGray)), foot);
}

/// The same as text, once.
pub(super) fn plain(state: &State) -> String {
    let mut lines: Vec<String> = head_lines(state, None).iter().map(ToString::to_string).collect();
    lines.retain(|line| !line.is_empty());
    lines.push(String::new());
    lines.push(format!("{} findings", state.findings.len()));
    lines.extend(state.findings.iter().map(|finding| finding_cells(finding).join("  ")));
    lines.join("\n")
}

fn head_lines(state: &State, trouble: Option<&str>) -> Vec<Line<'static>> {
    let status = &state.status;
    let (sign, color) =
        if status["ready"] == true { ("up", Color::Green) } else { ("not ready", Color::Red) };
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!("undercurrent {} ", word(&status["version"])), Modifier::BOLD),
            Span::styled(format!("{sign}: "), color),
            Span::raw(word(&status["ready_reason"])),
        ]),
        Line::from(format!(
            "{} packets/s   {}/s   lost {}   hosts {}   channels {}   connections {}",
            text::count(whole(&status["packets_per_second"])),
            text::bytes(whole(&status["bytes_per_second"])),
            text::count(lost(status)),
            text::count(whole(&status["hosts"])),
            text::count(whole(&status["channels"])),
            text::count(whole(&status["flows_active"])),
        )),
        Line::from(format!(
            "last packet {}   scored {}   checkpoint {} s ago   memory {}",
            or_none(&status["last_packet"]),
            or_none(&status["last_scored"]),
            whole(&status["checkpoint_age_s"]),
            text::bytes(whole(&status["resident_memory_bytes"])),
        )),
    ];
    let troubles = status["troubles"].as_array().into_iter().flatten().map(word);
    let troubles: Vec<String> =
        trouble.map(|t| text::printable(t).into_owned()).into_iter().chain(troubles).collect();
    lines.push(Line::styled(troubles.join(" "), Color::Red));
    lines
}

fn table(frame: &mut Frame<'_>, area: Rect, rows: &[Value], place: &Place) {
    let (head, widths): (&[&str], &[u16]) = if place.hosts {
        (&["Host", "C2", "Exfil", "Sent", "Received", "Connections", "Peers"], &[39, 6, 6, 9, 9, 12, 8])
    } else {
        (&["Severity", "Score", "Host", "Peer", "What", "Last seen"], &[9, 6, 24, 40, 20, 20])
    };
    let cells = rows.iter().map(|row| {
        let cells = if place.hosts { host_cells(row) } else { finding_cells(row) };
        let style = if place.hosts { Style::new() } else { severity_style(&row["severity"]) };
        Row::new(
            cells
                .into_iter()
                .enumerate()
                .map(move |(at, cell)| Cell::from(cell).style(if at == 0 { style } else { Style::new() })),
        )
    });
    let widths = widths.iter().map(|width| Constraint::Max(*width));
    let table = Table::new(cells, widths)
        .header(Row::new(head.iter().copied()).style(Modifier::BOLD))
        .row_highlight_style(Modifier::REVERSED);
    let mut selected = TableState::new().with_selected(Some(place.row));
    frame.render_stateful_widget(table, area, &mut selected);
}

fn paragraph(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(Block::bordered()), area);
}

fn finding_cells(finding: &Value) -> Vec<String> {
    vec![
        word(&finding["severity"]),
        score(&finding["score"]),
        word(&finding["host"]),
        peer(&finding["peer"]),
        format!("{}: {}", word(&finding["kind"]), word(&finding["behaviour"])),
        word(&finding["last_seen"]).get(..19).unwrap_or_default().replace('T', " "),
    ]
}

fn host_cells(host: &Value) -> Vec<String> {
    vec![
        word(&host["host"]),
        score(&host["c2_score"]),
        score(&host["exfil_score"]),
        text::bytes(whole(&host["bytes_out"])),
        text::bytes(whole(&host["bytes_in"])),
        text::count(whole(&host["flows"])),
        text::count(whole(&host["peers"])),
    ]
}

fn finding_lines(finding: &Value) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::styled(finding_cells(finding).join("  "), severity_style(&finding["severity"])),
        Line::from(format!("from {} to {}", word(&finding["first_seen"]), word(&finding["last_seen"]))),
        Line::from(format!(
            "{} connections, sent {}, received {}",
            text::count(whole(&finding["flows"])),
            text::bytes(whole(&finding["bytes_out"])),
            text::bytes(whole(&finding["bytes_in"]))
        )),
        Line::default(),
    ];
    for evidence in finding["evidence"].as_array().into_iter().flatten() {
        let share = evidence["contribution"].as_f64().unwrap_or_default() * 100.0;
        lines.push(Line::from(format!("{share:>3.0} %  {}", word(&evidence["text"]))));
    }
    lines
}

fn host_lines(host: &Value) -> Vec<Line<'static>> {
    let members = host.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| Line::from(format!("{name:<28} {}", word(value))))
        .collect()
}

fn peer(peer: &Value) -> String {
    let name = if peer["name"].is_string() { &peer["name"] } else { &peer["ip"] };
    match peer["port"].as_u64() {
        Some(port) => format!("{} {port}", word(name)),
        None => word(name),
    }
}

fn lost(status: &Value) -> u64 {
    let dropped = &status["dropped_packets"];
    ["ring", "interface", "shed"].into_iter().filter_map(|reason| dropped.get(reason)).map(whole).sum()
}

fn severity_style(severity: &Value) -> Style {
    match severity.as_str() {
        Some("critical") => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        Some("high") => Style::new().fg(Color::Red),
        Some("medium") => Style::new().fg(Color::Yellow),
        _ => Style::new().fg(Color::Cyan),
    }
}

fn score(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, |score| format!("{score:.3}"))
}

fn or_none(value: &Value) -> String {
    if value.is_null() { "never".to_owned() } else { word(value) }
}

/// A value as safe text.
fn word(value: &Value) -> String {
    let raw = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text::printable(&raw).into_owned()
}

/// A number that is not negative, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` from float saturates")]
fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_f64().unwrap_or_default().round() as u64)
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn state() -> State {
        State {
            status: json!({
                "version": "0.1.0", "ready": true, "ready_reason": "capturing from eth0", "packets_per_second": 1234.4,
                "dropped_packets": { "ring": 2, "shed": 3, "arp": 100 }, "troubles": ["The disk is full."],
            }),
            findings: vec![json!({
                "severity": "high", "score": 0.93, "host": "10.0.0.1", "kind": "c2", "behaviour": "beacon",
                "peer": { "ip": "192.0.2.1", "name": "a\u{1b}[31mb.example", "port": 443 },
                "first_seen": "2025-01-01T08:00:00.000Z", "last_seen": "2025-01-01T09:00:00.000Z",
                "evidence": [{ "text": "connects every 60 s", "contribution": 0.38 }],
            })],
            hosts: vec![json!({ "host": "10.0.0.1", "c2_score": 0.93, "bytes_out": 2000 })],
        }
    }

    fn screen(place: &Place) -> String {
        let mut terminal = Terminal::new(TestBackend::new(120, 20)).unwrap();
        terminal.draw(|frame| draw(frame, &state(), place, None)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn all_is_shown_and_nothing_drives_the_terminal() {
        let findings = screen(&Place::default());
        for expected in
            ["capturing from eth0", "1,234 packets/s", "lost 5", "The disk is full.", "beacon", "443"]
        {
            assert!(findings.contains(expected), "{expected}\n{findings}");
        }
        assert!(!findings.contains('\u{1b}') && !plain(&state()).contains('\u{1b}'));
        assert!(screen(&Place { open: true, ..Place::default() }).contains("38 %  connects every 60 s"));
        let hosts = screen(&Place { hosts: true, ..Place::default() });
        assert!(hosts.contains("2 kB"), "{hosts}");
    }
}
