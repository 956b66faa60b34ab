//! Labels: which host did what with whom, in which input.

use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use super::PeerPattern;
use super::flow_labels::{self, OtherAttack};
use crate::addr::Addr;
use crate::detect::{Finding, Kind};
use crate::features::{Channel, ChannelKey, LocalNetworks};
use crate::records::FlowLabels;
use crate::time::Timestamp;

/// One incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The monitored host.
    pub host: Addr,
    /// The other ends: any of them.
    pub peers: Vec<PeerPattern>,
    /// Which detector should find it.
    pub kind: Kind,
    /// What it does, e.g. `beacon`.
    pub behaviour: String,
    /// From when to when; all the time where there is nothing.
    pub start: Option<Timestamp>,
    /// Its end.
    pub end: Option<Timestamp>,
    /// What is to be shown beside it; may be empty.
    pub note: String,
}

/// Labels that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// No CSV, or not UTF-8.
    #[error("the labels are no CSV")]
    Csv(#[from] csv::Error),
    /// A column that must be there is not.
    #[error(
        "the labels have no column {0}; columns are host, peer, kind, behaviour, and optional start, end, input, local, note"
    )]
    NoColumn(&'static str),
    /// A column that has no meaning.
    #[error(
        "the labels have a column {0} that means nothing; columns, between commas, are host, peer, kind, behaviour, start, end, input, local, note"
    )]
    UnknownColumn(String),
    /// A value that cannot be read.
    #[error("labels, line {line}: {column} {value:?} is not {expected}")]
    Value {
        /// Line of the file, from 1.
        line: u64,
        /// Which column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        expected: &'static str,
    },
}

/// What is known of one input.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// Path of the input, or the end of it; every input where there is nothing.
    input: Option<String>,
    /// Monitored networks.
    local: Vec<IpNet>,
    /// The incident; nothing in a line that only sets monitored networks.
    label: Option<Label>,
}

/// A file of labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    entries: Vec<Entry>,
    others: Vec<OtherAttack>,
    by_input: bool,
}

const COLUMNS: [&str; 9] = ["host", "peer", "kind", "behaviour", "start", "end", "input", "local", "note"];

impl Labels {
    /// Reads CSV with the columns `host`, `peer`, `kind`, `behaviour` and, optional, `start`, `end` (RFC 3339), `input` (path of the
    /// input or the end of it), `local` (monitored networks of that input) and `note`. Peers and networks are separated by spaces or
    /// semicolons. A line without a host describes an input without an incident.
    ///
    /// # Errors
    /// [`LabelError`], naming the line and the column.
    pub fn read(from: impl Read) -> Result<Self, LabelError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(false).from_reader(from);
        let header = reader.headers()?.clone();
        if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name)) {
            return Err(LabelError::UnknownColumn(unknown.to_owned()));
        }
        let position = |name: &str| header.iter().position(|column| column == name);
        for required in ["host", "peer", "kind", "behaviour"] {
            position(required).ok_or(LabelError::NoColumn(required))?;
        }
        let mut labels =
            Self { entries: Vec::new(), others: Vec::new(), by_input: position("input").is_some() };
        for record in reader.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let field = |name: &str| position(name).and_then(|at| record.get(at)).unwrap_or_default();
            labels.entries.push(Line { line, field: &field }.read(labels.by_input)?);
        }
        Ok(labels)
    }

    /// The labels of one input that holds its labels itself: incidents, and what is neither an incident nor benign.
    pub fn of_flows(labels: &FlowLabels, local: &LocalNetworks) -> Self {
        let (incidents, others) = flow_labels::incidents(labels, local);
        let entry = |label| Entry { input: None, local: Vec::new(), label: Some(label) };
        Self { entries: incidents.into_iter().map(entry).collect(), others, by_input: false }
    }

    /// Ends whose traffic counts neither as an incident nor as benign: attacks that the detectors do not look for.
    pub fn others(&self) -> &[OtherAttack] {
        &self.others
    }

    /// Whether inputs are told apart. If not, the labels are those of all inputs as one timeline.
    pub fn by_input(&self) -> bool {
        self.by_input
    }

    /// The incidents of an input, which may lie in several files.
    pub fn of_input(&self, paths: &[impl AsRef<Path>]) -> Vec<Label> {
        self.entries_of(paths).filter_map(|entry| entry.label.clone()).collect()
    }

    /// The monitored networks of an input; none where the labels do not say.
    pub fn local_of(&self, paths: &[impl AsRef<Path>]) -> Vec<IpNet> {
        let mut nets: Vec<IpNet> = self.entries_of(paths).flat_map(|entry| entry.local.clone()).collect();
        nets.sort_unstable();
        nets.dedup();
        nets
    }

    /// Inputs that labels name and that are not among the given ones.
    pub fn inputs_missing_from(&self, paths: &[impl AsRef<Path>]) -> Vec<&str> {
        let named = self.entries.iter().filter_map(|entry| entry.input.as_deref());
        let mut missing: Vec<&str> =
            named.filter(|input| !paths.iter().any(|path| path.as_ref().ends_with(input))).collect();
        missing.dedup();
        missing
    }

    fn entries_of<'a>(&'a self, paths: &'a [impl AsRef<Path>]) -> impl Iterator<Item = &'a Entry> {
        let is_of = |input: &String| paths.iter().any(|path| path.as_ref().ends_with(input));
        self.entries.iter().filter(move |entry| entry.input.as_ref().is_none_or(is_of))
    }
}

