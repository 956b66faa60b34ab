//! `watch`: the live sensor.
//!
//! | thread | does |
//! |---|---|
//! | main | takes blocks through the pipeline ([`pump`]) |
//! | one a ring | captures (`capture::live`) |
//! | one a socket | takes the datagrams of exporters (`records::netflow`) |
//! | `judge` | scores a copy of the state, follows findings, reloads ([`judging`]) |
//! | `checkpoint` | writes checkpoints ([`saving`]) |
//! | `file`, `webhook`, … | tell findings, a thread a sink ([`sinks`]) |
//! | `web` | serves what the main thread published last (`serve`) |

mod exports;
mod feed;
mod judging;
mod log;
mod overload;
mod process;
mod publish;
mod pump;
mod reload;
mod saving;
mod service;
mod sinks;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::capture::live::{Capture, Opened};
use crate::config::Config;
use crate::pipeline::Pipeline;
use crate::records::netflow::{self, Collector, Listener};
use crate::sandbox;
use crate::seed::Seed;
use crate::sensor::Judge;
use crate::sensor::checkpoint::{self, Checkpoint};
use crate::serve::{Security, Served, Server, routes};

use super::args::WatchArgs;
use super::{Failure, clock, with_causes};
use exports::Exports;
use feed::Live;
use judging::{Judging, Outlets};
use log::LogHandle;
use process::Process;
use publish::Publisher;
use pump::{Pump, Requests, Watch};
use reload::{Origin, Reloader, Tunables, judge_config, port_of};
use saving::{Checkpoints, SaveState};
use sinks::{Shared, Trusted, lock};

/// How long findings that were just made may take to be written at the end.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What the C library reads to resolve names.
const NAMES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve"];

