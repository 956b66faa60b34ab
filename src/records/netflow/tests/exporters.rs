//! Exporters and what they send: templates, options, losses, damage, bounds.

use std::io::Write as _;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::records::RecordSource;

#[test]
fn exporters_and_domains_have_templates_of_their_own() {
    let mut collector = collector();
    let record = v9_record(&ASKED);
    let mut turned = V9_ELEMENTS.to_vec();
    turned.swap(0, 1);
    turned.swap(2, 3);
    let with = |source, elements: &[(u16, u16)]| {
        v9(0, 5_000, source, 2, &[set(0, &template(256, elements)), set(256, &record)])
    };
    let datagrams = [
        (exporter(1), with(0, V9_ELEMENTS)),
        (exporter(1), with(7, &turned)),
        (exporter(2), v9(0, 5_000, 0, 1, &[set(256, &record)])),
    ];
    let reports = collect(&mut collector, &datagrams);
    assert_eq!(reports.len(), 1, "the turned one is the other direction of the same flow");
    assert_eq!(counts(&reports[0].record), [10, 10, 1_000, 1_000]);
    let stats = collector.stats();
    assert_eq!((stats.exporters, stats.templates, stats.skipped["no_template"]), (3, 2, 1));
}

#[test]
fn options_tell_when_the_exporter_was_started_and_what_it_looks_at() {
    // An options template: number, fields, fields of the scope.
    let options: Vec<u8> = [400_u16, 3, 1, 149, 4, 160, 8, 305, 4].map(u16::to_be_bytes).concat();
    let options = [options, [306_u16, 4].map(u16::to_be_bytes).concat()].concat();
    let mut options = options;
    options[3] = 4;
    let boot = (u64::try_from(BOOT).unwrap() * 1000).to_be_bytes();
    let told = [&0_u32.to_be_bytes()[..], &boot, &1_u32.to_be_bytes(), &99_u32.to_be_bytes()].concat();
    let sets = [
        set(3, &options),
        set(400, &told),
        set(2, &template(256, V9_ELEMENTS)),
        set(256, &[v9_record(&ASKED), v9_record(&ANSWERED)].concat()),
    ];
    let mut collector = collector();
    let reports = collect(&mut collector, &[(exporter(1), ipfix(0, 5, 0, &sets))]);
    let record = only(&reports);
    assert_eq!(record.first, at(1_000));
    assert!(record.unseen.has(Unseen::PACKETS) && record.unseen.has(Unseen::IP_BYTES));
    let notices: Vec<_> = std::iter::from_fn(|| collector.take_notice()).collect();
    assert!(
        matches!(&notices[..], [Notice::Begun(_), Notice::Sampled(text)] if text.contains("one of 100 packets")),
        "{notices:?}"
    );
}

#[test]
fn what_cannot_be_used_is_counted_by_reason() {
    let check = |datagram: Vec<u8>, reason: &str| {
        let mut collector = collector();
        assert!(collect(&mut collector, &[(exporter(1), datagram)]).is_empty(), "{reason}");
        assert_eq!(collector.stats().skipped.get(reason), Some(&1), "{reason}: {:?}", collector.stats());
    };
    check(b"hello".to_vec(), "malformed_datagram");
    check(vec![0, 5, 0, 1], "malformed_datagram");
    check(v5(0, 5_000, 0, &[ASKED])[..60].to_vec(), "malformed_datagram");
    check(v9(0, 5_000, 0, 1, &[set(256, &v9_record(&ASKED))]), "no_template");
    // Neither an address nor a time.
    check(
        ipfix(0, 5, 0, &[set(2, &template(256, &[(7, 2), (11, 2)])), set(256, &[1, 2, 3, 4])]),
        "untold_record",
    );
    // A day ahead of when it came.
    check(v5(0, 90_000_000, 0, &[Told5 { times_ms: (1_000, 90_000_000), ..ASKED }]), "future_flow");
}