impl Label {
    /// Whether the label names this channel.
    pub fn names_channel(&self, key: &ChannelKey, channel: &Channel) -> bool {
        self.host == key.host
            && self.overlaps(channel.first_seen, channel.last_seen)
            && self.peers.iter().any(|peer| peer.is_of_channel(key, channel))
    }

    /// Whether a finding is about what the label names, whatever its kind.
    pub fn names_finding(&self, finding: &Finding) -> bool {
        self.host == finding.host
            && self.overlaps(finding.first_seen, finding.last_seen)
            && self.peers.iter().any(|peer| peer.is_of_finding(finding))
    }

    /// The peers as text.
    pub fn peer_text(&self) -> String {
        self.peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn overlaps(&self, first: Timestamp, last: Timestamp) -> bool {
        self.start.is_none_or(|start| last >= start) && self.end.is_none_or(|end| first <= end)
    }
}

/// One line of the file while it is read.
struct Line<'a> {
    line: u64,
    field: &'a dyn Fn(&str) -> &'a str,
}

impl Line<'_> {
    fn read(&self, by_input: bool) -> Result<Entry, LabelError> {
        let input = (self.field)("input");
        if by_input && input.is_empty() {
            return Err(self.bad("input", "the path of an input"));
        }
        let net = |text: &str| {
            text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| ())
        };
        let local: Result<Vec<IpNet>, ()> = words((self.field)("local")).map(net).collect();
        Ok(Entry {
            input: by_input.then(|| input.to_owned()),
            local: local.map_err(|()| self.bad("local", "a list of networks"))?,
            label: if (self.field)("host").is_empty() { None } else { Some(self.label()?) },
        })
    }

    fn label(&self) -> Result<Label, LabelError> {
        let host: IpAddr = (self.field)("host").parse().map_err(|_| self.bad("host", "an address"))?;
        let peers: Option<Vec<PeerPattern>> = words((self.field)("peer")).map(PeerPattern::parse).collect();
        let peers = peers
            .filter(|peers| !peers.is_empty())
            .ok_or_else(|| self.bad("peer", "an address, an address with a port, or a name"))?;
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == (self.field)("kind"))
            .ok_or_else(|| self.bad("kind", "c2 or exfil"))?;
        let behaviour = (self.field)("behaviour");
        if behaviour.is_empty() {
            return Err(self.bad("behaviour", "a word such as beacon"));
        }
        Ok(Label {
            host: Addr::from(host),
            peers,
            kind,
            behaviour: behaviour.to_owned(),
            start: self.time("start")?,
            end: self.time("end")?,
            note: (self.field)("note").to_owned(),
        })
    }

    fn time(&self, column: &'static str) -> Result<Option<Timestamp>, LabelError> {
        match (self.field)(column) {
            "" => Ok(None),
            text => Timestamp::parse_rfc3339(text)
                .map(Some)
                .ok_or_else(|| self.bad(column, "a time such as 2025-01-01T08:00:00Z")),
        }
    }

    fn bad(&self, column: &'static str, expected: &'static str) -> LabelError {
        LabelError::Value { line: self.line, column, value: (self.field)(column).to_owned(), expected }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ';']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "host,peer,kind,behaviour,start,end,input,local\n\
        10.0.0.1,203.0.113.7:443; evil.example,c2,beacon,2025-01-01T08:00:00Z,,a.pcap,10.0.0.0/8 fd00::/8\n\
        ,,,,,,sub/b.pcap,147.32.80.37\n";

    #[test]
    fn inputs_are_matched_by_the_end_of_their_path() {
        let labels = Labels::read(ALL.as_bytes()).unwrap();
        let label = &labels.of_input(&["/data/a.pcap"])[0];
        assert_eq!(label.peer_text(), "203.0.113.7:443 evil.example");
        assert_eq!(label.start, Timestamp::parse_rfc3339("2025-01-01T08:00:00Z"));
        assert_eq!((label.kind, label.behaviour.as_str(), label.end), (Kind::C2, "beacon", None));
        assert_eq!(labels.local_of(&["/data/a.pcap"]).len(), 2);
        assert!(labels.of_input(&["/data/xa.pcap"]).is_empty());
        assert!(labels.of_input(&["/sub/b.pcap"]).is_empty(), "a line without an incident");
        assert_eq!(labels.local_of(&["/sub/b.pcap"]), ["147.32.80.37/32".parse().unwrap()]);
        assert_eq!(labels.inputs_missing_from(&["x/a.pcap", "b.pcap"]), ["sub/b.pcap"]);
    }

    #[test]
    fn without_an_input_column_the_labels_are_those_of_all() {
        let labels =
            Labels::read("host,peer,kind,behaviour\nfd00::1,[fd00::2]:80,exfil,slow_drip\n".as_bytes())
                .unwrap();
        assert!(!labels.by_input());
        assert_eq!(labels.of_input(&["whatever"]).len(), 1);
    }

    #[test]
    fn errors_name_line_and_column() {
        let check = |text: &str, needles: &[&str]| {
            let message = Labels::read(text.as_bytes()).unwrap_err().to_string();
            assert!(needles.iter().all(|needle| message.contains(needle)), "{message}");
        };
        let header = "host,peer,kind,behaviour,start,input\n";
        check("host,peer,kind\n", &["no column behaviour"]);
        check("host,peer,kind,behaviour,colour\n", &["column colour"]);
        check(
            &format!("{header}10.0.0.1,a.example,c2,beacon,,x\nhost1,a.example,c2,beacon,,x\n"),
            &["line 3", "host"],
        );
        check(&format!("{header}10.0.0.1,,c2,beacon,,x\n"), &["line 2", "peer"]);
        check(&format!("{header}10.0.0.1,a.example (x),c2,beacon,,x\n"), &["peer", "(x)"]);
        check(&format!("{header}10.0.0.1,a.example,c3,beacon,,x\n"), &["kind", "c3"]);
        check(&format!("{header}10.0.0.1,a.example,c2,,,x\n"), &["behaviour"]);
        check(&format!("{header}10.0.0.1,a.example,c2,beacon,noon,x\n"), &["start", "noon"]);
        check(&format!("{header}10.0.0.1,a.example,c2,beacon,,\n"), &["input"]);
        check(&format!("{header}10.0.0.1\n"), &["no CSV"]);
    }
}
