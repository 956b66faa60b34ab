//! What each key means; the one source of `print-config` and of `docs/configuration.md`.

/// Key and meaning, in the order in which they are printed.
pub(super) const KEYS: &[(&str, &str)] = &[
    (
        "local",
        "Monitored networks, e.g. [\"10.0.0.0/8\", \"2001:db8::/32\"]. Empty: private, unique-local and link-local ranges.",
    ),
    (
        "assets",
        "Whose data must not leave, e.g. [{ name = \"weights\", cidr = [\"10.9.0.0/16\"] }], or a table [[assets]] each: what is read from there, over any number of hosts inside, and then sent out is a staged upload.",
    ),
    (
        "allowlist.entries",
        "What is known to be fine: \"[SOURCE ->] DESTINATION[:PORT]\", each an address, a network or a name; *.example.com also means example.com.",
    ),
    (
        "allowlist.files",
        "Files of such entries, one a line, # begins a comment. A relative path begins at the folder of the configuration file.",
    ),
    (
        "detect.alerts_a_day",
        "False alerts that are borne a day in the whole network, half of them of each detector; a quarter of them critical, and beside each forty medium and two hundred low findings at most.",
    ),
    (
        "detect.score_every_s",
        "Seconds of packet time between the scoring passes of the live sensor; more where a pass takes long.",
    ),
    (
        "decode.verify_checksums",
        "Verify transport checksums of packets that were captured whole. Off: captures of the sending host look wrong.",
    ),
    ("decode.max_fragments", "First fragments remembered so that later ones get their ports."),
    ("flow.max_flows", "Most flows held at a time; past it the least valuable are evicted and counted."),
    ("flow.tcp_attempt_s", "Seconds until TCP of which one side was seen ends."),
    ("flow.tcp_open_s", "Seconds of silence until established TCP ends."),
    ("flow.tcp_half_closed_s", "Seconds of silence until TCP of which one side closed ends."),
    ("flow.tcp_closed_s", "Seconds for which trailing packets of closed TCP are counted to it."),
    ("flow.udp_s", "Seconds of silence until UDP and other protocols end."),
    ("flow.icmp_s", "Seconds of silence until ICMP ends."),
    ("flow.interim_s", "Seconds between reports of an open flow."),
    ("features.max_hosts", "Most monitored hosts with state."),
    (
        "features.max_channels",
        "Most channels (host, peer, service) with state; past it the least valuable are given up and counted.",
    ),
    ("features.max_names", "Most (host, address) pairs whose DNS name is remembered."),
    (
        "capture.backend",
        "Where the live sensor's packets come from: \"af_packet\" (rings of Linux), \"libpcap\", or \"auto\", the first of them that fits the interface.",
    ),
    ("capture.snap_length", "Bytes kept of a packet; its length on the wire is counted whole."),
    ("capture.buffer_bytes", "Bytes of each ring: what the kernel can hold while the sensor is busy."),
    ("capture.promiscuous", "Take packets that are not for this machine."),
    ("capture.workers", "Rings of each interface, a thread each."),
    ("capture.cpus", "Processors that the threads of rings are pinned to, in turn; not pinned where empty."),
    ("capture.fanout_group", "Fanout group of an interface's rings; 0 has the kernel choose a free one."),
    ("capture.filter", "tcpdump expression that packets must fulfil; all where empty."),
    (
        "capture.queue_blocks",
        "Blocks of packets (256 KiB) that may wait for the pipeline; what finds no room is shed and counted.",
    ),
    (
        "netflow.listen",
        "Addresses and UDP ports at which the live sensor takes NetFlow v5, v9 and IPFIX, e.g. [\"0.0.0.0:2055\", \"[::]:4739\"].",
    ),
    (
        "netflow.exporters",
        "Networks whose exports are taken, e.g. [\"192.0.2.0/24\"]; everybody's where empty. UDP has no proof of the sender: let only the exporters reach the port.",
    ),
    (
        "netflow.buffer_bytes",
        "Bytes of memory that the kernel is asked for at each of these ports; it gives net.core.rmem_max at most.",
    ),
    (
        "state.directory",
        "Folder of the live sensor's checkpoint, and of all that has a relative name; made where it does not exist.",
    ),
    ("state.checkpoint_interval_s", "Seconds between checkpoints."),
    (
        "findings.file",
        "Findings of the live sensor, as EVE JSON lines. A relative path begins at the state directory.",
    ),
    ("findings.max_bytes", "Bytes from which on the findings file is set aside and a new one begun."),
    ("findings.max_age_h", "Hours of packet time after which it is."),
    ("findings.keep", "Findings files set aside that are kept."),
    (
        "findings.update_every_s",
        "Seconds after which a finding that goes on is written again, with the counters of then.",
    ),
    (
        "findings.end_after_s",
        "Seconds of silence after which a finding is over, and its host's score falls back.",
    ),
    ("findings.max_open", "Most findings that are followed at a time."),
    (
        "findings.format",
        "The form of its lines: \"eve\" (Suricata), \"ecs\" (Elastic Common Schema), \"ocsf\" (Open Cybersecurity Schema Framework).",
    ),
    (
        "webhook.url",
        "Where each finding is posted as JSON, tried again until it is taken; nowhere where empty.",
    ),
    ("webhook.format", "The form of these, as findings.format."),
    ("webhook.bearer_token_file", "File of the token that requests show; none where empty."),
    (
        "alertmanager.url",
        "Alertmanager that findings are told to as alerts, such as http://127.0.0.1:9093; none where empty.",
    ),
    ("alertmanager.resend_s", "Seconds after which alerts that go on are sent again."),
    ("alertmanager.bearer_token_file", "File of the token that requests show; none where empty."),
    (
        "syslog.address",
        "Where findings are sent by syslog: udp://HOST:PORT or unix:///dev/log; nowhere where empty.",
    ),
    ("syslog.format", "The form of these, as findings.format."),
    ("metrics.topk_hosts", "Hosts of each detector that have series of their own, at most."),
    ("metrics.topk_entry", "Score at which a host gets series."),
    ("metrics.topk_release", "Score below which it loses them."),
    ("metrics.topk_dwell_s", "Seconds for which it keeps them at least."),
    ("metrics.topk_margin", "How much higher another host must score to take its place."),
    (
        "metrics.host_label",
        "What stands for a host in labels: \"ip\", \"hostname\" (as DNS named it, where that is seen), \"hmac\" (a keyed hash), \"off\" (no series of hosts).",
    ),
    (
        "metrics.host_label_key_file",
        "File whose content is the key of \"hmac\". A relative path begins at the state directory.",
    ),
    ("web.listen_address", "Address and port of the live sensor's web server."),
    (
        "web.config_file",
        "TLS and users of the web server: a web.config.file of the Prometheus exporter toolkit. Neither where empty.",
    ),
    ("web.max_connections", "Connections at a time; further ones wait."),
    ("web.request_timeout_s", "Seconds until a request or its answer is given up."),
    (
        "sandbox.enabled",
        "Whether the live sensor gives up its rights once its sockets are open: capabilities, system calls, files and ports that it does not need.",
    ),
    (
        "log.level",
        "Least grave messages that are written: \"error\", \"warn\", \"info\", \"debug\", \"trace\".",
    ),
    ("log.format", "Form of the live sensor's messages on standard error: \"text\" or \"json\"."),
];
