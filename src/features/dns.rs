//! DNS messages: the names that they give, and what a host asks under one registered domain, which tells a tunnel from name resolution.

use cardinality_estimator::CardinalityEstimator;
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;

use crate::addr::Addr;
use crate::decode::app::{DnsMessage, Service};
use crate::flow::DnsEvent;
use crate::memory::prefetch_text;
use crate::time::Span;

use super::channel::{ChannelKey, Peer};
use super::steps::{Step, Steps};
use super::{Activity, Channel, FeatureStore, Host, Traffic};

/// DNS record types (IANA) that clients ask for in ordinary name resolution: A, AAAA, HTTPS, SVCB, PTR, SOA, NS, SRV.
const USUAL_TYPES: [u16; 8] = [1, 28, 65, 64, 12, 6, 2, 33];

/// Symbols whose entropy is taken: letters, digits, hyphen; all others share one.
const SYMBOLS: usize = 38;

/// The first of them are the letters.
const LETTERS: usize = 26;

/// Questions and answers under one registered domain, in a bounded number of bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DomainState {
    /// The server that was asked or answered last.
    pub server: Addr,
    /// Questions.
    pub queries: u64,
    /// Responses.
    pub responses: u64,
    /// Questions of types that clients seldom ask for (TXT, NULL, KEY, CNAME, MX, …).
    pub unusual_types: u64,
    /// Bytes of names left of the registered domain, summed over questions.
    pub label_bytes: u64,
    /// Bytes of answer records that are no addresses.
    pub answer_bytes: u64,
    distinct: CardinalityEstimator<u64>,
    #[serde(with = "BigArray")]
    symbols: [u32; SYMBOLS],
}

impl Default for DomainState {
    fn default() -> Self {
        Self {
            server: Addr::default(),
            queries: 0,
            responses: 0,
            unusual_types: 0,
            label_bytes: 0,
            answer_bytes: 0,
            distinct: CardinalityEstimator::new(),
            symbols: [0; SYMBOLS],
        }
    }
}

impl DomainState {
    /// Counts a message. `labels` is what stands left of the registered domain, without the dot between;
    /// `name_hash` is a seeded hash of the whole name.
    pub fn add(&mut self, message: &DnsMessage, labels: &str, name_hash: u64) {
        if message.is_response {
            self.responses += 1;
            self.answer_bytes += u64::from(message.other_answer_bytes);
            return;
        }
        self.queries += 1;
        self.unusual_types += u64::from(!USUAL_TYPES.contains(&message.qtype));
        self.label_bytes += labels.len() as u64;
        self.distinct.insert_hash(name_hash);
        for byte in labels.bytes().filter(|b| *b != b'.') {
            if let Some(count) = self.symbols.get_mut(symbol_of(byte)) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Distinct names asked (an estimate past a hundred: `HyperLogLog`++).
    pub fn distinct_names(&self) -> u64 {
        (self.distinct.estimate() as u64).min(self.queries)
    }

    /// Mean bytes of a name left of the registered domain.
    pub fn mean_label_bytes(&self) -> f64 {
        self.label_bytes as f64 / self.queries.max(1) as f64
    }

    /// Share of questions of types that clients seldom ask for.
    pub fn unusual_type_share(&self) -> f64 {
        self.unusual_types as f64 / self.queries.max(1) as f64
    }

    /// Mean bytes of a response that are no addresses.
    pub fn mean_answer_bytes(&self) -> f64 {
        self.answer_bytes as f64 / self.responses.max(1) as f64
    }

    /// Share of letters among the symbols of the names. Addresses in names (block lists, RFC 5782) have few.
    pub fn letter_share(&self) -> f64 {
        let sum = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
        let letters = sum(self.symbols.get(..LETTERS).unwrap_or_default());
        letters / sum(&self.symbols).max(1.0)
    }

    /// Entropy of the symbols of the names, in bits a symbol: base-32 text has 5, English words about 4.
    pub fn entropy_bits(&self) -> f64 {
        let total: f64 = self.symbols.iter().map(|c| f64::from(*c)).sum();
        self.symbols
            .iter()
            .filter(|c| **c > 0)
            .map(|c| {
                let share = f64::from(*c) / total;
                -share * share.log2()
            })
            .sum()
    }
}

fn symbol_of(byte: u8) -> usize {
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => usize::from(letter - b'a'),
        digit @ b'0'..=b'9' => 26 + usize::from(digit - b'0'),
        b'-' => 36,
        _ => 37,
    }
}

impl Channel {
    /// Takes a DNS message under this channel's domain. Queries less than a second apart are one burst.
    pub(super) fn dns_message(&mut self, dns: &DnsEvent, labels: &str, name_hash: u64) {
        const SAME_BURST: Span = Span::from_secs(1);
        self.service = Service::Dns;
        let state = self.dns_mut();
        state.server = dns.server;
        state.add(&dns.message, labels, name_hash);
        let bytes = u64::from(dns.message_len);
        let mut traffic = Traffic::default();
        if dns.message.is_response {
            (traffic.packets_in, traffic.bytes_in, traffic.payload_in) = (1, bytes, bytes);
        } else {
            (traffic.packets_out, traffic.bytes_out, traffic.payload_out) = (1, bytes, bytes);
            self.flows += 1;
        }
        self.traffic.add(&traffic);
        self.peak_out.add(dns.ts, traffic.bytes_out);
        let continues = self.recent.iter().next_back().is_some_and(|b| dns.ts - b.start < SAME_BURST);
        self.last_seen = self.last_seen.max(dns.ts);
        self.first_seen = self.first_seen.min(dns.ts);
        if !dns.message.is_response && !continues {
            let burst = Activity {
                start: dns.ts,
                bytes_out: dns.message_len,
                bytes_in: 0,
                opens_flow: true,
                peer_driven: false,
            };
            self.burst(burst, dns.ts);
        }
    }
}

impl FeatureStore {
    /// Says what a message changes, and that it will be looked for.
    pub(super) fn expect_dns<'a>(&self, dns: &'a DnsEvent, steps: &mut Steps<'a>) {
        if self.local.contains(dns.client) {
            let (host_hash, name_hash) = (self.hosts.hash(&dns.client), self.seed.hash_of(&dns.message.name));
            self.hosts.expect(host_hash);
            self.domains.expect(name_hash);
            for addr in names_told(dns) {
                self.names.expect(dns.client, *addr);
            }
            steps.push(Step::Dns { dns, host_hash, name_hash, channel: None });
        }
    }

