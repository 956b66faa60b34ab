//! What the labels of flow records mean: IoT-23, Stratosphere's `conn.log.labeled`, CTU-13's binetflow.

use std::collections::BTreeMap;

use super::{Label, PeerPattern};
use crate::addr::Addr;
use crate::detect::{Finding, Kind};
use crate::features::{ChannelKey, LocalNetworks, Peer};
use crate::records::{FlowLabels, LabelledEnds, LabelledFlows};
use crate::time::Timestamp;

/// Peers of an incident. More belong to one that the network talks to half the world for.
const PEERS_MAX: usize = 1024;

/// What a label says of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// Nothing to be found.
    Benign,
    /// Something that a detector should find.
    Incident(Kind),
    /// An attack that neither detector looks for: scans, floods, break-ins.
    OtherAttack,
}

/// What a label and its details mean. Malicious is what says so, or names a botnet; command and control what says so or has a word such as
/// `C&C`, `CC`, `CC1`, `C2` or `HeartBeat`; exfiltration what has `exfil` or `theft` in a word.
pub fn meaning_of(label: &str, detail: &str) -> Meaning {
    let (label, detail) = (label.to_ascii_lowercase(), detail.to_ascii_lowercase());
    let mut words = words(&label).chain(words(&detail));
    let is_bad =
        |word: &str| ["malicious", "botnet", "malware"].contains(&word) || control(word) || theft(word);
    if !words.clone().any(is_bad) || words.any(|word| ["normal", "benign", "background"].contains(&word)) {
        return Meaning::Benign;
    }
    let mut words = self::words(&label).chain(self::words(&detail));
    if words.clone().any(theft) {
        Meaning::Incident(Kind::Exfil)
    } else if words.any(control) {
        Meaning::Incident(Kind::C2)
    } else {
        Meaning::OtherAttack
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '&').filter(|word| !word.is_empty())
}

fn control(word: &str) -> bool {
    let numbered = word.strip_prefix("cc").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    numbered || ["c&c", "c2", "cnc", "heartbeat", "beacon"].contains(&word)
}

fn theft(word: &str) -> bool {
    word.contains("exfil") || word.contains("theft")
}

/// The ends of an attack that neither detector looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherAttack {
    host: Addr,
    peer: Addr,
    /// The responder's port; any where there is none, of which the other end is the originator.
    port: Option<u16>,
}

impl OtherAttack {
    /// Whether a channel is part of it.
    pub fn names_channel(&self, key: &ChannelKey) -> bool {
        key.host == self.host
            && key.peer == Peer::Addr(self.peer)
            && self.port.is_none_or(|port| port == key.port)
    }

    /// Whether a finding is about it.
    pub fn names_finding(&self, finding: &Finding) -> bool {
        finding.host == self.host
            && finding.peer.ip == Some(self.peer)
            && self.port.is_none_or(|port| finding.peer.port == Some(port))
    }
}

/// Incidents, one a monitored host and label with all its peers, and the other attacks.
pub(super) fn incidents(labels: &FlowLabels, local: &LocalNetworks) -> (Vec<Label>, Vec<OtherAttack>) {
    let mut incidents: BTreeMap<(Addr, Kind, String), Incident> = BTreeMap::new();
    let mut others = Vec::new();
    for (ends, flows) in &labels.of {
        let Some((host, peer, port)) = host_and_peer(ends, local) else { continue };
        match meaning_of(&ends.label, &ends.detail) {
            Meaning::Benign => {}
            Meaning::OtherAttack => others.push(OtherAttack { host, peer, port }),
            Meaning::Incident(kind) => {
                let what = if ends.detail.is_empty() { &ends.label } else { &ends.detail };
                let incident = incidents.entry((host, kind, what.clone()));
                incident
                    .or_insert_with(|| Incident::new(flows))
                    .add(PeerPattern::Addr { ip: peer, port }, flows);
            }
        }
    }
    (incidents.into_iter().map(|(what, incident)| incident.label(what)).collect(), others)
}

/// The monitored end of flows, the other end, and the port on which that answers.
fn host_and_peer(ends: &LabelledEnds, local: &LocalNetworks) -> Option<(Addr, Addr, Option<u16>)> {
    if local.contains(ends.orig) {
        Some((ends.orig, ends.resp, Some(ends.resp_port)))
    } else if local.contains(ends.resp) {
        Some((ends.resp, ends.orig, None))
    } else {
        None
    }
}

