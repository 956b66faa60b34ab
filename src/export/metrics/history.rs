//! The metrics of a replay over packet time, as `OpenMetrics` text for
//! `promtool tsdb create-blocks-from openmetrics`.
//!
//! `OpenMetrics` (1.0.0, "Interleaving") wants families contiguous, series contiguous within them, and the points of a series in
//! time order; snapshots come the other way round. So the points are kept by series, compactly, and what does not fit in
//! memory goes to a scratch file in runs that are read back series by series.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::catalog::Metric;
use super::families::{Sample, SampleValue, families};
use super::open_metrics::{braces, label_text, number, seconds, write_head};
use super::snapshot::MetricsSnapshot;
use crate::export::{ExportError, OutFile};
use crate::time::Timestamp;

/// Words of 8 bytes that are kept in memory, at most: 32 MiB.
const MEMORY_WORDS: usize = 1 << 22;
/// Series, at most. Further ones are counted and left out.
const MAX_SERIES: usize = 200_000;

/// Collects snapshots and writes them when the run is over.
#[derive(Debug)]
pub struct MetricsHistory {
    out: OutFile,
    series: BTreeMap<Key, Series>,
    last_ms: Option<i64>,
    words: usize,
    memory_words: usize,
    scratch: Option<File>,
    scratch_len: u64,
    points_dropped: u64,
}

/// Family name first, so that the map's order is that of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    family: &'static str,
    labels: Vec<String>,
}

/// The points of one series: each a time in milliseconds and `bounds.len()` + 2 values for a histogram, 1 otherwise, as words.
#[derive(Debug)]
struct Series {
    metric: Metric,
    /// Upper bounds of a histogram, the infinite one included.
    bounds: Vec<f64>,
    /// Where earlier points are in the scratch file: offset and bytes.
    runs: Vec<(u64, usize)>,
    recent: Vec<u64>,
}

impl MetricsHistory {
    /// Opens the file that [`MetricsHistory::finish`] writes.
    ///
    /// # Errors
    ///
    /// As [`OutFile::create`].
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        Self::with_memory(path, MEMORY_WORDS)
    }

    pub(super) fn with_memory(path: &Path, memory_words: usize) -> Result<Self, ExportError> {
        Ok(Self {
            out: OutFile::create(path)?,
            series: BTreeMap::new(),
            last_ms: None,
            words: 0,
            memory_words,
            scratch: None,
            scratch_len: 0,
            points_dropped: 0,
        })
    }

    /// Adds the state at a packet time. One that is not at least a millisecond later than the last is left out.
    ///
    /// # Errors
    ///
    /// Where the scratch file cannot be written.
    pub fn append(&mut self, ts: Timestamp, snapshot: &MetricsSnapshot) -> Result<(), ExportError> {
        let ms = ts.as_millis();
        if self.last_ms.is_some_and(|last| ms <= last) {
            return Ok(());
        }
        self.last_ms = Some(ms);
        for family in families(snapshot) {
            for sample in family.samples {
                self.push(family.metric, ms, sample);
            }
        }
        if self.words > self.memory_words {
            self.spill().map_err(|e| ExportError::io(self.out.path(), e))?;
        }
        Ok(())
    }

    /// Writes the file. Gives the number of points that were left out because there were too many series.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written or the scratch file cannot be read.
    pub fn finish(mut self) -> Result<u64, ExportError> {
        self.write().map_err(|e| ExportError::io(self.out.path(), e))?;
        self.out.finish()?;
        Ok(self.points_dropped)
    }

    fn push(&mut self, metric: Metric, ms: i64, sample: Sample<'_>) {
        let key = Key { family: metric.family_name(), labels: sample.labels };
        if self.series.len() >= MAX_SERIES && !self.series.contains_key(&key) {
            self.points_dropped += 1;
            return;
        }
        let series = self.series.entry(key).or_insert_with(|| Series::new(metric, sample.value));
        self.words += series.push(ms, sample.value);
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.scratch.is_none() {
            self.scratch = Some(self.out.scratch()?);
        }
        let Some(scratch) = &mut self.scratch else { return Ok(()) };
        for series in self.series.values_mut().filter(|series| !series.recent.is_empty()) {
            let bytes: Vec<u8> = series.recent.drain(..).flat_map(u64::to_le_bytes).collect();
            scratch.write_all(&bytes)?;
            series.runs.push((self.scratch_len, bytes.len()));
            self.scratch_len += bytes.len() as u64;
        }
        self.words = 0;
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let mut family = "";
        for (key, series) in &self.series {
            if family != key.family {
                family = key.family;
                write_head(&mut self.out, &series.metric)?;
            }
            for &(offset, len) in &series.runs {
                let Some(scratch) = &mut self.scratch else { continue };
                scratch.seek(SeekFrom::Start(offset))?;
                let mut bytes = vec![0; len];
                scratch.read_exact(&mut bytes)?;
                let (words, _) = bytes.as_chunks::<8>();
                let words: Vec<u64> = words.iter().map(|&w| u64::from_le_bytes(w)).collect();
                series.write(&mut self.out, &key.labels, &words)?;
            }
            series.write(&mut self.out, &key.labels, &series.recent)?;
        }
        self.out.write_all(b"# EOF\n")
    }
}

impl Series {
    fn new(metric: Metric, value: SampleValue<'_>) -> Self {
        let bounds = match value {
            SampleValue::Number(_) => Vec::new(),
            SampleValue::Buckets(buckets) => buckets.cumulative().map(|(bound, _)| bound).collect(),
        };
        Self { metric, bounds, runs: Vec::new(), recent: Vec::new() }
    }

    /// Words of one point.
    const fn stride(&self) -> usize {
        if self.bounds.is_empty() { 2 } else { 2 + self.bounds.len() }
    }

    /// Adds a point; gives its words.
    fn push(&mut self, ms: i64, value: SampleValue<'_>) -> usize {
        self.recent.push(ms.cast_unsigned());
        match value {
            SampleValue::Number(value) => self.recent.push(value.to_bits()),
            SampleValue::Buckets(buckets) => {
                self.recent.extend(buckets.cumulative().map(|(_, count)| count));
                self.recent.push(buckets.sum().to_bits());
            }
        }
        self.stride()
    }

    /// Writes points. The infinite bucket's count is the `_count`.
    fn write(&self, out: &mut impl Write, labels: &[String], words: &[u64]) -> io::Result<()> {
        let name = self.metric.name;
        let labels = label_text(&self.metric, labels);
        for point in words.chunks_exact(self.stride()) {
            let Some((&ms, values)) = point.split_first() else { continue };
            let at = seconds(ms.cast_signed());
            let Some((&last, counts)) = values.split_last() else { continue };
            let last = number(f64::from_bits(last));
            if self.bounds.is_empty() {
                writeln!(out, "{name}{} {last} {at}", braces(&labels))?;
                continue;
            }
            for (bound, count) in self.bounds.iter().zip(counts) {
                let comma = if labels.is_empty() { "" } else { "," };
                let le = number(*bound);
                writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{le}\"}} {count} {at}")?;
            }
            let count = counts.last().copied().unwrap_or_default();
            writeln!(out, "{name}_count{} {count} {at}", braces(&labels))?;
            writeln!(out, "{name}_sum{} {last} {at}", braces(&labels))?;
        }
        Ok(())
    }
}
