//! What leaves a host beyond what is usual for it and for where it goes, over all of its destinations.
//!
//! A gigabyte is nothing to a backup server and a theft by a laptop; sent to fifty places it is the same gigabyte. So the bytes
//! that a host sent to a destination are compared with what other hosts send there and with what the host itself has always
//! sent there, and what is left is added up.

use crate::addr::Addr;
use crate::decode::app::registered_domain;
use crate::features::{Channel, ChannelKey, Observed, peer_address, peer_name};
use crate::time::Span;

/// Payload left from which a channel can be part of an outflow.
const LEAST_BYTES: u64 = 10_000;
/// Other hosts that must send to a destination before their custom counts: two intruders must not excuse each other.
const FEWEST_OTHERS: usize = 3;
/// How many times the upper quartile of the other hosts is still usual.
const USUAL_OF_OTHERS: f64 = 3.0;
/// Parts of the observed time of which the host's own custom is made.
const PARTS: usize = 8;
/// How many times its least part, taken for all parts, is still usual.
const USUAL_OF_ITS_OWN: f64 = 3.0;
/// Observed time from which a host has a custom.
const LEAST_OBSERVED: Span = Span::from_secs(12 * 3600);
/// A custom goes on from the begin: it is seen within this share of the observed time, or within this time.
const BEGIN_SHARE: f64 = 1.0 / 32.0;
const BEGIN_S: f64 = 3600.0;
/// Share of a host's outflow that its largest channels carry between them; what is beside them is no part of it.
const CARRIED: f64 = 0.9;
/// Channels between the one that is looked at and the one whose volume is asked for.
const AHEAD: usize = 8;

/// What leaves a host, as far as a channel is part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outflow {
    /// Payload that left: see [`Channel::payload_left`].
    pub sent: Part,
    /// Those of them that are beyond what is usual.
    pub unusual: Part,
    /// Whether this channel stands for all that the host sends: it has the most that is unusual, or where nothing is, the most.
    pub stands_for_all: bool,
}

/// Share of a sum from which a channel is told of by itself.
const TOLD_SHARE: f64 = 0.25;

/// A channel's part in a sum of bytes over the channels of its host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// Of this channel.
    pub own: f64,
    /// Of the largest channels that carry nine tenths of the host's sum, where this is one of them; of this channel otherwise.
    pub of_carriers: f64,
    /// Destinations of these channels.
    pub destinations: usize,
    /// Whether this is the largest channel.
    pub largest: bool,
}

impl Part {
    /// Whether the largest channel stands for this one too.
    pub fn is_told_by_another(&self) -> bool {
        !self.largest && self.own < TOLD_SHARE * self.of_carriers
    }
}

impl Outflow {
    /// Whether another channel stands for this one where `left` bytes of what the host sent can be an asset's: it is told of by itself
    /// where a large part of them can have gone this way.
    pub fn is_told_by_another(&self, left: f64) -> bool {
        !self.stands_for_all && self.sent.own < TOLD_SHARE * left
    }
}

/// Where data goes: all addresses and names of a registered domain are one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Destination<'a> {
    Domain(&'a str),
    Addr(Addr),
}

/// A channel that sends more than it receives, all in all or for a while.
#[derive(Clone, Copy, Debug)]
struct Upload<'a> {
    destination: Destination<'a>,
    host: Addr,
    /// Its place among the channels.
    index: usize,
    bytes: f64,
    /// Seconds from the begin of the observed time to the first packet.
    begins_s: f64,
    /// Bytes by part of the observed time.
    parts: [f64; PARTS],
    unusual: f64,
}

/// Whether so much leaves to the outside on a channel that it can be part of an outflow.
pub fn sends_out(key: &ChannelKey, channel: &Channel) -> bool {
    channel.payload_left() >= LEAST_BYTES && key.outbound && !channel.internal && channel.dns().is_none()
}

