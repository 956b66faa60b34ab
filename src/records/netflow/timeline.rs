//! Exports that were kept, in files of messages or in captures of their datagrams, as one timeline.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::collector::{Collector, Notice};
use super::message_file::MessageFile;
use crate::capture::{Block, CaptureError, CaptureStats, End, Timeline};
use crate::decode::{self, Decoder, Packet, proto};
use crate::flow::Config;
use crate::records::{Record, RecordError, RecordSource, RecordStats};
use crate::seed::Seed;

/// Records given out at once, more or less.
const BATCH: usize = 512;

/// Reads exports.
pub struct ExportTimeline {
    source: Source,
    collector: Collector,
    /// What the files came to, the collector apart.
    stats: RecordStats,
    per_input: Vec<(String, RecordStats)>,
}

enum Source {
    Files(Box<Files>),
    Captures(Box<Captures>),
}

/// Files of messages, one after another.
struct Files {
    waiting: std::vec::IntoIter<(PathBuf, u16)>,
    open: Option<(MessageFile, SocketAddr)>,
    /// Bytes of the open file on disk.
    open_bytes: Option<u64>,
    bytes_total: Option<u64>,
    /// Of the files before the open one.
    bytes_read: u64,
}

/// Datagrams to some ports in captures.
struct Captures {
    timeline: Timeline,
    decoder: Decoder,
    ports: Vec<u16>,
    block: Block,
    packets: Vec<Packet>,
}

impl ExportTimeline {
    /// Reads files of IPFIX messages, the one whose first message is the earliest first.
    pub fn of_files(paths: Vec<PathBuf>, config: &Config, seed: Seed) -> Self {
        let bytes_total = paths.iter().map(|path| size_of_file(path)).sum();
        let mut begins: Vec<(u32, PathBuf)> = paths.into_iter().map(|path| (begin_of(&path), path)).collect();
        begins.sort();
        // Each file has templates of its own (RFC 5655, section 4): none of another one's hold in it.
        let waiting: Vec<_> = begins.into_iter().map(|(_, path)| path).zip(0..=u16::MAX).collect();
        let files =
            Files { waiting: waiting.into_iter(), open: None, open_bytes: None, bytes_total, bytes_read: 0 };
        Self::of(Source::Files(Box::new(files)), config, seed)
    }

    /// Reads the datagrams to these UDP ports in captures.
    ///
    /// # Errors
    /// Where none of the captures can be read.
    pub fn of_captures(
        paths: &[PathBuf],
        ports: Vec<u16>,
        config: &Config,
        seed: Seed,
    ) -> Result<Self, RecordError> {
        let captures = Captures {
            timeline: Timeline::open(paths)?,
            decoder: Decoder::new(decode::Config::default(), seed),
            ports,
            block: Block::default(),
            packets: Vec::new(),
        };
        Ok(Self::of(Source::Captures(Box::new(captures)), config, seed))
    }

    fn of(source: Source, config: &Config, seed: Seed) -> Self {
        Self {
            source,
            collector: Collector::new(config, seed),
            stats: RecordStats::default(),
            per_input: Vec::new(),
        }
    }

    /// Reads on; false where there is no more.
    fn read_on(&mut self, batch: &mut Vec<Record>) -> Result<bool, RecordError> {
        let Self { source, collector, .. } = self;
        match source {
            Source::Captures(captures) => captures.read_block(collector, batch),
            Source::Files(files) => {
                let Some((file, from)) = &mut files.open else { return files.open_next(&mut self.per_input) };
                if let Some(message) = file.next_message() {
                    collector.take_message(*from, None, message, batch);
                    return Ok(true);
                }
                self.close_file()?;
                Ok(true)
            }
        }
    }

    /// Takes what a file came to.
    fn close_file(&mut self) -> Result<(), RecordError> {
        let Source::Files(files) = &mut self.source else { return Ok(()) };
        let Some((mut file, _)) = files.open.take() else { return Ok(()) };
        files.bytes_read += files.open_bytes.unwrap_or_else(|| file.bytes_read());
        let Some((name, stats)) = self.per_input.last_mut() else { return Ok(()) };
        match file.take_end() {
            None | Some(End::Complete) => {}
            Some(End::CutShort) => {
                stats.truncated_inputs += 1;
                let reason = format!("the file ends in the middle of the message at byte {}", file.offset());
                stats.warn(name, 0, reason);
            }
            Some(End::Damaged(damage)) => {
                stats.skip(damage.kind, 1);
                stats.warn(name, 0, damage.reason);
            }
            Some(End::Failed(source)) => {
                let (input, offset) = (name.clone(), file.bytes_read());
                return Err(CaptureError::Read { input, offset, source }.into());
            }
        }
        Ok(())
    }

