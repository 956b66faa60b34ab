//! What the decoder counts: broken frames by layer, frames without an IP packet by reason, tunnels by kind.

use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A small closed set of labels to count by.
pub trait Label: Copy + 'static {
    /// All labels, in the order in which they are written out; at most [`Tally::MAX_LABELS`].
    const ALL: &'static [Self];

    /// The name in summaries and metric labels.
    fn name(self) -> &'static str;

    /// The label's place in [`Label::ALL`].
    fn slot(self) -> usize;
}

/// A counter for each label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally<L> {
    counts: [u64; 8],
    label: PhantomData<L>,
}

impl<L> Default for Tally<L> {
    fn default() -> Self {
        Self { counts: [0; 8], label: PhantomData }
    }
}

impl<L: Label> Tally<L> {
    /// The most labels that a tally can hold.
    pub const MAX_LABELS: usize = 8;

    /// Counts one.
    pub fn add(&mut self, label: L) {
        if let Some(count) = self.counts.get_mut(label.slot()) {
            *count += 1;
        }
    }

    /// The count of one label.
    pub fn get(&self, label: L) -> u64 {
        self.counts.get(label.slot()).copied().unwrap_or_default()
    }

    /// The sum over all labels.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every label's name and count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        L::ALL.iter().map(|&label| (label.name(), self.get(label)))
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
    }
}

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$label_doc:meta])* $label:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$label_doc])* $label,)* }

        impl Label for $name {
            const ALL: &'static [Self] = &[$(Self::$label,)*];
            fn name(self) -> &'static str {
                match self { $(Self::$label => $text,)* }
            }
            fn slot(self) -> usize {
                self as usize
            }
        }

        const _: () = assert!($name::ALL.len() <= Tally::<$name>::MAX_LABELS);
    };
}

labels! {
    /// Where a frame or packet is broken (`undercurrent_decode_errors_total{layer}`).
    Layer {
        /// A link-layer header is cut or contradicts itself: no packet is reported.
        Link = "link",
        /// An IP header is cut or contradicts itself. No packet is reported unless the fixed part of the header was
        /// sound (a chain of extension headers that breaks off).
        Ip = "ip",
        /// A transport header is cut or contradicts itself: the packet is reported without what is missing.
        Transport = "transport",
        /// What a tunnel header announces does not follow, or tunnels are nested too deep: the outer packet is reported.
        Tunnel = "tunnel",
        /// A fragment whose first piece was not seen, or that ends past 65,535 bytes: reported, without ports.
        Fragment = "fragment",
    }
}

labels! {
    /// Why a sound frame gave no packet.
    Skip {
        /// ARP or RARP.
        Arp = "arp",
        /// Another protocol than IP: LLDP, spanning tree, PPP control, IS-IS and the like.
        NotIp = "not_ip",
        /// 802.11 management and control, data frames without data, aggregates.
        WifiControl = "wifi_control",
        /// 802.11 data under link encryption.
        WifiEncrypted = "wifi_encrypted",
        /// A link type that is not decoded; [`DecodeStats::unknown_links`] says which.
        LinkType = "link_type",
    }
}

labels! {
    /// The tunnels that are peeled and counted in [`crate::decode::Packet::tunnel_depth`].
    Tunnel {
        /// IPv4 or IPv6 in IPv4 or IPv6 (RFC 2003, 4213, 2473), MPLS in IP (RFC 4023), Ethernet in IP (RFC 3378).
        IpInIp = "ip_in_ip",
        /// GRE (RFC 2784, 2890), NVGRE (RFC 7637), PPTP's GRE (RFC 2637).
        Gre = "gre",
        /// ERSPAN types I, II and III in GRE.
        Erspan = "erspan",
        /// VXLAN (RFC 7348) and its generic extension.
        Vxlan = "vxlan",
        /// Geneve (RFC 8926).
        Geneve = "geneve",
        /// GTP-U (3GPP TS 29.281).
        GtpU = "gtp_u",
        /// Teredo (RFC 4380).
        Teredo = "teredo",
    }
}

/// The counters of a decoder. Counters of several decoders add up by [`DecodeStats::merge`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodeStats {
    /// Broken frames and packets; at most one error is counted for a frame.
    pub errors: Tally<Layer>,
    /// Frames that carry no IP packet.
    pub skipped: Tally<Skip>,
    /// Tunnel headers peeled from reported packets.
    pub tunnels: Tally<Tunnel>,
    /// Frames of link types that are not decoded, by LINKTYPE number; the first
    /// [`DecodeStats::MAX_UNKNOWN_LINKS`] numbers only.
    pub unknown_links: BTreeMap<u16, u64>,
}

impl DecodeStats {
    /// How many unknown link types are told apart.
    pub const MAX_UNKNOWN_LINKS: usize = 16;

    /// Adds the counters of another decoder.
    pub fn merge(&mut self, other: &Self) {
        self.errors.merge(&other.errors);
        self.skipped.merge(&other.skipped);
        self.tunnels.merge(&other.tunnels);
        for (&link, &frames) in &other.unknown_links {
            self.add_unknown_link(link, frames);
        }
    }

    pub(super) fn add_unknown_link(&mut self, link: u16, frames: u64) {
        if self.unknown_links.len() < Self::MAX_UNKNOWN_LINKS || self.unknown_links.contains_key(&link) {
            *self.unknown_links.entry(link).or_default() += frames;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_labels<L: Label + std::fmt::Debug>() {
        for (slot, label) in L::ALL.iter().enumerate() {
            assert_eq!(label.slot(), slot, "{label:?}");
        }
    }

    #[test]
    fn labels_know_their_slots() {
        check_labels::<Layer>();
        check_labels::<Skip>();
        check_labels::<Tunnel>();
    }

    #[test]
    fn merging_adds_and_stays_bounded() {
        let mut a = DecodeStats::default();
        a.errors.add(Layer::Ip);
        a.add_unknown_link(65_000, 2);
        let mut b = DecodeStats::default();
        b.errors.add(Layer::Ip);
        b.errors.add(Layer::Fragment);
        for link in 1_000..2_000 {
            b.add_unknown_link(link, 1);
        }
        a.merge(&b);
        assert_eq!((a.errors.get(Layer::Ip), a.errors.get(Layer::Fragment), a.errors.total()), (2, 1, 3));
        assert_eq!(a.unknown_links.len(), DecodeStats::MAX_UNKNOWN_LINKS);
        assert_eq!(a.unknown_links.get(&65_000), Some(&2));
        assert_eq!(a.errors.iter().next(), Some(("link", 0)));
    }
}
