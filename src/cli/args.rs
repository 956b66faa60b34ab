//! The flags of all verbs: the one source of help, man page and completions.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;

use crate::detect::Severity;

use super::examples;
use super::simulate_args::SimulateArgs;

/// Network flow anomaly detector: finds covert C2 that lives long, and data that leaves.
#[derive(Debug, Parser)]
#[command(name = "undercurrent", version, max_term_width = 100, after_help = examples::PROGRAM)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Score captures or flow records offline, on packet time
    #[command(after_help = examples::REPLAY)]
    Replay(ReplayArgs),
    /// Run a replay again from its summary, and say what differs
    #[command(after_help = examples::REPRODUCE)]
    Reproduce(ReproduceArgs),
    /// Capture live, score, and serve metrics and findings, until SIGTERM
    #[command(after_help = examples::WATCH)]
    Watch(Box<WatchArgs>),
    /// Show a running sensor in the terminal
    #[command(after_help = examples::TOP)]
    Top(TopArgs),
    /// Fit the isolation forests on benign captures or flow records and write model files
    #[command(after_help = examples::TRAIN)]
    Train(TrainArgs),
    /// Score labelled captures or flow records and print detection metrics against the labels
    #[command(after_help = examples::EVALUATE)]
    Evaluate(EvaluateArgs),
    /// Write a labelled capture of simulated hosts and incidents, or an incident into a real capture
    #[command(after_help = examples::SIMULATE)]
    Simulate(Box<SimulateArgs>),
    /// Print the default configuration, every key with its meaning
    PrintConfig,
    /// Check a configuration file
    #[command(after_help = examples::CHECK_CONFIG)]
    CheckConfig {
        /// The file
        file: PathBuf,
    },
    /// Print a completion script
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the man page (roff)
    #[command(after_help = examples::MAN)]
    Man,
}

/// Flags of every verb that reads captures.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input and run")]
pub(super) struct CommonArgs {
    /// Captures (pcap, pcapng), Zeek logs (conn, dns, ssl, http, quic; TSV or JSON), flows in CSV (Argus, CICFlowMeter,
    /// nfdump), or files of IPFIX messages, also .gz or .zst; folders of them; - is standard input. Several are read as one timeline
    #[arg(required = true, value_name = "INPUT", help_heading = None)]
    pub(super) inputs: Vec<PathBuf>,
    /// Monitored network, repeatable [default: private, unique-local and link-local ranges]
    #[arg(long, value_name = "CIDR", value_parser = parse_network)]
    pub(super) local: Vec<IpNet>,
    /// Packets to look at, as a libpcap filter; captures only
    #[arg(long, value_name = "BPF")]
    pub(super) filter: Option<String>,
    /// Read the NetFlow and IPFIX datagrams to this UDP port in captures, instead of the packets themselves; repeatable
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) netflow_port: Vec<u16>,
    /// Which column of CSV flows is what, and how times are written
    #[arg(long, value_name = "FILE.toml")]
    pub(super) columns: Option<PathBuf>,
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Threads in all; the outcome is the same for any number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: u16,
    /// Seed of hashes and forests
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Print errors only
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Draw no progress bar
    #[arg(long)]
    pub(super) no_progress: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// How findings are printed
    #[arg(long, help_heading = "Results", value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) outputs: OutputArgs,
    /// Score every so many seconds of packet time as well, and tell when each finding was made; for --metrics-history the
    /// interval of its points [default: at the end only; for --metrics-history 60, more after 12 hours]
    #[arg(long, help_heading = "Results", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) score_every: Option<u32>,
    /// Write the counters of the run, and all that `reproduce` needs to run it again
    #[arg(long, help_heading = "Results", value_name = "FILE.json")]
    pub(super) summary: Option<PathBuf>,
    /// Model directory [default: the shipped models]
    #[arg(long, value_name = "DIR", help_heading = "Verdicts")]
    pub(super) models: Option<PathBuf>,
    /// File of what is known to be fine, repeatable
    #[arg(long, value_name = "FILE", help_heading = "Verdicts")]
    pub(super) allowlist: Vec<PathBuf>,
    /// Exit with 3 when a finding of this severity or above was made
    #[arg(long, value_enum, value_name = "SEVERITY", help_heading = "Verdicts")]
    pub(super) fail_on: Option<SeverityArg>,
}