#[test]
fn what_never_came_is_counted() {
    let mut one = collector();
    collect(
        &mut one,
        &[(exporter(1), v5(0, 5_000, 0, &[ASKED])), (exporter(1), v5(8, 5_000, 0, &[ANSWERED]))],
    );
    assert_eq!((one.stats().lost_flows, one.stats().lost_datagrams), (7, 0));
    let mut other = collector();
    let empty = |sequence| v9(sequence, 5_000, 0, 1, &[set(0, &template(256, V9_ELEMENTS))]);
    collect(&mut other, &[(exporter(1), empty(4)), (exporter(1), empty(7))]);
    assert_eq!((other.stats().lost_flows, other.stats().lost_datagrams), (0, 2));
}

#[test]
fn exporters_and_conversations_are_bounded() {
    let mut many = collector();
    many.conversations.most = 10;
    let flows: Vec<Told5> = (0..30).map(|n| Told5 { from: (CLIENT, 1000 + n), ..ASKED }).collect();
    let mut records = Vec::new();
    many.take(exporter(1), at(5_000), &v5(0, 5_000, 0, &flows), &mut records);
    assert_eq!((records.len(), many.stats().conversations), (20, 10));
    assert_eq!(many.stats().skipped["conversation_evicted"], 20);
    for n in 0..1000_u16 {
        let from = SocketAddr::from(([198, 51, 100, 1], n));
        many.take(from, at(5_000), &v5(0, 5_000, 0, &[ASKED]), &mut records);
    }
    assert_eq!(many.stats().exporters, 256);
    assert_eq!(many.stats().skipped["exporter_forgotten"], 1001 - 256);
}

#[test]
fn a_file_of_messages_is_read_up_to_its_damage() {
    let messages: Vec<u8> = in_every_format(&[ASKED, ANSWERED])[2].1.clone();
    let check = |bytes: &[u8], expected: (usize, u64, &[&str])| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut timeline =
            ExportTimeline::of_files(vec![file.path().to_owned()], &crate::flow::Config::default(), Seed(1));
        let (mut batch, mut flows) = (Vec::new(), 0);
        while timeline.next_batch(&mut batch).unwrap() {
            flows += batch.len();
        }
        let stats = timeline.stats();
        let skipped: Vec<&str> = stats.skipped.keys().copied().collect();
        assert_eq!((flows, stats.truncated_inputs, &skipped[..]), expected);
        assert_eq!(timeline.bytes_read(), bytes.len() as u64);
    };
    check(&messages, (1, 0, &[]));
    check(&[&messages[..], &messages[..40]].concat(), (1, 1, &[]));
    check(&[&messages[..], &[7; 20]].concat(), (1, 0, &["damaged_message"]));
    check(&[], (0, 0, &[]));
}

proptest! {
    /// Whatever comes is taken or counted.
    #[test]
    fn any_bytes_are_taken_or_counted(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        version in prop::sample::select(vec![5_u8, 9, 10]),
    ) {
        let mut collector = collector();
        let mut records = Vec::new();
        for mut datagram in datagrams {
            if let [high, low, ..] = &mut datagram[..] {
                (*high, *low) = (0, version);
            }
            collector.take(exporter(1), at(0), &datagram, &mut records);
        }
        collector.finish(usize::MAX, &mut records);
        prop_assert_eq!(collector.stats().conversations, 0);
    }

    /// A datagram of which some bytes were changed is taken or counted, and the next one is read all the same.
    #[test]
    fn a_damaged_datagram_harms_no_other(
        format in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let (_, good) = in_every_format(&[ASKED, ANSWERED]).swap_remove(format);
        let mut damaged = good.clone();
        for (place, byte) in changes {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        let mut collector = collector();
        let mut records = Vec::new();
        collector.take(exporter(1), at(3_600_000), &damaged, &mut records);
        collector.take(exporter(2), at(3_600_000), &good, &mut records);
        let stats = collector.stats();
        prop_assert!(stats.flows + stats.skipped.get("duplicate_flow").unwrap_or(&0) >= 2);
    }
}
