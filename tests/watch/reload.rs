//! What a reload changes while the sensor runs.

use std::fs;

use undercurrent::time::Timestamp;

use super::network::{FAR, NEAR, Network};
use super::sensor::{Sensor, send_between};

const SETTINGS: &str = "[detect]\nscore_every_s = 10\n";

#[test]
fn assets_that_a_reload_names_are_followed() {
    let Some(network) = Network::new() else { return };
    // The recording has frames as segmentation offload leaves them.
    for interface in [NEAR, FAR] {
        network.ip(&format!("link set {interface} mtu 65535"));
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("undercurrent.toml");
    fs::write(&config, SETTINGS).unwrap();
    let mut sensor = Sensor::start(folder.path(), &["--config", config.to_str().unwrap()]);
    let assets = "assets = [{ name = \"weights\", cidr = [\"10.80.0.20\"] }]\n";
    fs::write(&config, format!("{assets}{SETTINGS}")).unwrap();
    sensor.signal("HUP");
    sensor.wait_for("the reload is told of", |sensor| sensor.log().contains("configuration reloaded"));
    assert!(!sensor.log().contains("takes effect with the next start"), "{}", sensor.log());
    // At this speed, all would be of one second: what is sent out must come after what was read.
    let upload = Timestamp::parse_rfc3339("2026-03-16T23:43:20Z").unwrap();
    send_between("staged_upload", Timestamp::MIN, upload);
    sensor.wait_for("time has gone on", |sensor| {
        let at =
            |metric| sensor.metric(&format!("undercurrent_{metric}_timestamp_seconds")).unwrap_or_default();
        at("last_packet") > 0.0 && at("last_scored") > at("last_packet") + 2.0
    });
    send_between("staged_upload", upload, Timestamp::from_nanos(i64::MAX));
    sensor.wait_for("what is held of the asset is evidence", |sensor| {
        sensor
            .get("/api/v1/findings")
            .is_some_and(|answer| answer.body.contains("of asset weights: the host read from it"))
    });
}
