//! What the help of each verb shows below its flags: examples that work as they stand.

pub(super) const PROGRAM: &str = "\
Examples:
  undercurrent replay capture.pcap
  undercurrent help replay
  man -l <(undercurrent man)

Exit codes:
  0  done
  1  an input could not be read, or the run failed
  2  wrong usage or configuration
  3  a finding was made that --fail-on asks for";

pub(super) const REPLAY: &str = "\
Examples:
  Findings of a capture, for people; and for programs, the highest score first
    undercurrent replay capture.pcap.zst
    undercurrent replay --format jsonl capture.pcap | jq .host

  Rotated captures as one timeline, with the rows behind the findings
    undercurrent replay --hosts hosts.csv --channels channels.parquet --flows flows.csv trace-*.pcap.gz

  Zeek's logs of some days: conn, dns, ssl, http and quic of all of them
    undercurrent replay /opt/zeek/logs/2025-01-0*

  A capture of the NetFlow that routers sent; flows of a program of one's own
    undercurrent replay --netflow-port 2055 exports.pcap
    undercurrent replay --columns map.toml flows.csv

  From another program; monitored are two networks; known servers are left out
    tcpdump -r big.pcap -w - net 10.2.0.0/16 | undercurrent replay --local 10.2.0.0/16 --local 10.3.0.0/16 -
    undercurrent replay --allowlist known.txt --filter 'not port 853' capture.pcap

  In a script: exit code 3 where something high or critical was found
    undercurrent replay --quiet --fail-on high capture.pcap";

pub(super) const REPRODUCE: &str = "\
Examples:
    undercurrent replay --summary run.json --hosts hosts.csv capture.pcap
    undercurrent reproduce run.json

  On another machine, with the inputs in a folder of its own, whatever their names
    undercurrent reproduce --inputs ~/captures run.json

Exit codes: 0 all the same; 1 something differs, or the run could not be repeated; 2 wrong usage.";

pub(super) const WATCH: &str = "\
Examples:
  Watch a tap; metrics, health and a page for people at http://127.0.0.1:9909/
    undercurrent watch --interface eth1 --local 10.2.0.0/16

  With a configuration, for all the network to scrape, behind TLS and a password
    undercurrent watch --interface eth1 --config undercurrent.toml \\
      --web.listen-address 0.0.0.0:9909 --web.config.file web.yml

  Have routers tell of their flows by NetFlow or IPFIX
    undercurrent watch --netflow 0.0.0.0:2055 --local 10.2.0.0/16

  Read the configuration, the allowlist and the models again; stop
    kill -HUP $(pidof undercurrent)
    kill $(pidof undercurrent)

Capturing needs CAP_NET_RAW: run it as root, or by the systemd unit that comes with it.";

pub(super) const TOP: &str = "\
Examples:
    undercurrent top
    UNDERCURRENT_PASSWORD=secret undercurrent top --url https://sensor.example:9909 --user alice --ca-file ca.pem
    undercurrent top --once";

pub(super) const TRAIN: &str = "\
Examples:
  Models of a network's own benign captures, and their use
    undercurrent train --output my-models monday.pcap tuesday.pcap wednesday.pcap
    undercurrent replay --models my-models thursday.pcap

Each capture is taken as a network of its own, and so are the logs of a folder. Everything in the inputs counts as benign: leave out with --filter what is not.";

pub(super) const EVALUATE: &str = "\
Examples:
  Recorded scenarios with the labels.csv beside each
    undercurrent evaluate captures/*/capture.pcap.zst

  Logs with labels of their own, as those of IoT-23
    undercurrent evaluate CTU-IoT-Malware-Capture-34-1/bro

  Labels of your own, and models that have not seen the benign inputs
    undercurrent evaluate --labels labels.csv --cross-validate 5 --format markdown *.pcap";

pub(super) const SIMULATE: &str = "\
Examples:
  Twenty hosts for a day, one of them beacons every five minutes or so: is it found?
    undercurrent simulate --behaviour beacon --interval 300s --jitter 0.3 --output drill/capture.pcap.zst
    undercurrent evaluate drill/capture.pcap.zst

  An upload of 10 GB into a capture of your own network
    undercurrent simulate --behaviour bulk_upload --bytes 10GB --into monday.pcap --output drill/monday.pcap";

pub(super) const CHECK_CONFIG: &str = "\
Examples:
    undercurrent print-config >undercurrent.toml
    undercurrent check-config undercurrent.toml
    undercurrent replay --config undercurrent.toml capture.pcap";

pub(super) const COMPLETIONS: &str = "\
Examples:
    undercurrent completions bash >~/.local/share/bash-completion/completions/undercurrent
    undercurrent completions zsh >~/.zfunc/_undercurrent
    undercurrent completions fish >~/.config/fish/completions/undercurrent.fish";

pub(super) const MAN: &str = "\
Examples:
    undercurrent man >~/.local/share/man/man1/undercurrent.1";
