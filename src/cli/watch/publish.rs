//! Puts together what is served.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tracing::warn;

use crate::capture::live::LinkState;
use crate::export::metrics::{MetricsSnapshot, NetflowState, PerSeverity, SensorState};
use crate::pipeline::Pipeline;
use crate::sensor::{Verdicts, count_packets, count_state};
use crate::serve::Served;
use crate::time::{Span, Timestamp};

use super::super::clock;
use super::judging::Passed;
use super::overload::Overload;
use super::process::Process;
use super::pump::Counts;
use super::saving::SaveState;
use super::sinks::{Shared, Sinks, lock};

/// What the feed has lost, and what exports came to.
pub(super) struct Losses {
    pub(super) packets: BTreeMap<String, u64>,
    pub(super) exports: Option<NetflowState>,
}

/// Publishes the state of the sensor.
pub(super) struct Publisher {
    sender: watch::Sender<Arc<Served>>,
    process: Process,
    saves: Shared<SaveState>,
    sinks: Shared<Sinks>,
    started: Timestamp,
    max_flows: u64,
    before: Option<(Timestamp, u64, u64)>,
    overload: Overload,
}

impl Publisher {
    pub(super) fn new(
        process: Process,
        max_flows: usize,
        saves: Shared<SaveState>,
        sinks: Shared<Sinks>,
    ) -> (Self, watch::Receiver<Arc<Served>>) {
        let started = process.start();
        let served = Served { started, published: started, ..Served::default() };
        let (sender, receiver) = watch::channel(Arc::new(served));
        let max_flows = max_flows as u64;
        let overload = Overload::default();
        (Self { sender, process, saves, sinks, started, max_flows, before: None, overload }, receiver)
    }

    /// Publishes the counters of now with the verdicts of the last pass.
    pub(super) fn publish(
        &mut self,
        pipeline: &Pipeline,
        passed: Option<&Passed>,
        counts: &Counts,
        links: &[(String, LinkState)],
        losses: Losses,
        stopping: bool,
    ) {
        let now = clock::now();
        let stats = pipeline.stats();
        let verdicts = passed.map_or_else(Arc::<Verdicts>::default, |passed| Arc::clone(&passed.verdicts));
        let mut metrics = verdicts.metrics.clone();
        if passed.is_none() {
            env!("CARGO_PKG_VERSION").clone_into(&mut metrics.version);
            metrics.flow_table_max_entries = self.max_flows;
        }
        count_packets(&mut metrics, &stats);
        metrics.dropped_packets.extend(losses.packets);
        count_state(&mut metrics, pipeline.store());
        if let Some(news) = self.overload.news(&metrics, clock::instant()) {
            warn!("{news}");
        }
        metrics.scoring_duration = Some(counts.took.clone());
        metrics.config_last_reload_successful = Some(counts.reloaded);
        let troubles = self.sensor(&mut metrics, &verdicts, counts, links, stats.last);
        if let Some(sensor) = &mut metrics.sensor {
            sensor.netflow = losses.exports;
        }
        let (packets_per_second, bytes_per_second) = self.rates(now, stats.frames, stats.wire_bytes);
        self.sender.send_replace(Arc::new(Served {
            metrics,
            verdicts,
            published: now,
            started: self.started,
            packets_per_second,
            bytes_per_second,
            troubles,
            stopping,
        }));
    }

    /// Adds what only a sensor has. Gives what is wrong.
    fn sensor(
        &mut self,
        metrics: &mut MetricsSnapshot,
        verdicts: &Verdicts,
        counts: &Counts,
        links: &[(String, LinkState)],
        last_packet: Option<Timestamp>,
    ) -> Vec<String> {
        let (saves, sinks) = (lock(&self.saves).clone(), lock(&self.sinks).known.clone());
        metrics.checkpoint_age = saves.last.map(|last| Span::from_secs_f64(last.elapsed().as_secs_f64()));
        let mut findings_active: PerSeverity<u64> = PerSeverity::new();
        for finding in &verdicts.scores.findings {
            *findings_active.entry((finding.kind, finding.severity)).or_default() += 1;
        }
        metrics.sensor = Some(SensorState {
            netflow: None,
            interfaces: links.iter().map(|(name, state)| (name.clone(), *state == LinkState::Up)).collect(),
            last_packet,
            time_set_back: counts.set_back,
            scoring_late: counts.late,
            findings_active,
            sinks: sinks.iter().map(|(name, known)| (*name, known.state)).collect(),
            checkpoints: [("ok", saves.written), ("failed", saves.failed)]
                .map(|(result, count)| (result.to_owned(), count))
                .into(),
            checkpoint_size: saves.size,
            process: self.process.state(),
        });
        let waiting = links.iter().filter_map(|(name, state)| match state {
            LinkState::Up => None,
            LinkState::Down => Some(format!("{name} is not there or down; it is waited for.")),
            LinkState::Failed(why) => Some(format!("{name} cannot be captured from: {why}.")),
        });
        let reload = (!counts.reloaded)
            .then(|| "The last reload of the configuration failed; the one before is in use.".to_owned());
        let sinks = sinks.into_values().filter_map(|known| known.trouble);
        let others = saves.trouble.into_iter().chain(sinks).map(|trouble| format!("{trouble}."));
        waiting.chain(reload).chain(others).collect()
    }

    /// Packets and bytes a second since the last time.
    fn rates(&mut self, now: Timestamp, packets: u64, bytes: u64) -> (f64, f64) {
        let before = self.before.replace((now, packets, bytes));
        let Some((then, packets_then, bytes_then)) = before else { return (0.0, 0.0) };
        let seconds = (now - then).as_secs_f64().max(0.001);
        let rate = |count: u64, before: u64| count.saturating_sub(before) as f64 / seconds;
        (rate(packets, packets_then), rate(bytes, bytes_then))
    }
}