/// What flows of one label are gathered to.
struct Incident {
    peers: Vec<PeerPattern>,
    first: Timestamp,
    last: Timestamp,
}

impl Incident {
    fn new(flows: &LabelledFlows) -> Self {
        Self { peers: Vec::new(), first: flows.first, last: flows.last }
    }

    fn add(&mut self, peer: PeerPattern, flows: &LabelledFlows) {
        if self.peers.len() < PEERS_MAX && !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
        self.first = self.first.min(flows.first);
        self.last = self.last.max(flows.last);
    }

    fn label(self, (host, kind, what): (Addr, Kind, String)) -> Label {
        Label {
            host,
            peers: self.peers,
            kind,
            behaviour: what,
            start: Some(self.first),
            end: Some(self.last),
            note: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::proto;

    #[test]
    fn labels_of_the_collections_are_understood() {
        let c2 = Meaning::Incident(Kind::C2);
        for (label, detail, expected) in [
            ("Malicious", "C&C", c2),
            ("Malicious", "C&C-HeartBeat-FileDownload", c2),
            ("Malicious", "CC", c2),
            ("flow=From-Botnet-V42-TCP-CC1-HTTP-Not-Encrypted", "", c2),
            ("Malicious", "Data-Exfiltration", Meaning::Incident(Kind::Exfil)),
            ("Malicious", "DDoS", Meaning::OtherAttack),
            ("Malicious", "PartOfAHorizontalPortScan", Meaning::OtherAttack),
            ("Malicious", "External-Attack-to-Device", Meaning::OtherAttack),
            ("flow=From-Botnet-V42-UDP-DNS", "", Meaning::OtherAttack),
            ("flow=Background-TCP-Established", "", Meaning::Benign),
            ("flow=From-Normal-V42-Stribrek", "", Meaning::Benign),
            ("Benign", "Microsoft", Meaning::Benign),
            ("Background", "", Meaning::Benign),
            ("-", "", Meaning::Benign),
            ("", "", Meaning::Benign),
            // Words, not letters.
            ("Benign", "accounts", Meaning::Benign),
        ] {
            assert_eq!(meaning_of(label, detail), expected, "{label} {detail}");
        }
    }

    fn labelled(flows: &[(&str, &str, u16, &str, &str)]) -> FlowLabels {
        let addr = |text: &str| Addr::from(text.parse::<std::net::IpAddr>().unwrap());
        let mut labels = FlowLabels::default();
        for (second, &(orig, resp, resp_port, label, detail)) in (0..).zip(flows) {
            let ends = LabelledEnds {
                orig: addr(orig),
                resp: addr(resp),
                resp_port,
                proto: proto::TCP,
                label: label.to_owned(),
                detail: detail.to_owned(),
            };
            let at = Timestamp::from_secs_nanos(second, 0);
            labels.of.insert(ends, LabelledFlows { flows: 2, first: at, last: at });
        }
        labels
    }

    #[test]
    fn an_incident_is_a_host_and_a_label() {
        let labels = labelled(&[
            ("10.0.0.1", "192.0.2.1", 80, "Malicious", "C&C"),
            ("10.0.0.1", "192.0.2.2", 80, "Malicious", "C&C"),
            ("10.0.0.2", "192.0.2.2", 80, "Malicious", "C&C"),
            ("10.0.0.1", "192.0.2.3", 80, "Malicious", "DDoS"),
            ("192.0.2.9", "10.0.0.1", 23, "Malicious", "Attack"),
            ("10.0.0.1", "192.0.2.4", 80, "Benign", ""),
            ("192.0.2.1", "192.0.2.2", 80, "Malicious", "C&C"),
        ]);
        let (incidents, others) = incidents(&labels, &LocalNetworks::default());
        let shown: Vec<String> = incidents.iter().map(Label::peer_text).collect();
        assert_eq!(shown, ["192.0.2.1:80 192.0.2.2:80", "192.0.2.2:80"]);
        assert_eq!(incidents[0].start, Some(Timestamp::from_secs_nanos(0, 0)));
        assert_eq!(incidents[0].end, Some(Timestamp::from_secs_nanos(1, 0)));
        assert_eq!(others.iter().map(|other| other.port).collect::<Vec<_>>(), [Some(80), None]);
    }
}
