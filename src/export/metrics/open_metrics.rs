//! The `OpenMetrics` text format 1.0.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec>), over the families of the catalog.

use std::io::{self, Write};

use super::catalog::{Metric, MetricKind};
use super::families::{Family, Sample, SampleValue, families};
use super::snapshot::{Exemplar, MetricsSnapshot};
use crate::detect::Kind;

/// The `Content-Type` of [`render_open_metrics`].
pub const OPEN_METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a scrape answers that asks for `OpenMetrics`: with exemplars, which lead from the buckets of the score histogram to findings.
pub fn render_open_metrics(snapshot: &MetricsSnapshot) -> String {
    let mut out = Vec::new();
    for family in families(snapshot) {
        // Writing to a `Vec` cannot fail.
        let _ = write_family(&mut out, &family, snapshot);
    }
    out.extend_from_slice(b"# EOF\n");
    String::from_utf8_lossy(&out).into_owned()
}

fn write_family(out: &mut Vec<u8>, family: &Family<'_>, snapshot: &MetricsSnapshot) -> io::Result<()> {
    write_head(out, &family.metric)?;
    for sample in &family.samples {
        let exemplars = (family.metric == super::catalog::SCORE)
            .then(|| sample.labels.first().and_then(|name| Kind::ALL.into_iter().find(|k| k.name() == name)))
            .flatten()
            .and_then(|kind| snapshot.exemplars.get(&kind));
        write_sample(out, &family.metric, sample, exemplars.map_or(&[], Vec::as_slice))?;
    }
    Ok(())
}

fn write_sample(
    out: &mut Vec<u8>,
    metric: &Metric,
    sample: &Sample<'_>,
    exemplars: &[Exemplar],
) -> io::Result<()> {
    let name = metric.name;
    let labels = label_text(metric, &sample.labels);
    let buckets = match sample.value {
        SampleValue::Number(value) => return writeln!(out, "{name}{} {}", braces(&labels), number(value)),
        SampleValue::Buckets(buckets) => buckets,
    };
    let comma = if labels.is_empty() { "" } else { "," };
    let mut below = f64::NEG_INFINITY;
    for (bound, count) in buckets.cumulative() {
        write!(out, "{name}_bucket{{{labels}{comma}le=\"{}\"}} {count}", number(bound))?;
        // The newest finding of each bucket: one exemplar is all that a bucket may have.
        if let Some(found) = exemplars.iter().find(|e| e.value > below && e.value <= bound) {
            let Exemplar { finding_id, value, at } = found;
            let at = seconds(at.as_millis());
            write!(out, " # {{finding_id=\"{}\"}} {} {at}", escape(finding_id), number(*value))?;
        }
        out.push(b'\n');
        below = bound;
    }
    writeln!(out, "{name}_count{} {}", braces(&labels), buckets.count())?;
    writeln!(out, "{name}_sum{} {}", braces(&labels), number(buckets.sum()))
}

pub(super) fn write_head(out: &mut impl Write, metric: &Metric) -> io::Result<()> {
    let family = metric.family_name();
    writeln!(out, "# TYPE {family} {}", metric.kind.name())?;
    // The unit must end the family's name: `_bytes_out` has none in this sense.
    let ends_with_unit = family.strip_suffix(metric.unit).is_some_and(|rest| rest.ends_with('_'));
    if !metric.unit.is_empty() && metric.kind != MetricKind::Info && ends_with_unit {
        writeln!(out, "# UNIT {family} {}", metric.unit)?;
    }
    writeln!(out, "# HELP {family} {}", escape(metric.help))
}

pub(super) fn label_text(metric: &Metric, values: &[String]) -> String {
    let pairs = metric.labels.iter().zip(values);
    pairs.map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect::<Vec<_>>().join(",")
}

pub(super) fn braces(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A float as `OpenMetrics` writes it, bounds in their canonical form: `1.0`, `+Inf`.
pub(super) fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { format!("{value:?}").replace("inf", "Inf") }
}

pub(super) fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let size = ms.unsigned_abs();
    format!("{sign}{}.{:03}", size / 1000, size % 1000)
}