/// The outflows of channels that send out, by the place that each is given with.
pub fn outflows<'a>(
    senders: &[(usize, &'a ChannelKey, &'a Channel)],
    observed: Observed,
) -> Vec<(usize, Outflow)> {
    let upload = |(nth, &(index, key, channel)): (usize, &(usize, &'a ChannelKey, &'a Channel))| {
        if let Some((_, _, later)) = senders.get(nth + AHEAD) {
            later.approach_rare();
        }
        Upload::of(index, key, channel, observed)
    };
    let mut uploads: Vec<Upload<'_>> = senders.iter().enumerate().map(upload).collect();
    uploads.sort_unstable_by_key(|upload| (upload.destination, upload.host, upload.index));
    let length = observed.last - observed.first;
    let begin_s = (length >= LEAST_OBSERVED).then(|| (length.as_secs_f64() * BEGIN_SHARE).max(BEGIN_S));
    for of_destination in uploads.chunk_by_mut(|a, b| a.destination == b.destination) {
        subtract_custom(of_destination, begin_s);
    }
    uploads.sort_by_key(|upload| upload.host);
    let mut outflows: Vec<(usize, Outflow)> = Vec::with_capacity(uploads.len());
    for of_host in uploads.chunk_by_mut(|a, b| a.host == b.host) {
        of_host.sort_by(|a, b| b.bytes.total_cmp(&a.bytes).then(a.index.cmp(&b.index)));
        let sent = parts_in_sum(of_host, |upload| upload.bytes);
        let mut outflow: Vec<_> = of_host.iter().zip(sent).map(|(upload, sent)| (*upload, sent)).collect();
        outflow.sort_by(|(a, _), (b, _)| b.unusual.total_cmp(&a.unusual).then(a.index.cmp(&b.index)));
        let uploads: Vec<Upload<'_>> = outflow.iter().map(|(upload, _)| *upload).collect();
        let unusual = parts_in_sum(&uploads, |upload| upload.unusual);
        let any_unusual = uploads.iter().any(|upload| upload.unusual > 0.0);
        outflows.extend(outflow.iter().zip(unusual).map(|((upload, sent), unusual)| {
            let stands_for_all = if any_unusual { unusual.largest } else { sent.largest };
            (upload.index, Outflow { sent: *sent, unusual, stands_for_all })
        }));
    }
    outflows.sort_unstable_by_key(|(index, _)| *index);
    outflows
}

impl<'a> Upload<'a> {
    fn of(index: usize, key: &'a ChannelKey, channel: &'a Channel, observed: Observed) -> Self {
        let destination = peer_name(key, channel).map_or_else(
            || Destination::Addr(peer_address(key, channel)),
            |name| Destination::Domain(registered_domain(name)),
        );
        let bytes = channel.payload_left() as f64;
        let parts = parts_of(channel, observed);
        let begins_s = (channel.first_seen - observed.first).as_secs_f64();
        Self { destination, host: key.host, index, bytes, begins_s, parts, unusual: bytes }
    }
}

/// How much of a channel's volume left in each part of the observed time.
fn parts_of(channel: &Channel, observed: Observed) -> [f64; PARTS] {
    let mut parts = [0.0; PARTS];
    let length = (observed.last - observed.first).as_secs_f64();
    let Some(volume) = channel.volume_out().filter(|_| length > 0.0) else { return parts };
    for (at, bytes) in volume.bins() {
        let place = (at - observed.first).as_secs_f64() / length * PARTS as f64;
        if let Some(part) = parts.get_mut(place_of(place)) {
            *part += bytes as f64;
        }
    }
    parts
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between the first and the last part"
)]
fn place_of(place: f64) -> usize {
    place.clamp(0.0, (PARTS - 1) as f64) as usize
}

