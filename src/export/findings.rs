//! Findings on standard output: a table for people, JSON and JSON Lines for programs. The order is the caller's.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table};

use super::text::{self, printable};
use crate::detect::{Finding, Kind, Peer, Severity};

/// How the table is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStyle {
    /// Columns of the terminal.
    pub width: u16,
    /// Whether severities are coloured.
    pub color: bool,
}

/// What was scored, for the line under the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scored {
    /// Monitored hosts.
    pub hosts: u64,
    /// Channels.
    pub channels: u64,
}

impl TableStyle {
    /// Without a terminal.
    pub const PLAIN: Self = Self { width: 120, color: false };

    /// As standard output asks: the width of the terminal (80 to 160 columns), colour on a terminal unless `NO_COLOR` is set
    /// (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self::PLAIN;
        }
        let width = Table::new().width().unwrap_or(Self::PLAIN.width).clamp(80, 160);
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { width, color: !no_color }
    }
}

/// Writes findings as a table and a line that counts them; without findings only the line.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_table(
    out: &mut dyn Write,
    findings: &[Finding],
    scored: Scored,
    style: TableStyle,
) -> io::Result<()> {
    if !findings.is_empty() {
        let rendered = build_table(findings, style);
        for line in rendered.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", closing_line(findings, scored))
}

/// Writes findings as one JSON array, an object a line.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_json(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, finding) in findings.iter().enumerate() {
        out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, finding)?;
    }
    out.write_all(if findings.is_empty() { b"]\n" } else { b"\n]\n" })
}

/// Writes findings as JSON Lines: one object a line.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_jsonl(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        serde_json::to_writer(&mut *out, finding)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// How many findings there are of each severity, the worst first: `1 critical, 2 high`.
pub fn by_severity(findings: &[Finding]) -> Vec<(Severity, u64)> {
    let count = |s| findings.iter().filter(|f| f.severity == s).map(|_| 1).sum();
    Severity::ALL.iter().rev().map(|&s| (s, count(s))).collect()
}

/// The peer's name where it has one, its address otherwise, both with the service they are reached at.
pub(super) fn peer_lines(peer: &Peer) -> (String, Option<String>) {
    let service = if peer.service.is_empty() { peer.proto } else { &peer.service };
    let at = |addr: &str| match peer.port {
        Some(port) if addr.contains(':') => format!("[{addr}]:{port} {service}"),
        Some(port) => format!("{addr}:{port} {service}"),
        None => format!("{addr} {service}"),
    };
    let ip = peer.ip.map(|ip| ip.to_string());
    let lines = match (&peer.name, ip) {
        (Some(name), Some(ip)) => (name.clone(), Some(at(&ip))),
        (Some(name), None) => (
            name.clone(),
            Some(peer.port.map_or_else(|| service.to_owned(), |p| format!("port {p} {service}"))),
        ),
        (None, Some(ip)) => (at(&ip), None),
        (None, None) => (format!("several peers, {service}"), None),
    };
    (printable(&lines.0).into_owned(), lines.1.map(|l| printable(&l).into_owned()))
}

fn build_table(findings: &[Finding], style: TableStyle) -> Table {
    // Below this width, the times go under the reason.
    let wide = style.width >= 100;
    let line = |fill| LineStyle::none().fill(fill).junction(fill);
    let mut table = Table::new();
    table
        .load_style(comfy_table::TableStyle::new().header_separator(line('━')).row_separator(line('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width);
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let mut header = vec!["Severity", "Host", "Peer", "Out / in", "Why"];
    if wide {
        header.insert(3, "When (UTC)");
    }
    table.set_header(header);
    for finding in findings {
        table.add_row(cells(finding, wide));
    }
    table
}

fn cells(finding: &Finding, wide: bool) -> Vec<Cell> {
    let (peer, address) = peer_lines(&finding.peer);
    let peer = address.map_or_else(|| peer.clone(), |address| format!("{peer}\n{address}"));
    let volume = format!("{}\n{}", text::bytes(finding.bytes_out), text::bytes(finding.bytes_in));
    let reason = finding.evidence.first().map_or("", |e| &e.text);
    let why = format!("{}\n{}", headline(finding), printable(reason));
    let why = if wide { why } else { format!("{why}\n{}", short_when(finding)) };
    let mut cells = vec![
        severity_cell(finding),
        Cell::new(finding.host),
        Cell::new(peer),
        Cell::new(volume).set_alignment(CellAlignment::Right),
        Cell::new(why),
    ];
    if wide {
        cells.insert(3, Cell::new(when(finding)));
    }
    cells
}

fn severity_cell(finding: &Finding) -> Cell {
    let text = format!(
        "{}\n{:.3}\np {}",
        finding.severity.name(),
        finding.score,
        text::probability(finding.p_value)
    );
    let cell = Cell::new(text);
    match finding.severity {
        Severity::Critical => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Severity::High => cell.fg(Color::Red),
        Severity::Medium => cell.fg(Color::Yellow),
        Severity::Low => cell.fg(Color::Cyan),
    }
}

/// What the finding is, in two or three words: `C2: beacon`.
pub(super) fn headline(finding: &Finding) -> String {
    let kind = match finding.kind {
        Kind::C2 => "C2",
        Kind::Exfil => "Exfiltration",
    };
    format!("{kind}: {}", finding.behaviour.title())
}

/// From when to when, and how long: the date is not repeated within a day.
fn when(finding: &Finding) -> String {
    let (first, last) = (text::date_time(finding.first_seen), text::date_time(finding.last_seen));
    let end = match (first.split_once(' '), last.split_once(' ')) {
        (Some((day, _)), Some((same, time))) if day == same => time,
        _ => &last,
    };
    format!("{first}\n→ {end}\n{}", text::span(finding.last_seen - finding.first_seen))
}

/// When it began, to the minute, and how long it lasted, for narrow tables.
fn short_when(finding: &Finding) -> String {
    let (first, lasted) = (text::date_time(finding.first_seen), finding.last_seen - finding.first_seen);
    format!("{}\nfor {}", first.get(..16).unwrap_or(&first), text::span(lasted))
}

fn closing_line(findings: &[Finding], scored: Scored) -> String {
    let scope =
        format!("{} and {}", text::counted(scored.hosts, "host"), text::counted(scored.channels, "channel"));
    if findings.is_empty() {
        return format!("No findings: {scope} scored, none over the thresholds.");
    }
    let severities: Vec<_> = by_severity(findings)
        .into_iter()
        .filter(|&(_, n)| n > 0)
        .map(|(severity, n)| format!("{} {}", text::count(n), severity.name()))
        .collect();
    format!("{} ({}) in {scope}.", text::counted(findings.len() as u64, "finding"), severities.join(", "))
}

#[cfg(test)]
mod tests;