    /// Asks for the names that the addresses of an answer had.
    pub(super) fn approach_names(&self, dns: &DnsEvent) {
        for addr in names_told(dns) {
            self.names.approach(self.names.hash(dns.client, *addr));
        }
    }

    /// Asks for their text, which is compared.
    pub(super) fn follow_names(&self, dns: &DnsEvent) {
        for addr in names_told(dns) {
            self.names.follow_up(self.names.hash(dns.client, *addr));
        }
    }

    /// Asks for the channels that were found by domains.
    pub(super) fn approach_domain(&self, step: &Step<'_>) {
        if let Step::Dns { channel: Some((_, hash)), .. } = step {
            self.channels.approach(*hash);
        }
    }

    /// Asks for what these lead to: the domain, which is compared, and what was asked under it.
    pub(super) fn follow_domain(&self, step: &Step<'_>) {
        if let Step::Dns { channel: Some((_, hash)), .. } = step
            && let Some((key, channel)) = self.channels.likely(*hash)
        {
            if let Peer::Domain(domain) = &key.peer {
                prefetch_text(domain);
            }
            channel.approach_rare();
            channel.approach_bursts();
        }
    }

    /// The channel of a client to the domain of the name that it asks for; none where the name has no domain, or the answer is about the
    /// domain itself, or the name is that of an address.
    pub(super) fn domain_channel(&mut self, dns: &DnsEvent, name_hash: u64) -> Option<(ChannelKey, u32)> {
        let message = &dns.message;
        let domain = self.domains.domain_of(&message.name, name_hash);
        if domain.is_empty()
            || domain.len() == message.name.len() && message.is_response
            || is_reverse(&domain)
        {
            return None;
        }
        let key = ChannelKey {
            host: dns.client,
            peer: Peer::Domain(domain),
            port: dns.server_port,
            proto: dns.proto,
            outbound: true,
        };
        let hash = self.channels.hash(&key);
        Some((key, hash))
    }

    /// Takes a message, and counts it to the channel of its domain.
    pub(super) fn take_dns(
        &mut self,
        dns: &DnsEvent,
        host_hash: u32,
        name_hash: u64,
        channel: Option<&(ChannelKey, u32)>,
    ) {
        let message = &dns.message;
        let names_addresses = message.is_response && !message.addresses.is_empty();
        if names_addresses {
            for addr in &message.addresses {
                self.names.learn(dns.client, *addr, &message.name);
            }
        }
        // A message is told before its flow is: a domain can be judged before the host has had a report.
        self.hosts.update(&dns.client, host_hash, Host::default, |host| {
            host.see(dns.ts, dns.ts);
            host.dns_answers += u64::from(names_addresses);
        });
        let Some((key, hash)) = channel else { return };
        let Peer::Domain(domain) = &key.peer else { return };
        let labels = message.name.strip_suffix(&**domain).unwrap_or_default().trim_end_matches('.');
        let internal = false;
        let make = || Channel::new(internal, dns.ts);
        self.channels.update(key, *hash, make, |channel| channel.dns_message(dns, labels, name_hash));
    }
}

/// The addresses for which a message tells the name.
fn names_told(dns: &DnsEvent) -> &[Addr] {
    if dns.message.is_response { &dns.message.addresses } else { &[] }
}

/// Reverse look-ups name addresses, not domains.
fn is_reverse(domain: &str) -> bool {
    domain.rsplit('.').next() == Some("arpa")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(qtype: u16) -> DnsMessage {
        DnsMessage { qtype, complete: true, ..DnsMessage::default() }
    }

    #[test]
    fn tunnels_and_names_differ() {
        let (mut tunnel, mut plain) = (DomainState::default(), DomainState::default());
        for i in 0..500_u64 {
            let labels = format!("{:016x}{:016x}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15), i ^ 0x5bd1);
            tunnel.add(&query(16), &labels, i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            plain.add(&query(1), "www", 7);
        }
        assert!((450..=500).contains(&tunnel.distinct_names()), "{}", tunnel.distinct_names());
        assert_eq!(plain.distinct_names(), 1);
        assert!(tunnel.unusual_type_share() > 0.99 && plain.unusual_type_share() < 0.01);
        assert!((tunnel.mean_label_bytes() - 32.0).abs() < 1e-9);
        assert!(tunnel.entropy_bits() > 3.0 && plain.entropy_bits() < 0.01);
    }

    #[test]
    fn addresses_in_names_have_few_letters() {
        let share = |labels: &str| {
            let mut state = DomainState::default();
            state.add(&query(1), labels, 1);
            state.letter_share()
        };
        assert!(share("7.113.0.203.zen") < 0.3 && share("mzxw6ytboi") > 0.7);
    }

    #[test]
    fn nothing_asked_gives_finite_numbers() {
        let empty = DomainState::default();
        let values =
            [empty.mean_label_bytes(), empty.entropy_bits(), empty.mean_answer_bytes(), empty.letter_share()];
        for value in values {
            assert!(value.abs() < f64::EPSILON);
        }
    }
}