pub(super) fn run(args: &WatchArgs) -> Result<ExitCode, Failure> {
    let started = clock::now();
    let usage = |error: anyhow::Error| Failure::Usage(error);
    let origin = Origin::new(args, random()?);
    let config = origin.config().map_err(usage)?;
    let loaded = origin.load(&config).map_err(usage)?;
    let judge_config = judge_config(&config).map_err(usage)?;
    let security = origin.security(&config).map_err(usage)?;
    let log = LogHandle::start(&config.log)?;
    let server = Server::bind(&config.web)?;
    let restored = restore(&config);
    let seed = match (&restored, args.seed) {
        (Some(checkpoint), _) => checkpoint.seed,
        (None, Some(seed)) => Seed(seed),
        (None, None) => Seed(u64::from_le_bytes(random()?)),
    };
    let sources = Sources::open(&args.interface, &config, seed)?;
    let requests = listen_to_signals()?;
    let trusted = Trusted::for_sinks(&config);
    let targets = sinks::targets(&config, &trusted).map_err(usage)?;
    let process = Process::started(started);
    give_up_rights(&config, origin.files(&config));

    let (saves, sinks) = (Shared::<SaveState>::default(), Shared::default());
    let (publisher, served) =
        Publisher::new(process, config.flow.max_flows, Arc::clone(&saves), Arc::clone(&sinks));
    info!("serving at http://{}/", server.address()?);
    let security = serve(server, served, security)?;

    let mut pipeline = Pipeline::new(&config.pipeline(), seed, usize::from(args.threads));
    let incidents = match restored {
        Some(checkpoint) => {
            pipeline.restore(checkpoint.features);
            lock(&saves).last = Some(clock::instant());
            checkpoint.incidents
        }
        None => std::collections::BTreeMap::new(),
    };
    let judge =
        Judge::new(loaded.detector, &loaded.models, config.flow.max_flows, judge_config, incidents.clone());
    let path = config.state.checkpoint();
    let checkpoints = Checkpoints::start(path.clone(), Arc::clone(&saves))?;
    let (ways, sink_threads) = sinks::start(targets, &sinks)?;
    let tunables = Tunables::of(&config);
    let reloader =
        Reloader { origin, started: config.clone(), current: config, log, trusted, sinks, security };
    let judging = Judging::start(judge, reloader, Outlets { sinks: ways, checkpoints: checkpoints.jobs() })?;
    let watch = Watch::new(judging, Arc::clone(&saves), tunables);

    let mut pump = Pump::new(sources.start()?, pipeline, watch, publisher, requests);
    let asked = pump.run()?;
    let (moment, passed) = pump.finish();
    let incidents = passed.map_or(incidents, |passed| passed.incidents.clone());
    checkpoints.end(moment, incidents);
    if lock(&saves).trouble.is_none() {
        info!("checkpoint written to {}", path.display());
    }
    wait_for(&sink_threads);
    Ok(if asked { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Interfaces and sockets, opened: all that may need a right.
struct Sources {
    capture: Option<Opened>,
    exports: Option<(Listener, netflow::Config, Collector)>,
}

impl Sources {
    fn open(interfaces: &[String], config: &Config, seed: Seed) -> Result<Self, Failure> {
        let netflow = &config.netflow;
        if interfaces.is_empty() && netflow.listen.is_empty() {
            return Err(Failure::Usage(anyhow!(
                "there is nothing to watch: name an interface with --interface, or an address for NetFlow and IPFIX with --netflow"
            )));
        }
        let capture =
            (!interfaces.is_empty()).then(|| Capture::open(interfaces, &config.capture, seed)).transpose()?;
        if netflow.listen.is_empty() {
            return Ok(Self { capture, exports: None });
        }
        let listener = Listener::bind(&netflow.listen, netflow.buffer_bytes)?;
        for address in listener.addresses()? {
            info!("listening for NetFlow and IPFIX at {address}");
        }
        let collector = Collector::new(&config.flow, seed);
        Ok(Self { capture, exports: Some((listener, netflow.clone(), collector)) })
    }

    fn start(self) -> anyhow::Result<Live> {
        let exports = match self.exports {
            Some((listener, config, collector)) => Some(Exports::new(config, listener.start()?, collector)),
            None => None,
        };
        Ok(Live { capture: self.capture.map(Opened::start).transpose()?, exports })
    }
}

/// Random bytes from the operating system.
fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes)
}

/// Makes the state directory and reads the checkpoint in it. Where anything of this fails, the sensor starts without a memory.
fn restore(config: &Config) -> Option<Checkpoint> {
    let directory = &config.state.directory;
    if let Err(error) = fs::create_dir_all(directory) {
        warn!(
            "cannot make the state directory {}: {error}; state.directory names another",
            directory.display()
        );
    }
    let (checkpoint, errors) = checkpoint::load_or_set_aside(&config.state.checkpoint());
    for error in &errors {
        warn!("{}; starting without it", with_causes(error));
    }
    if let Some(checkpoint) = &checkpoint {
        info!("going on from the checkpoint of {}", checkpoint.at);
    } else {
        info!("starting without a checkpoint");
    }
    checkpoint
}

/// Keeps of all rights those to read what a reload reads, and to write the state. Comes before the first thread.
fn give_up_rights(config: &Config, readable: Vec<PathBuf>) {
    if !config.sandbox.enabled {
        warn!("sandbox.enabled is off: no rights are given up");
        return;
    }
    let state = config.state.directory.clone();
    let findings = config.findings.journal(&state).file;
    let urls = [&config.webhook.url, &config.alertmanager.url].map(String::as_str);
    let tcp_peers: Vec<u16> = urls.into_iter().filter_map(port_of).collect();
    let readable = readable.into_iter().chain(if tcp_peers.is_empty() && config.syslog.address.is_empty() {
        Vec::new()
    } else {
        NAMES.map(PathBuf::from).to_vec()
    });
    let policy = sandbox::Policy {
        readable: readable.collect(),
        writable: vec![state, findings],
        tcp_peers,
        ..sandbox::Policy::default()
    };
    info!("{}", sandbox::enter(&policy));
}

fn listen_to_signals() -> anyhow::Result<Requests> {
    let requests = Requests::default();
    for (signal, flag) in [(SIGTERM, &requests.stop), (SIGINT, &requests.stop), (SIGHUP, &requests.reload)] {
        signal_hook::flag::register(signal, Arc::clone(flag)).context("cannot listen to signals")?;
    }
    Ok(requests)
}

/// Starts the thread that serves. It ends with the process.
fn serve(
    server: Server,
    served: watch::Receiver<Arc<Served>>,
    security: Security,
) -> anyhow::Result<watch::Sender<Security>> {
    let (sender, receiver) = watch::channel(security);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(2)
        .thread_name("password")
        .build()?;
    std::thread::Builder::new().name("web".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(server.run(routes(served, clock::now), receiver)) {
            tracing::error!("the web server has failed: {error}");
        }
    })?;
    Ok(sender)
}

/// Waits for the sinks to tell what they have, but not for ever: they may hang.
fn wait_for(threads: &[JoinHandle<()>]) {
    let began = clock::instant();
    while !threads.iter().all(JoinHandle::is_finished) && began.elapsed() < LAST_LINES {
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests;
