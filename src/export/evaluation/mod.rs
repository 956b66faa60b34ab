//! An evaluation as tables for people, Markdown for documents, JSON and CSV for programs, and as a page with charts.

mod page;
mod plots;
mod sections;
mod tables;

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table};

use super::findings::TableStyle;
use crate::evaluate::Evaluation;
use sections::{Section, sections};

pub use page::render_page;
pub use tables::write_tables;

/// Writes all tables for a terminal.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_table(out: &mut dyn Write, evaluation: &Evaluation, style: TableStyle) -> io::Result<()> {
    for section in sections(evaluation) {
        writeln!(out, "{}", section.title)?;
        if !section.rows.is_empty() {
            for line in rendered(&section, style).lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        writeln!(out, "{}\n", section.note)?;
    }
    Ok(())
}

/// Writes all tables as Markdown.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_markdown(out: &mut dyn Write, evaluation: &Evaluation) -> io::Result<()> {
    for section in sections(evaluation) {
        writeln!(out, "### {}\n", section.title)?;
        if !section.rows.is_empty() {
            let rule = section.columns.iter().map(|column| if column.is_number { "---:" } else { "---" });
            writeln!(out, "| {} |", section.columns.iter().map(|c| c.name).collect::<Vec<_>>().join(" | "))?;
            writeln!(out, "|{}|", rule.collect::<Vec<_>>().join("|"))?;
            for row in &section.rows {
                // A bar would end the cell.
                let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
                writeln!(out, "| {} |", cells.join(" | "))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "{}\n", section.note)?;
    }
    Ok(())
}

/// Writes one JSON object.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_json(out: &mut dyn Write, evaluation: &Evaluation) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, evaluation)?;
    writeln!(out)
}

fn rendered(section: &Section, style: TableStyle) -> Table {
    let line = |fill| LineStyle::none().fill(fill).junction(fill);
    let mut table = Table::new();
    table
        .load_style(comfy_table::TableStyle::new().header_separator(line('━')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(section.columns.iter().map(|column| column.name));
    for row in &section.rows {
        table.add_row(row);
    }
    for (column, described) in table.column_iter_mut().zip(&section.columns) {
        if described.is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

#[cfg(test)]
mod tests;
