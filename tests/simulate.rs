//! Simulated captures, read back by the data path.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{IpAddr, Ipv4Addr};
    use std::path::{Path, PathBuf};

    use undercurrent::addr::Addr;
    use undercurrent::capture::{Block, Timeline};
    use undercurrent::decode::app::Service;
    use undercurrent::features::{Channel, ChannelKey, Peer};
    use undercurrent::flow::{ConnState, FlowRecord};
    use undercurrent::pipeline::{Config, Observer, Pipeline, Stats};
    use undercurrent::seed::Seed;
    use undercurrent::simulate::{
        Behaviour, Incident, Options, PeerEnd, Scenario, SimulateError, Simulated, Speech, parse_span,
        simulate,
    };
    use undercurrent::time::{Span, Timestamp};

    #[derive(Default)]
    struct Seen {
        flows: Vec<FlowRecord>,
    }

    impl Observer for Seen {
        fn flow_ended(&mut self, record: &FlowRecord) {
            self.flows.push(record.clone());
        }
    }

    struct ReadBack {
        flows: Vec<FlowRecord>,
        channels: BTreeMap<ChannelKey, Channel>,
        stats: Stats,
    }

    fn simulated(scenario: &Scenario, options: &Options) -> (Vec<u8>, Simulated) {
        let mut bytes = Vec::new();
        let outcome = simulate(scenario, options, &mut bytes).unwrap();
        (bytes, outcome)
    }

    /// Through the data path, with checksums verified.
    fn read_back(capture: &[u8]) -> ReadBack {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simulated.pcap");
        std::fs::write(&path, capture).unwrap();
        let mut config = Config::default();
        config.decode.verify_checksums = true;
        let mut pipeline = Pipeline::new(&config, Seed::REPLAY, 1);
        let (mut timeline, mut block, mut seen) =
            (Timeline::open(&[path]).unwrap(), Block::default(), Seen::default());
        let mut last = Timestamp::MIN;
        while timeline.next_block(&mut block).unwrap() {
            assert!(block.frames.iter().all(|frame| {
                let in_order = frame.ts >= last;
                last = frame.ts;
                in_order
            }));
            block = pipeline.take(block, &mut seen);
        }
        pipeline.finish(&mut seen);
        assert_eq!((timeline.stats().skipped.len(), timeline.stats().truncated_inputs), (0, 0));
        let channels = pipeline.store().channels().collect_sorted(|_, channel| Some(channel.clone()));
        ReadBack { flows: seen.flows, channels: channels.into_iter().collect(), stats: pipeline.stats() }
    }

    fn scenario(hosts: u16, hours: i64, incidents: Vec<Incident>) -> Scenario {
        let start = Timestamp::parse_rfc3339("2026-03-02T09:00:00Z").unwrap();
        Scenario { hosts, start, duration: Span::from_secs(hours * 3600), incidents, ..Scenario::default() }
    }

    fn addr(ip: IpAddr) -> Addr {
        Addr::from(ip)
    }

    /// The channels that a label's host has with its peers.
    fn labelled(read: &ReadBack, outcome: &Simulated) -> Vec<(ChannelKey, Channel)> {
        let label = &outcome.labels[0];
        let is_named = |key: &ChannelKey| {
            label.peers.iter().any(|peer| match (peer, &key.peer) {
                (PeerEnd::Name(name), Peer::Domain(domain)) => **domain == **name,
                (PeerEnd::Addr(ip, port), Peer::Addr(at)) => {
                    addr(*ip) == *at && port.unwrap_or(0) == key.port
                }
                _ => false,
            })
        };
        read.channels
            .iter()
            .filter(|(key, _)| key.host == addr(label.host) && is_named(key))
            .map(|(key, channel)| (key.clone(), channel.clone()))
            .collect()
    }

    fn decode_errors(read: &ReadBack) -> u64 {
        read.stats.decode.errors.iter().map(|(_, count)| count).sum()
    }

    #[test]
    fn every_behaviour_reads_back_without_a_fault() {
        for behaviour in Behaviour::ALL {
            let incident = Incident { bytes: Some(3_000_000), destinations: 2, ..Incident::new(behaviour) };
            // Whole, so that every checksum is verified.
            let options = Options { whole: true, ..Options::default() };
            let (capture, outcome) = simulated(&scenario(3, 2, vec![incident]), &options);
            let read = read_back(&capture);
            assert_eq!((read.stats.frames, decode_errors(&read)), (outcome.frames, 0), "{behaviour:?}");
            let channels = labelled(&read, &outcome);
            assert_eq!(channels.len(), 2, "{behaviour:?}: {:?}", outcome.labels);
            let sent: u64 = channels.iter().map(|(_, channel)| channel.traffic.payload_out).sum();
            let carries = match behaviour {
                Behaviour::Beacon | Behaviour::LongConnection | Behaviour::Interactive => 1_000..2_000_000,
                // Base 32 and the domain add to what a name carries; a name is asked for whole.
                Behaviour::DnsTunnel => 3_000_000..12_000_000,
                _ => 2_900_000..3_400_000,
            };
            assert!(carries.contains(&sent), "{behaviour:?} sent {sent}");
            let faulty = read.flows.iter().find(|flow| flow.missed_bytes > 0);
            assert!(faulty.is_none(), "{behaviour:?}: {faulty:?}");
        }
    }

    #[test]
    fn connections_are_named_and_end_in_order() {
        let (capture, _) = simulated(&scenario(12, 3, Vec::new()), &Options::default());
        let read = read_back(&capture);
        let tls: Vec<&FlowRecord> = read.flows.iter().filter(|flow| flow.key.resp_port == 443).collect();
        assert!(tls.len() > 100, "{} connections", tls.len());
        let named = tls.iter().filter(|f| f.app.as_ref().is_some_and(|app| app.name.is_some())).count();
        let refused = tls.iter().filter(|flow| flow.state == ConnState::S0).count();
        // Those that were open at the end have their name too, unless they had just begun.
        assert!(named + refused + 3 >= tls.len(), "{named} named, {refused} unanswered of {}", tls.len());
        let closed = tls.iter().filter(|flow| flow.state == ConnState::SF).count();
        assert!(closed * 10 > tls.len() * 8, "{closed} of {}", tls.len());
    }

    #[test]
    fn a_seed_is_one_capture_and_incidents_leave_the_rest_alone() {
        let beacon = Incident { jitter: 0.4, missed: 0.2, ..Incident::new(Behaviour::Beacon) };
        let with = scenario(6, 2, vec![beacon]);
        let (first, outcome) = simulated(&with, &Options::default());
        assert_eq!(first, simulated(&with, &Options::default()).0);
        assert_ne!(first, simulated(&Scenario { seed: 2, ..with.clone() }, &Options::default()).0);
        let infected = addr(outcome.labels[0].host);
        let others = |read: &ReadBack| -> Vec<String> {
            read.channels
                .iter()
                .filter(|(key, _)| key.host != infected)
                .map(|(key, channel)| format!("{key:?} {:?} {:?}", channel.traffic, channel.first_seen))
                .collect()
        };
        let (alone, _) = simulated(&scenario(6, 2, Vec::new()), &Options::default());
        assert_eq!(others(&read_back(&first)), others(&read_back(&alone)));
    }

    #[test]
    fn a_beacon_keeps_its_pace() {
        let check = |jitter: f64, missed: f64, expected: std::ops::Range<u64>| {
            let incident = Incident {
                interval: parse_span("60s"),
                jitter,
                missed,
                speech: Some(Speech::Http),
                ..Incident::new(Behaviour::Beacon)
            };
            let (capture, outcome) = simulated(&scenario(0, 5, vec![incident]), &Options::default());
            let flows = labelled(&read_back(&capture), &outcome)[0].1.flows;
            assert!(expected.contains(&flows), "{jitter} {missed}: {flows}");
        };
        check(0.0, 0.0, 300..301);
        check(0.5, 0.0, 280..321);
        check(0.0, 0.5, 120..181);
    }

    /// The channels of an incident among nobody for some hours from Friday, 14 o'clock, and all that was read.
    fn alone(incident: Incident, hours: i64) -> (Vec<(ChannelKey, Channel)>, ReadBack) {
        let start = Timestamp::parse_rfc3339("2026-03-06T14:00:00Z").unwrap();
        let scenario = Scenario { start, ..scenario(0, hours, vec![incident]) };
        let (capture, outcome) = simulated(&scenario, &Options { whole: true, ..Options::default() });
        let read = read_back(&capture);
        assert_eq!((read.stats.frames, decode_errors(&read)), (outcome.frames, 0));
        (labelled(&read, &outcome), read)
    }

    #[test]
    fn an_incident_sleeps_and_works_in_office_hours() {
        let check = |incident: Incident, expected: u64| {
            let (channels, _) = alone(incident, 72);
            assert_eq!(channels[0].1.flows, expected);
        };
        let beacon = Incident { interval: parse_span("30m"), ..Incident::new(Behaviour::Beacon) };
        check(beacon.clone(), 144);
        // From Friday, 14 to 18 o'clock, and on Monday from 8 to 14 o'clock.
        check(Incident { office_hours: true, ..beacon.clone() }, 8 + 12);
        check(Incident { awake: parse_span("2h"), asleep: parse_span("10h"), ..beacon }, 6 * 4);
    }

    #[test]
    fn peers_take_turns_and_dead_ones_are_silent() {
        let beacon = Incident { destinations: 3, ..Incident::new(Behaviour::Beacon) };
        let flows = |incident: Incident| -> Vec<(u64, u64)> {
            let (channels, _) = alone(incident, 6);
            let mut all: Vec<(u64, u64)> = channels.iter().map(|(_, c)| (c.flows, c.failed())).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(flows(beacon.clone()), [(120, 0); 3]);
        assert_eq!(flows(Incident { rotation: parse_span("2h"), ..beacon.clone() }), [(120, 0); 3]);
        assert_eq!(flows(Incident { rotation: parse_span("5h"), ..beacon.clone() }), [(60, 0), (300, 0)]);
        assert_eq!(flows(Incident { dead: 2, ..beacon }), [(120, 0), (120, 120), (120, 120)]);
    }

    #[test]
    fn every_speech_is_recognised_over_both_families() {
        let check = |speech: Speech, service: Service, is_named: bool| {
            for ipv6 in [false, true] {
                for behaviour in [Behaviour::Beacon, Behaviour::LongConnection, Behaviour::BulkUpload] {
                    let bytes = Some(3_000_000);
                    let incident = Incident { speech: Some(speech), ipv6, bytes, ..Incident::new(behaviour) };
                    let (channels, _) = alone(incident, 2);
                    let [(key, channel)] = &channels[..] else { panic!("{speech:?} {channels:?}") };
                    assert_eq!(channel.service, service, "{speech:?} {ipv6} {behaviour:?}");
                    assert_eq!((channel.name.is_some(), key.host.to_ip().is_ipv6()), (is_named, ipv6));
                }
            }
        };
        check(Speech::Tls, Service::Tls, true);
        check(Speech::TlsWithoutName, Service::Tls, false);
        check(Speech::Http, Service::Http, true);
        check(Speech::Quic, Service::Quic, true);
        check(Speech::Websocket, Service::Http, true);
        check(Speech::Raw, Service::Unknown, false);
    }

    #[test]
    fn staged_data_goes_from_hand_to_hand() {
        for hops in [1, 2, 4] {
            let staged = Incident { bytes: Some(50_000_000), hops, ..Incident::new(Behaviour::StagedUpload) };
            let (channels, read) = alone(staged, 2);
            assert!(channels[0].1.traffic.payload_out >= 50_000_000);
            let moved: Vec<&FlowRecord> =
                read.flows.iter().filter(|flow| flow.key.resp_port == 445).collect();
            assert_eq!(moved.len(), usize::from(hops));
            let sender = channels[0].0.host;
            assert_eq!(moved.iter().filter(|flow| flow.key.orig == sender).count(), 1);
        }
    }

    #[test]
    fn much_data_is_a_small_file() {
        let incident = Incident { bytes: Some(20_000_000_000), ..Incident::new(Behaviour::BulkUpload) };
        let (capture, outcome) = simulated(&scenario(0, 1, vec![incident]), &Options::default());
        let read = read_back(&capture);
        let sent = labelled(&read, &outcome)[0].1.traffic.payload_out;
        assert!((20_000_000_000..20_100_000_000).contains(&sent), "{sent}");
        assert!(capture.len() < 50_000_000 && decode_errors(&read) == 0, "{} bytes", capture.len());
    }

    #[test]
    fn an_incident_is_merged_into_a_capture_of_others() {
        let real: PathBuf =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/benign_browsing/capture.pcap.zst");
        let options = Options { into: vec![real.clone()], ..Options::default() };
        let busiest = {
            let mut hosts: BTreeMap<Addr, u64> = BTreeMap::new();
            let mut bytes = Vec::new();
            zstd::stream::copy_decode(std::fs::File::open(&real).unwrap(), &mut bytes).unwrap();
            for (key, channel) in read_back(&bytes).channels {
                *hosts.entry(key.host).or_default() += channel.traffic.packets_out;
            }
            hosts.into_iter().max_by_key(|(_, packets)| *packets).unwrap().0
        };
        let IpAddr::V4(host) = busiest.to_ip() else { panic!("an IPv4 capture") };
        let beacon = Incident { host: Some(host), ..Incident::new(Behaviour::Beacon) };
        let with = Scenario { incidents: vec![beacon.clone()], ..Scenario::default() };
        let (capture, outcome) = simulated(&with, &options);
        let (_, alone) = simulated(&Scenario { incidents: Vec::new(), ..with.clone() }, &options);
        assert!(outcome.frames > alone.frames + 500, "{} {}", outcome.frames, alone.frames);
        let read = read_back(&capture);
        assert_eq!(labelled(&read, &outcome).len(), 1);

        let check = |incident: Incident| {
            let scenario = Scenario { incidents: vec![incident], ..Scenario::default() };
            simulate(&scenario, &options, &mut Vec::new()).unwrap_err()
        };
        let absent = Some(Ipv4Addr::new(192, 0, 2, 77));
        assert!(matches!(check(Incident { host: absent, ..beacon.clone() }), SimulateError::NoHost { .. }));
        assert!(matches!(check(Incident { host: None, ..beacon }), SimulateError::HostNeeded));
    }
}
