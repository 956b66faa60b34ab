//! A sensor that is killed at any moment starts again, with all that it had written.

use std::time::Duration;

use super::network::Network;
use super::sensor::{Sensor, send};

/// How often it is killed, unless `UNDERCURRENT_KILLS` says otherwise.
const KILLS: u32 = 20;

#[test]
fn killed_again_and_again_it_comes_up_and_forgets_nothing() {
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut first = Sensor::start(folder.path(), &[]);
    send("iodine_tunnel");
    first.wait_for("the packets are counted", |sensor| {
        sensor.metric("undercurrent_channels_tracked").is_some_and(|channels| channels > 0.0)
    });
    first.signal("TERM");
    assert_eq!(first.wait().code(), Some(0));
    let told = first.findings();
    assert!(told.iter().any(|line| line["undercurrent"]["behaviour"] == "dns_tunnel"), "{told:?}");

    let kills = std::env::var("UNDERCURRENT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    for kill in 0..kills {
        let mut sensor = Sensor::start(folder.path(), &[]);
        send("icmp_tunnel");
        // Most end while the last checkpoint is written; the moments are spread over it.
        if kill % 4 != 0 {
            sensor.signal("TERM");
            std::thread::park_timeout(Duration::from_micros(u64::from(kill) * 3_701 % 60_000));
        }
        sensor.signal("KILL");
        sensor.wait();
    }
    let mut last = Sensor::start(folder.path(), &[]);
    assert!(!last.log().contains("damaged"), "{}", last.log());
    assert!(last.log().matches("going on from the checkpoint").count() > kills as usize, "{}", last.log());
    last.signal("TERM");
    last.wait();
    let told_after = last.findings();
    assert_eq!(told_after[..told.len()], told[..], "what was written stays");
    let tunnels = told_after.iter().filter(|line| line["undercurrent"]["behaviour"] == "dns_tunnel");
    assert_eq!(tunnels.filter(|line| line["undercurrent"]["change"] == "new").count(), 1, "and is told once");
}