/// Takes what is usual from the uploads to one destination, which are in the order of their hosts. `begin_s`: within how many seconds a host's own
/// custom is seen; nothing where too little was observed.
fn subtract_custom(uploads: &mut [Upload<'_>], begin_s: Option<f64>) {
    let mut sums: Vec<f64> = uploads
        .chunk_by(|a, b| a.host == b.host)
        .map(|of_host| of_host.iter().map(|upload| upload.bytes).sum())
        .collect();
    sums.sort_by(f64::total_cmp);
    for of_host in uploads.chunk_by_mut(|a, b| a.host == b.host) {
        let sum: f64 = of_host.iter().map(|upload| upload.bytes).sum();
        let own = begin_s.map_or(0.0, |begin_s| custom_of_its_own(of_host, begin_s));
        let beyond = |custom: f64| (1.0 - custom / sum).max(0.0);
        // Hosts differ, and few of them say what is usual: what is hardly beyond it counts by how far it is beyond.
        let unusual = beyond(custom_of_others(&sums, sum)).powi(2).min(beyond(own));
        for upload in of_host.iter_mut() {
            upload.unusual = upload.bytes * unusual;
        }
    }
}

/// What the other hosts say is usual; `sums` are those of all hosts in ascending order, `own` is one of them.
fn custom_of_others(sums: &[f64], own: f64) -> f64 {
    let others = sums.len() - 1;
    if others < FEWEST_OTHERS {
        return 0.0;
    }
    let quartile = others * 3 / 4;
    // The place of the quartile once the host itself is taken out.
    let place = if sums.partition_point(|sum| *sum < own) <= quartile { quartile + 1 } else { quartile };
    USUAL_OF_OTHERS * sums.get(place).copied().unwrap_or_default()
}

/// What the host's own past says is usual: it never sent less in any part of the observed time, and has done so from the begin.
fn custom_of_its_own(uploads: &[Upload<'_>], begin_s: f64) -> f64 {
    if uploads.iter().all(|upload| upload.begins_s > begin_s) {
        return 0.0;
    }
    let mut parts = [0.0; PARTS];
    for upload in uploads {
        parts.iter_mut().zip(upload.parts).for_each(|(sum, part)| *sum += part);
    }
    USUAL_OF_ITS_OWN * PARTS as f64 * parts.into_iter().fold(f64::INFINITY, f64::min)
}

/// The parts of one host's uploads, the largest first, in the sum of a value.
fn parts_in_sum(uploads: &[Upload<'_>], value: impl Fn(&Upload<'_>) -> f64) -> Vec<Part> {
    let total: f64 = uploads.iter().map(&value).sum();
    let mut carried = 0.0;
    let carriers = uploads.iter().take_while(|upload| {
        let needed = carried < CARRIED * total;
        carried += if needed { value(upload) } else { 0.0 };
        needed
    });
    let mut destinations: Vec<Destination<'_>> = carriers.map(|upload| upload.destination).collect();
    let carriers = destinations.len();
    destinations.sort_unstable();
    destinations.dedup();
    let part = |(nth, upload): (usize, &Upload<'_>)| {
        let (own, carries) = (value(upload), nth < carriers);
        Part {
            own,
            of_carriers: if carries { carried } else { own },
            destinations: if carries { destinations.len() } else { 1 },
            largest: nth == 0,
        }
    };
    uploads.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::proto;
    use crate::features::{Peer, Traffic};
    use crate::flow::FlowRecord;
    use crate::time::Timestamp;

    const HOUR: i64 = 3600;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    /// The channel of the host with this number to the peer with this number, which sent bytes at some seconds.
    fn channel(host: u8, peer: u8, sent: &[(i64, u64)]) -> (ChannelKey, Channel) {
        let address = Addr::from_v4([192, 0, 2, peer]);
        let host = Addr::from_v4([10, 0, 0, host]);
        let key =
            ChannelKey { host, peer: Peer::Addr(address), port: 443, proto: proto::TCP, outbound: true };
        let first = sent.first().map_or(0, |(second, _)| *second);
        let mut channel = Channel::new(false, at(first));
        for &(second, bytes) in sent {
            let record = FlowRecord { first: at(second), last: at(second), ..FlowRecord::default() };
            let new = Traffic { payload_out: bytes, bytes_out: bytes, ..Traffic::default() };
            channel.report(&record, &new, true, true, true);
        }
        (key, channel)
    }

    /// The outflows of channels that are in the order of their keys, in megabytes, of a day.
    fn outflows_of(channels: &[(ChannelKey, Channel)]) -> Vec<(usize, Outflow)> {
        let places = channels.iter().enumerate().map(|(place, (key, channel))| (place, key, channel));
        let senders: Vec<_> = places.filter(|(_, key, channel)| sends_out(key, channel)).collect();
        outflows(&senders, Observed { first: at(0), last: at(24 * HOUR), hosts: 9 })
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sums of whole bytes")]
    fn whole(bytes: f64) -> u64 {
        bytes.round() as u64
    }

    fn bytes_of(channels: &[(ChannelKey, Channel)]) -> Vec<(usize, u64)> {
        let unusual = outflows_of(channels)
            .into_iter()
            .map(|(place, outflow)| (place, whole(outflow.unusual.of_carriers)));
        unusual.filter(|(_, bytes)| *bytes > 0).collect()
    }

    #[test]
    fn what_nobody_else_sends_is_unusual_and_a_habit_of_many_is_not() {
        let alone = channel(1, 1, &[(HOUR, 5_000_000)]);
        assert_eq!(bytes_of(std::slice::from_ref(&alone)), [(0, 5_000_000)]);
        let mut many: Vec<_> = (1..6).map(|host| channel(host, 7, &[(HOUR, 1_000_000)])).collect();
        assert_eq!(bytes_of(&many), []);
        many.push(channel(9, 7, &[(HOUR, 8_000_000)]));
        assert_eq!(
            bytes_of(&many),
            [(5, 3_125_000)],
            "5 of 8 MB beyond three times what the others send, so 5/8 of them"
        );
        let two = [channel(1, 7, &[(HOUR, 6_000_000)]), channel(2, 7, &[(HOUR, 6_000_000)])];
        assert_eq!(bytes_of(&two).len(), 2, "two do not excuse each other");
    }

    #[test]
    fn many_destinations_are_one_outflow() {
        let mut channels: Vec<_> = (0..50).map(|peer| channel(1, peer, &[(HOUR, 2_000_000)])).collect();
        channels.push(channel(1, 60, &[(HOUR, 20_000)]));
        let outflows = outflows_of(&channels);
        let unusual: Vec<Part> = outflows.iter().map(|(_, outflow)| outflow.unusual).collect();
        assert!(outflows.iter().all(|(_, outflow)| outflow.sent == outflow.unusual), "nothing is usual");
        assert_eq!(unusual.iter().filter(|part| part.largest).count(), 1);
        assert_eq!(unusual[0], Part { own: 2e6, of_carriers: 92e6, destinations: 46, largest: true });
        assert_eq!(unusual.iter().filter(|part| part.is_told_by_another()).count(), 45);
        assert_eq!(unusual[50], Part { own: 2e4, of_carriers: 2e4, destinations: 1, largest: false });
    }

    #[test]
    fn the_unusual_stands_for_all_that_is_sent() {
        let mut channels: Vec<_> = (1..6).map(|host| channel(host, 7, &[(HOUR, 9_000_000)])).collect();
        channels.insert(1, channel(1, 8, &[(HOUR, 2_000_000)]));
        let outflows: Vec<Outflow> = outflows_of(&channels).into_iter().map(|(_, outflow)| outflow).collect();
        let told = |outflow: &Outflow| (outflow.stands_for_all, outflow.is_told_by_another(10e6));
        // Nine megabytes go where those of the others go; they are told of beside the two that do not, which are few of ten.
        assert_eq!([told(&outflows[0]), told(&outflows[1])], [(false, false), (true, false)]);
        assert!(outflows[0].is_told_by_another(40e6), "a small part of what can be an asset's");
        assert!(outflows[2].stands_for_all, "where nothing is unusual, what is the most");
    }

    #[test]
    fn what_a_host_sends_all_day_is_its_custom() {
        let hourly: Vec<(i64, u64)> = (0..24).map(|hour| (hour * HOUR + 600, 1_000_000)).collect();
        assert_eq!(bytes_of(&[channel(1, 1, &hourly)]), []);
        assert_eq!(bytes_of(&[channel(1, 1, &hourly[9..17])]), [(0, 8_000_000)], "a working day's is not");
        assert_eq!(bytes_of(&[channel(1, 1, &hourly[1..])]), [(0, 23_000_000)], "nor what began in between");
        let mut more = hourly;
        more.push((20 * HOUR, 100_000_000));
        let (_, unusual) = bytes_of(&[channel(1, 1, &more)])[0];
        assert!((50_000_000..110_000_000).contains(&unusual), "{unusual}");
    }

    #[test]
    fn an_upload_beside_a_download_is_an_outflow() {
        let (key, mut channel) = channel(1, 1, &[(HOUR, 51_000)]);
        channel.traffic.payload_in = 3_000_000;
        assert_eq!(bytes_of(&[(key.clone(), channel.clone())]), []);
        channel.surge(46_000);
        assert_eq!(bytes_of(&[(key, channel)]), [(0, 46_000)]);
    }

    #[test]
    fn what_is_little_or_goes_inside_is_left_out() {
        let (key, mut inside) = channel(3, 1, &[(HOUR, 5_000_000)]);
        inside.internal = true;
        let channels = [channel(2, 1, &[(HOUR, 9_999)]), (key, inside)];
        assert_eq!(bytes_of(&channels), []);
    }

    proptest! {
        #[test]
        fn the_quartile_of_the_others_is_that_of_a_list_without_the_host(
            mut sums in prop::collection::vec(1_u32..1000, 1..40),
            pick in any::<prop::sample::Index>(),
        ) {
            sums.sort_unstable();
            let own = *pick.get(&sums);
            let mut others = sums.clone();
            others.remove(sums.iter().position(|sum| *sum == own).unwrap());
            let naive = if others.len() < FEWEST_OTHERS { 0.0 } else {
                USUAL_OF_OTHERS * f64::from(others[others.len() * 3 / 4])
            };
            let sums: Vec<f64> = sums.into_iter().map(f64::from).collect();
            prop_assert_eq!(custom_of_others(&sums, f64::from(own)).to_bits(), naive.to_bits());
        }
    }
}