    /// What is to be told once, and which input it is about as far as that is known.
    fn take_notices(&mut self) {
        let name = self.per_input.last().map_or("captures", |(name, _)| name).to_owned();
        while let Some(notice) = self.collector.take_notice() {
            if let Notice::Sampled(_) = notice {
                self.stats.warn(&name, 0, notice.to_string());
            }
        }
    }
}

impl RecordSource for ExportTimeline {
    fn next_batch(&mut self, batch: &mut Vec<Record>) -> Result<bool, RecordError> {
        batch.clear();
        while batch.len() < BATCH {
            if !self.read_on(batch)? {
                self.collector.finish(BATCH, batch);
                break;
            }
        }
        self.take_notices();
        self.stats.count(batch);
        Ok(!batch.is_empty())
    }

    fn bytes_total(&self) -> Option<u64> {
        match &self.source {
            Source::Files(files) => files.bytes_total,
            Source::Captures(captures) => captures.timeline.bytes_total(),
        }
    }

    fn bytes_read(&self) -> u64 {
        match &self.source {
            Source::Files(files) => {
                files.bytes_read + files.open.as_ref().map_or(0, |(file, _)| file.bytes_read())
            }
            Source::Captures(captures) => captures.timeline.bytes_read(),
        }
    }

    fn stats(&self) -> RecordStats {
        let mut stats = self.stats.clone();
        self.per_input().iter().for_each(|(_, input)| stats.add(input));
        let collected = self.collector.stats();
        collected.skipped.iter().for_each(|(reason, count)| stats.skip(reason, *count));
        stats.skip("lost_flow", collected.lost_flows);
        stats.skip("lost_datagram", collected.lost_datagrams);
        stats
    }

    fn per_input(&self) -> Vec<(String, RecordStats)> {
        match &self.source {
            Source::Files(_) => self.per_input.clone(),
            Source::Captures(captures) => captures.per_input(),
        }
    }

    fn late(&self) -> u64 {
        0
    }
}

impl Files {
    /// Opens the next file; false where there is none.
    fn open_next(&mut self, inputs: &mut Vec<(String, RecordStats)>) -> Result<bool, RecordError> {
        let Some((path, number)) = self.waiting.next() else { return Ok(false) };
        let file = MessageFile::open(&path)?;
        inputs.push((file.name().to_owned(), RecordStats::default()));
        self.open = Some((file, SocketAddr::from(([0; 4], number))));
        self.open_bytes = size_of_file(&path);
        Ok(true)
    }
}

impl Captures {
    /// Takes the datagrams of the next block; false where there is none.
    fn read_block(
        &mut self,
        collector: &mut Collector,
        batch: &mut Vec<Record>,
    ) -> Result<bool, RecordError> {
        if !self.timeline.next_block(&mut self.block)? {
            return Ok(false);
        }
        self.packets.clear();
        self.decoder.decode_block(&self.block, &mut self.packets);
        for packet in &self.packets {
            let is_export = packet.proto == proto::UDP && self.ports.contains(&packet.dst_port);
            if is_export && !packet.headless {
                let begin = packet.payload_offset as usize;
                let end = begin.saturating_add(packet.payload_captured.into());
                let datagram = self.block.data.get(begin..end).unwrap_or_default();
                let from = SocketAddr::from((packet.src.to_ip(), packet.src_port));
                collector.take(from, packet.ts, datagram, batch);
            }
        }
        Ok(true)
    }

    fn per_input(&self) -> Vec<(String, RecordStats)> {
        let of = |(name, stats): (&str, &CaptureStats)| {
            let mut records = RecordStats {
                skipped: stats.skipped.clone(),
                truncated_inputs: stats.truncated_inputs,
                warnings_dropped: stats.warnings_dropped,
                ..RecordStats::default()
            };
            stats.warnings.iter().for_each(|warning| {
                let reason = format!("byte {}: {}", warning.offset, warning.reason);
                records.warn(&warning.input, 0, reason);
            });
            (name.to_owned(), records)
        };
        self.timeline.per_input().map(of).collect()
    }
}

/// Bytes of a file as it lies on disk; nothing where it is no regular file.
fn size_of_file(path: &Path) -> Option<u64> {
    path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// When the first message of a file was sent, in seconds since 1970; zero where there is none.
fn begin_of(path: &Path) -> u32 {
    let Ok(mut file) = MessageFile::open(path) else { return 0 };
    match file.next_message() {
        Some([_, _, _, _, time @ ..]) => time.first_chunk().map_or(0, |time| u32::from_be_bytes(*time)),
        _ => 0,
    }
}
