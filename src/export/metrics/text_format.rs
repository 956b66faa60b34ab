//! The Prometheus text format 0.0.4, by the `prometheus` crate's registry and encoder.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric as Point, MetricFamily, MetricType,
};
use prometheus::{Registry, TextEncoder};

use super::catalog::MetricKind;
use super::families::{Family, Sample, SampleValue, families};
use super::snapshot::{Buckets, MetricsSnapshot};

/// The `Content-Type` of [`render_text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a scrape answers.
///
/// # Errors
///
/// Where the registry refuses a family, which would be a fault in the catalog.
pub fn render_text(snapshot: &MetricsSnapshot) -> Result<String, prometheus::Error> {
    let registry = Registry::new();
    registry.register(Box::new(SnapshotCollector::new(snapshot)?))?;
    TextEncoder::new().encode_to_string(&registry.gather())
}

/// Gives a registry the families of one snapshot, so that a scrape is of one moment and a host that left is gone.
struct SnapshotCollector {
    descs: Vec<Desc>,
    families: Vec<MetricFamily>,
}

impl SnapshotCollector {
    fn new(snapshot: &MetricsSnapshot) -> Result<Self, prometheus::Error> {
        let families = families(snapshot);
        let descs = families.iter().map(describe).collect::<Result<_, _>>()?;
        Ok(Self { descs, families: families.iter().map(family).collect() })
    }
}

impl Collector for SnapshotCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.families.clone()
    }
}

fn describe(family: &Family<'_>) -> Result<Desc, prometheus::Error> {
    let labels = family.metric.labels.iter().map(|&label| label.to_owned()).collect();
    Desc::new(family.metric.name.to_owned(), family.metric.help.to_owned(), labels, [].into())
}

fn family(family: &Family<'_>) -> MetricFamily {
    let mut out = MetricFamily::default();
    out.set_name(family.metric.name.to_owned());
    out.set_help(family.metric.help.to_owned());
    out.set_field_type(match family.metric.kind {
        MetricKind::Counter => MetricType::COUNTER,
        MetricKind::Gauge | MetricKind::Info => MetricType::GAUGE,
        MetricKind::Histogram => MetricType::HISTOGRAM,
    });
    out.set_metric(family.samples.iter().map(|s| point(s, family)).collect());
    out
}

fn point(sample: &Sample<'_>, family: &Family<'_>) -> Point {
    let pairs = family.metric.labels.iter().zip(&sample.labels);
    let mut point = Point::from_label(pairs.map(|(name, value)| label(name, value)).collect());
    match sample.value {
        SampleValue::Number(value) if family.metric.kind == MetricKind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(value);
            point.set_counter(counter);
        }
        SampleValue::Number(value) => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            point.set_gauge(gauge);
        }
        SampleValue::Buckets(buckets) => point.set_histogram(histogram(buckets)),
    }
    point
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn histogram(buckets: &Buckets) -> Histogram {
    let mut histogram = Histogram::default();
    histogram.set_sample_count(buckets.count());
    histogram.set_sample_sum(buckets.sum());
    // The encoder adds the infinite bucket itself.
    let finite = buckets.cumulative().filter(|(bound, _)| bound.is_finite());
    let points = finite.map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    histogram.set_bucket(points.collect());
    histogram
}