/// The files of a replay that its inputs and settings decide to the last byte.
#[derive(Debug, Default, Args)]
pub(super) struct OutputArgs {
    /// Write every monitored host: features and scores (.csv, .jsonl or .parquet)
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    pub(super) hosts: Option<PathBuf>,
    /// Write every channel (host, peer, service): features and scores (.csv, .jsonl or .parquet)
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    pub(super) channels: Option<PathBuf>,
    /// Write every flow with Zeek's conn.log names (.csv, .jsonl or .parquet; .log for Zeek's own format)
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    pub(super) flows: Option<PathBuf>,
    /// Write every pair (host and address, host and name) as RITA counts and scores it (.csv, .jsonl or .parquet)
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    pub(super) rita: Option<PathBuf>,
    /// Write one self-contained HTML page
    #[arg(long, help_heading = "Results", value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Write what /metrics would serve at the end (Prometheus text format)
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
    /// Write metrics over packet time (OpenMetrics, for promtool tsdb create-blocks-from)
    #[arg(long, help_heading = "Results", value_name = "FILE")]
    pub(super) metrics_history: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReproduceArgs {
    /// What `replay --summary` wrote
    pub(super) summary: PathBuf,
    /// Where the inputs are, a folder or a file, repeatable [default: where they were, and beside the summary]
    #[arg(long, value_name = "DIR")]
    pub(super) inputs: Vec<PathBuf>,
    /// Where the models are, when they are not the shipped ones [default: where they were]
    #[arg(long, value_name = "DIR")]
    pub(super) models: Option<PathBuf>,
    /// Folder in which the files of the run are written again and kept [default: they are only compared]
    #[arg(long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// Threads in all; the outcome is the same for any number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: u16,
    /// Print errors and differences only
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Draw no progress bar
    #[arg(long)]
    pub(super) no_progress: bool,
}

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Interface to capture from, repeatable
    #[arg(long, short, value_name = "IFACE")]
    pub(super) interface: Vec<String>,
    /// Address and UDP port to take NetFlow v5, v9 and IPFIX at, repeatable, e.g. 0.0.0.0:2055
    #[arg(long, value_name = "ADDRESS")]
    pub(super) netflow: Vec<SocketAddr>,
    /// Monitored network, repeatable [default: private, unique-local and link-local ranges]
    #[arg(long, value_name = "CIDR", value_parser = parse_network)]
    pub(super) local: Vec<IpNet>,
    /// Packets to capture, as a libpcap filter
    #[arg(long, value_name = "BPF")]
    pub(super) filter: Option<String>,
    /// Configuration file; SIGHUP has it read again
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Model directory [default: the shipped models]
    #[arg(long, value_name = "DIR")]
    pub(super) models: Option<PathBuf>,
    /// File of what is known to be fine, repeatable
    #[arg(long, value_name = "FILE")]
    pub(super) allowlist: Vec<PathBuf>,
    /// Folder of the checkpoint and the findings file [default: /var/lib/undercurrent]
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// File for findings, as EVE JSON lines [default: findings.jsonl in the state folder]
    #[arg(long, value_name = "FILE")]
    pub(super) findings: Option<PathBuf>,
    /// Address and port of the web server [default: 127.0.0.1:9909]
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    pub(super) listen_address: Option<SocketAddr>,
    /// TLS and users of the web server, as in the Prometheus exporter toolkit
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(super) web_config_file: Option<PathBuf>,
    /// Threads of the pipeline; capture, scoring and serving have their own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: u16,
    /// Seed of hashes [default: that of the checkpoint, else a random one]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct TopArgs {
    /// Address of the sensor's web server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9909")]
    pub(super) url: String,
    /// User to log in as
    #[arg(
        long,
        value_name = "NAME",
        help = "User to log in as; the password is taken from UNDERCURRENT_PASSWORD"
    )]
    pub(super) user: Option<String>,
    /// Certificate of the authority that signed the sensor's, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Seconds between updates
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) interval: u16,
    /// Print the state once, as text; so it is where standard output is no terminal
    #[arg(long)]
    pub(super) once: bool,
}

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Where the model files go
    #[arg(long, help_heading = "Models", value_name = "DIR", default_value = "models")]
    pub(super) output: PathBuf,
    /// Go on from the models in that folder: add these inputs to the benign rows that are kept beside them
    #[arg(long, help_heading = "Models")]
    pub(super) update: bool,
    /// Benign input to compare with and not to learn from, repeatable: makes p-values of rare scores surer
    #[arg(long, help_heading = "Models", value_name = "CAPTURE")]
    pub(super) calibrate: Vec<PathBuf>,
    /// Trees of each forest
    #[arg(long, help_heading = "Models", value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(super) trees: u16,
    /// Rows that each tree is grown on
    #[arg(long, help_heading = "Models", value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(2..=4096))]
    pub(super) sample: u16,
    /// Version written into the models
    #[arg(long, help_heading = "Models", value_name = "TEXT", default_value = "1")]
    pub(super) model_version: String,
    /// What a reader of the models should know
    #[arg(long, help_heading = "Models", value_name = "TEXT", default_value = "")]
    pub(super) notes: String,
}

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Labels: CSV with the columns host, peer, kind, behaviour; optional: start, end, input, local
    /// [default: the labels.csv beside each input, or the labels in the logs]
    #[arg(long, help_heading = "Evaluation", value_name = "FILE.csv")]
    pub(super) labels: Option<PathBuf>,
    /// How the outcome is printed
    #[arg(long, help_heading = "Evaluation", value_enum, default_value_t = EvaluateFormat::Table)]
    pub(super) format: EvaluateFormat,
    /// Write one self-contained HTML page: precision against recall, detection against jitter, the tables
    #[arg(long, help_heading = "Evaluation", value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Write measures.csv, curves.csv, sweep.csv and incidents.csv into a folder
    #[arg(long, help_heading = "Evaluation", value_name = "DIR")]
    pub(super) csv: Option<PathBuf>,
    /// Model directory [default: the shipped models]
    #[arg(long, help_heading = "Evaluation", value_name = "DIR")]
    pub(super) models: Option<PathBuf>,
    /// Score each input without a label with models trained on those of the other folds, the others with models of all of them
    #[arg(long, help_heading = "Evaluation", value_name = "FOLDS", value_parser = clap::value_parser!(u16).range(2..=100))]
    pub(super) cross_validate: Option<u16>,
    /// Benign input that the models of every fold are trained on too, repeatable; it is not scored
    #[arg(long, help_heading = "Evaluation", value_name = "CAPTURE", requires = "cross_validate")]
    pub(super) train_on: Vec<PathBuf>,
    /// Benign input that p-values of every fold compare with, repeatable; it is neither trained on nor scored
    #[arg(long, help_heading = "Evaluation", value_name = "CAPTURE", requires = "cross_validate")]
    pub(super) calibrate: Vec<PathBuf>,
    /// False alerts a day at which recall is told
    #[arg(long, help_heading = "Evaluation", value_name = "ALERTS", default_value_t = 1.0, value_parser = parse_budget)]
    pub(super) budget: f64,
    /// Score every so many seconds of packet time as well, and tell when each incident is found and how many bytes had left
    #[arg(long, help_heading = "Evaluation", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) score_every: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// One array
    Json,
    /// One object a line
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EvaluateFormat {
    /// For people
    Table,
    /// Markdown tables
    Markdown,
    /// One object
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SeverityArg {
    Low,
    Medium,
    High,
    Critical,
}

impl From<SeverityArg> for Severity {
    fn from(arg: SeverityArg) -> Self {
        match arg {
            SeverityArg::Low => Self::Low,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}

/// A network, or an address as the network of itself.
fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "not an address or a network such as 10.0.0.0/8".to_owned())
}

/// False alerts a day: a number that is not negative.
fn parse_budget(text: &str) -> Result<f64, String> {
    let budget = text.parse::<f64>().ok().filter(|budget| budget.is_finite() && *budget >= 0.0);
    budget.ok_or_else(|| "not a number of alerts a day such as 1 or 0.1".to_owned())
}
