//! Evidence gates: whether there is enough of a channel to be judged, and what its traffic does.
//!
//! A forest says how odd a row is, not what it is, and rows of two packets are odd too. No verdict comes before its gate.

use crate::decode::app::Service;
use crate::features::{Channel, ChannelKey, ChannelView, may_have_a_pace};

use super::{Behaviour, Kind};

/// Bursts from which a pace can be told.
const BEACON_BURSTS: usize = 5;
/// Evidence against random timing, in nats, from which a channel counts as a beacon: chance gives as much in one of a
/// thousand channels (Wilks 1938: twice the log-likelihood ratio is chi-squared).
const BEACON_EVIDENCE: f64 = 5.0;
/// Regularity from which a channel counts as a beacon: uniform jitter of ± 50 % gives 0.70, of ± 80 % with every
/// fifth check-in missed 0.38.
const BEACON_REGULARITY: f64 = 0.35;
/// Bursts from which a peer without a name is one that the host comes back to.
const UNNAMED_BURSTS: u64 = 5;
/// A connection is long from here on, in seconds (zeek-long-connections' first step).
const LONG_CONNECTION_S: f64 = 600.0;
/// Distinct names under one domain that can be a tunnel.
const TUNNEL_NAMES: u64 = 40;
/// Mean bytes of a name left of its domain that can carry data.
const TUNNEL_LABEL_BYTES: f64 = 16.0;
/// Distinct names that are a tunnel however short they are: nobody has so many, and asks for each of them about once.
const BUSY_TUNNEL_NAMES: u64 = 4_000;
/// Share of letters from which names are not addresses, as they are asked for in block lists (RFC 5782).
const NAME_LETTERS: f64 = 0.5;
/// Mean bytes of a name that carries data where it may be an address, which has 15 bytes at most, with the name of a list behind it.
const BEYOND_ADDRESS_BYTES: f64 = 2.0 * TUNNEL_LABEL_BYTES;
/// ICMP payload, both ways, that can carry data.
const ICMP_BYTES: u64 = 4_000;
/// Payload of a ping at most, unless somebody asks for more (Linux 56 bytes, Windows 32; monitoring up to 128).
const ICMP_PING_BYTES: u32 = 128;
/// Bursts inside connections of a session.
const SESSION_BURSTS: u64 = 8;
/// Payload that matters as an upload.
const UPLOAD_BYTES: u64 = 40_000;
/// Producer-consumer ratio of an upload: twice as much out as in.
const UPLOAD_RATIO: f64 = 0.33;
/// Uploads of a drip.
const DRIP_BURSTS: usize = 5;
/// The largest part of a drip that leaves within five minutes.
const DRIP_PEAK_SHARE: f64 = 0.5;
/// What must be pulled inside and sent out for staging, in bytes.
const STAGED_BYTES: u64 = 1_000_000;

/// Whether a channel can be judged by a detector at all. Models are trained and calibrated on the rows that pass.
pub fn can_judge(kind: Kind, view: &ChannelView<'_>) -> bool {
    is_enough(kind, view.key, view.channel, view.regularity.is_some())
}

/// Whether any detector may be able to judge a channel, before its pace is known, which takes long to find.
pub(super) fn may_be_judged(key: &ChannelKey, channel: &Channel) -> bool {
    Kind::ALL.into_iter().any(|kind| is_enough(kind, key, channel, may_have_a_pace(channel)))
}

fn is_enough(kind: Kind, key: &ChannelKey, channel: &Channel, has_pace: bool) -> bool {
    if channel.internal {
        return false;
    }
    match kind {
        Kind::C2 if !key.outbound => false,
        Kind::C2 => match channel.dns() {
            Some(dns) => dns.distinct_names() >= TUNNEL_NAMES / 4,
            None if key.is_icmp() => icmp_payload(channel) >= ICMP_BYTES / 2,
            None => !is_infrastructure(channel.service) && is_conversation(channel, has_pace),
        },
        Kind::Exfil => channel.traffic.payload_out >= UPLOAD_BYTES / 4,
    }
}

/// Whether a TCP or UDP channel has a pace, a length or a course.
fn is_conversation(channel: &Channel, has_pace: bool) -> bool {
    has_pace
        || channel.longest.as_secs_f64() >= LONG_CONNECTION_S / 2.0
        || channel.inner_bursts() >= SESSION_BURSTS / 2
}

