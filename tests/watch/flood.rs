//! A flood of connections that nobody answers, from addresses that nobody has.

use std::fs;

use etherparse::PacketBuilder;
use pcap::Capture;

use super::network::{NEAR, Network};
use super::sensor::{Sensor, send};

const PACKETS: u32 = 200_000;
/// Entries of the tables, so few that all are full long before the end.
const FLOWS: u32 = 4096;
const HOSTS: u32 = 1000;
const CHANNELS: u32 = 2000;

/// Sends the first frames of connections, every other one from a monitored network.
fn flood() {
    let mut sender = Capture::from_device(NEAR).unwrap().open().unwrap();
    for number in 0..PACKETS {
        // A permutation of all numbers: no address comes twice.
        let [a, b, c, d] = number.wrapping_mul(2_654_435_761).to_be_bytes();
        let (from, to) = if number % 2 == 0 {
            ([10, b, c, d], [198, 18, a, b])
        } else {
            ([a | 64, b, c, d], [10, 0, 0, 1])
        };
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4(from, to, 64)
            .tcp(40_000, 443, number, 64_240)
            .syn();
        let mut frame = Vec::new();
        packet.write(&mut frame, &[]).unwrap();
        sender.sendpacket(frame).unwrap();
    }
}

fn value(sensor: &Sensor, series: &str) -> f64 {
    sensor.metric(&format!("undercurrent_{series}")).unwrap_or_default()
}

#[test]
fn a_flood_of_spoofed_connections_is_counted_and_told_of_and_gone_on_after() {
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("undercurrent.toml");
    let tables =
        format!("[flow]\nmax_flows = {FLOWS}\n[features]\nmax_hosts = {HOSTS}\nmax_channels = {CHANNELS}\n");
    fs::write(&config, format!("[detect]\nscore_every_s = 10\n{tables}")).unwrap();
    let mut sensor = Sensor::start(folder.path(), &["--config", config.to_str().unwrap()]);
    flood();
    sensor.wait_for("all packets are counted, as processed or as lost", |sensor| {
        let lost = |reason| value(sensor, &format!("capture_dropped_packets_total{{reason=\"{reason}\"}}"));
        let counted = value(sensor, "capture_packets_total") + lost("ring") + lost("shed");
        (counted - f64::from(PACKETS)).abs() < 0.5
    });
    // How many are shed is a matter of the machine, and what the tables did is told at ticks.
    sensor.wait_for("connections were ended to make room for others", |sensor| {
        value(sensor, "flows_expired_total{reason=\"evicted\"}")
            > value(sensor, "capture_packets_total") / 2.0
    });
    sensor.wait_for("hosts found no room", |sensor| {
        value(sensor, "state_overflows_total{reason=\"host_table_full\"}") > f64::from(HOSTS)
    });
    for (series, most) in [("flows_active", FLOWS), ("hosts_tracked", HOSTS), ("channels_tracked", CHANNELS)]
    {
        assert!(value(&sensor, series) <= f64::from(most), "{series}");
    }
    sensor.wait_for("it is in the log", |sensor| {
        sensor.log().contains("connections ended early (flow.max_flows)")
    });
    assert_eq!(sensor.get("/readyz").unwrap().status, 200);

    // Not a count of those forgotten: a pass in the midst of the flood makes room, and the rest of it takes that again.
    sensor.wait_for("room is made, as every ten seconds", |sensor| {
        value(sensor, "hosts_tracked") < f64::from(HOSTS)
            && value(sensor, "channels_tracked") < f64::from(CHANNELS)
    });
    send("iodine_tunnel");
    sensor.wait_for("what comes after it is found", |sensor| {
        sensor.get("/api/v1/findings").is_some_and(|answer| answer.body.contains("dns_tunnel"))
    });
}
