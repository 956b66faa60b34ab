//! Any bytes as datagrams of exporters, cut where a byte says: whatever comes is taken or counted, and each conversation has one begin and one end.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use undercurrent::flow::{Config, ReportPhase};
use undercurrent::records::Told;
use undercurrent::records::netflow::Collector;
use undercurrent::seed::Seed;
use undercurrent::time::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let mut collector = Collector::new(&Config::default(), Seed(1));
    let mut records = Vec::new();
    let mut rest = bytes;
    while let [exporter, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (datagram, after) = behind.split_at(length);
        let from = SocketAddr::from(([192, 0, 2, exporter & 3], 2055));
        collector.take(from, Timestamp::from_secs_nanos(1_700_000_000, 0), datagram, &mut records);
        rest = after;
    }
    collector.finish(usize::MAX, &mut records);
    let (mut begun, mut ended) = (0, 0);
    for record in &records {
        if let Told::Flow(burst, report) = &record.what {
            assert_eq!(burst.is_some(), report.first);
            begun += u64::from(report.first);
            ended += u64::from(matches!(report.phase, ReportPhase::Final(_)));
        }
    }
    assert_eq!((begun, collector.stats().conversations), (ended, 0));
});