/// Services whose very job is to repeat: a resolver is judged by the domains that are asked for, the others say too little
/// to carry orders.
const fn is_infrastructure(service: Service) -> bool {
    matches!(service, Service::Dns | Service::Ntp | Service::Dhcp | Service::Discovery)
}

/// What the channel does, where it does something that a detector reports: the most specific behaviour that has its
/// evidence.
pub fn behaviour_of(kind: Kind, view: &ChannelView<'_>) -> Option<Behaviour> {
    if !can_judge(kind, view) {
        return None;
    }
    match kind {
        Kind::C2 => c2_behaviour(view),
        Kind::Exfil => exfil_behaviour(view),
    }
}

fn c2_behaviour(view: &ChannelView<'_>) -> Option<Behaviour> {
    let channel = view.channel;
    if let Some(dns) = channel.dns() {
        let (names, label) = (dns.distinct_names(), dns.mean_label_bytes());
        let unusual = dns.unusual_type_share() > 0.5 && dns.mean_answer_bytes() >= TUNNEL_LABEL_BYTES;
        let of_letters = dns.letter_share() >= NAME_LETTERS;
        let least = if of_letters { TUNNEL_LABEL_BYTES } else { BEYOND_ADDRESS_BYTES };
        let carries = label >= least || unusual && label >= TUNNEL_LABEL_BYTES / 2.0;
        let busy = names >= BUSY_TUNNEL_NAMES && of_letters;
        let fresh = names >= TUNNEL_NAMES && names * 2 > dns.queries;
        return ((carries || busy) && fresh).then_some(Behaviour::DnsTunnel);
    }
    if view.is_icmp() {
        return carries_icmp(view).then_some(Behaviour::IcmpTunnel);
    }
    let answered = channel.traffic.packets_in > 0;
    let paced = view.regularity.is_some_and(|r| {
        r.intervals + 1 >= BEACON_BURSTS && r.evidence() >= BEACON_EVIDENCE && r.score() >= BEACON_REGULARITY
    });
    let drives = channel.inner_bursts() >= SESSION_BURSTS
        && channel.peer_driven() * 10 >= channel.inner_bursts() * 7
        && channel.traffic.payload_out > channel.traffic.payload_in;
    let long = answered && channel.longest.as_secs_f64() >= LONG_CONNECTION_S;
    if drives && !(paced && view.inner_regularity().is_none()) {
        Some(Behaviour::Interactive)
    } else if long && channel.flows <= 3 {
        Some(Behaviour::LongConnection)
    } else if paced {
        Some(Behaviour::Beacon)
    } else if long {
        Some(Behaviour::LongConnection)
    } else {
        (answered && is_unnamed(view)).then_some(Behaviour::UnnamedPeer)
    }
}

/// Whether the host comes back to a server that nobody named: no DNS answer gave its address, and the client asks for
/// no name. Or it asked DNS for a name that it does not tell the server, over TLS where TLS is not at home: libraries that are given a name
/// send it, and what is built to be moved from server to server does not care.
fn is_unnamed(view: &ChannelView<'_>) -> bool {
    let channel = view.channel;
    let comes_back = channel.activities() >= UNNAMED_BURSTS && !channel.names_unseen();
    let names_nobody = channel.hello_without_sni() > 0 || channel.service == Service::Http;
    let keeps_name_back = channel.service == Service::Tls
        && channel.hello_without_sni() * 2 > channel.flows
        && view.port_mismatch() >= 1.0;
    comes_back && (channel.name.is_none() && names_nobody || keeps_name_back)
}

/// Whether echo messages carry data: their content changes, or there is far more of it than a ping needs.
fn carries_icmp(view: &ChannelView<'_>) -> bool {
    let icmp = view.channel.icmp();
    let odd = icmp.payload_changes.max(icmp.reply_mismatches) >= 8;
    let payload = icmp_payload(view.channel);
    let bulky = icmp.payload_max > ICMP_PING_BYTES && payload >= 16 * ICMP_BYTES;
    odd && payload >= ICMP_BYTES || bulky
}

fn exfil_behaviour(view: &ChannelView<'_>) -> Option<Behaviour> {
    let channel = view.channel;
    let (out, back) = (channel.traffic.payload_out, channel.traffic.payload_in);
    if (out as f64).max(view.outflow.unusual.of_carriers) < UPLOAD_BYTES as f64 {
        return None;
    }
    if view.is_icmp() {
        return carries_icmp(view).then_some(Behaviour::IcmpTunnel);
    }
    if channel.dns().is_some() {
        return None;
    }
    if upload_ratio(out, back) < UPLOAD_RATIO && !uploads_at_once(view) && !surges(channel) {
        return None;
    }
    let peak_share = channel.peak_out.peak() as f64 / channel.traffic.bytes_out.max(1) as f64;
    if is_staged(view) {
        Some(Behaviour::StagedUpload)
    } else if view.uploads() >= DRIP_BURSTS && peak_share <= DRIP_PEAK_SHARE {
        Some(Behaviour::SlowDrip)
    } else {
        Some(Behaviour::BulkUpload)
    }
}

/// Whether the host gathered inside what it sends out: data of an asset, or as much from other hosts.
fn is_staged(view: &ChannelView<'_>) -> bool {
    let out = view.channel.traffic.payload_out;
    view.asset_outflow() >= STAGED_BYTES as f64 || out >= STAGED_BYTES && view.host.pulled_inside >= out / 2
}

/// Whether another finding stands for that of a channel too: what a host sends to many destinations is one incident.
pub(super) fn is_told_by_another(kind: Kind, view: &ChannelView<'_>) -> bool {
    let (outflow, of_an_asset) = (&view.outflow, view.asset_outflow());
    match kind {
        Kind::C2 => false,
        Kind::Exfil if of_an_asset > 0.0 => outflow.is_told_by_another(of_an_asset),
        Kind::Exfil => outflow.unusual.is_told_by_another(),
    }
}

fn upload_ratio(out: u64, back: u64) -> f64 {
    (out as f64 - back as f64) / (out as f64 + back as f64)
}

/// Whether bursts are uploads by themselves, whatever was fetched from the peer at other times: more leaves in them than in bursts that bring
/// about as much back, of which a call consists.
fn uploads_at_once(view: &ChannelView<'_>) -> bool {
    let (mut in_uploads, mut in_exchanges) = (0, 0);
    for burst in view.channel.recent.iter() {
        let (out, back) = (u64::from(burst.bytes_out), u64::from(burst.bytes_in));
        let is_upload = upload_ratio(out, back) >= UPLOAD_RATIO;
        let sum = if is_upload { &mut in_uploads } else { &mut in_exchanges };
        *sum += if out >= UPLOAD_BYTES { out } else { 0 };
    }
    in_uploads > in_exchanges
}

/// Whether most of what left went ahead of answers, inside connections that may fetch far more.
fn surges(channel: &Channel) -> bool {
    let surge = channel.surge_out();
    surge >= UPLOAD_BYTES && surge * 2 > channel.traffic.payload_out
}

fn icmp_payload(channel: &Channel) -> u64 {
    channel.traffic.payload_out + channel.traffic.payload_in
}

#[cfg(test)]
mod tests {
    use super::super::rows::rows_of;
    use super::*;
    use crate::features::testing::store_of_names;

    #[test]
    fn addresses_in_names_are_no_tunnel_and_hexadecimal_is() {
        let behaviours = |name: fn(u32) -> String| -> Vec<_> {
            let store = store_of_names((0..200).map(name));
            rows_of(&store).iter().filter_map(|row| behaviour_of(Kind::C2, row)).collect()
        };
        let in_a_block_list = |number: u32| {
            let [a, b, c, d] = number.wrapping_mul(0x9E37_79B1).to_be_bytes();
            format!("{a}.{b}.{c}.{d}.dnsbl.lists.example")
        };
        let in_hexadecimal = |number: u32| {
            let [first, second] = [0x9E37_79B1, 0x85EB_CA6B].map(|factor| number.wrapping_mul(factor));
            format!("{first:08x}{second:08x}{first:08x}{second:08x}.relay.example")
        };
        assert_eq!(behaviours(in_a_block_list), []);
        assert_eq!(behaviours(in_hexadecimal), [Behaviour::DnsTunnel]);
    }
}
