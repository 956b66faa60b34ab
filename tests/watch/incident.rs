//! An incident passes by: it is in the metrics, in the findings file, in the API and on the pages.

use std::fs;

use serde_json::Value;

use super::network::Network;
use super::sensor::{Sensor, send};

const PACKETS: &str = "undercurrent_capture_packets_total";

#[test]
fn an_incident_is_seen_everywhere_and_the_sensor_can_be_told_to_leave_it() {
    let Some(network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("undercurrent.toml");
    fs::write(&config, "[detect]\nscore_every_s = 10\n").unwrap();
    let mut sensor = Sensor::start(folder.path(), &["--config", config.to_str().unwrap()]);
    let sent = send("iodine_tunnel");
    sensor.wait_for("all packets are counted", |sensor| {
        let lost = |reason| {
            sensor
                .metric(&format!("undercurrent_capture_dropped_packets_total{{reason=\"{reason}\"}}"))
                .unwrap_or(0.0)
        };
        let counted = sensor.metric(PACKETS).unwrap_or(0.0) + lost("ring") + lost("shed") + lost("filter");
        (counted - sent as f64).abs() < 0.5
    });
    sensor.wait_for("the tunnel is found", |sensor| tunnel(sensor).is_some());
    assert!(sensor.get("/metrics").unwrap().body.contains("behaviour=\"dns_tunnel\""));
    let finding = tunnel(&sensor).unwrap();
    sensor.wait_for("it is in the findings file", |sensor| {
        sensor.findings().iter().any(|line| line["undercurrent"]["id"] == finding["id"])
    });
    let lines = sensor.findings();
    let line = lines.iter().find(|line| line["undercurrent"]["id"] == finding["id"]).unwrap();
    assert_eq!((&line["event_type"], &line["src_ip"]), (&Value::from("alert"), &finding["host"]));
    look_at_all_pages(&sensor, finding["host"].as_str().unwrap());
    be_told_to_leave_it(&mut sensor, &config, &finding);
    go_away_and_come_back(&mut sensor, &network);

    sensor.signal("TERM");
    assert_eq!(sensor.wait().code(), Some(0), "{}", sensor.log());
    assert!(sensor.state("checkpoint").exists());
    assert!(sensor.log().contains("checkpoint written"), "{}", sensor.log());
}

fn tunnel(sensor: &Sensor) -> Option<Value> {
    let findings: Vec<Value> = serde_json::from_str(&sensor.get("/api/v1/findings")?.body).unwrap();
    findings.into_iter().find(|finding| finding["behaviour"] == "dns_tunnel")
}

fn look_at_all_pages(sensor: &Sensor, host: &str) {
    for (path, status, kind, expected) in [
        ("/", 200, "text/html", "DNS tunnel"),
        ("/update.js", 200, "text/javascript", "fetch"),
        ("/healthz", 200, "text/plain", "ok"),
        ("/readyz", 200, "text/plain", "capturing from"),
        ("/metrics", 200, "text/plain; version=0.0.4", "undercurrent_host_anomaly_score{"),
        ("/api/v1/hosts", 200, "application/json", host),
        ("/api/v1/status", 200, "application/json", "packets_per_second"),
        (&format!("/api/v1/hosts/{host}"), 200, "application/json", "\"channels\""),
        (&format!("/hosts/{host}"), 200, "text/html", host),
        ("/api/v1/hosts/192.0.2.250", 404, "application/json", "no such host"),
        ("/hosts/%3Cscript%3E", 404, "text/html", "No such host"),
        ("/nothing", 404, "", ""),
    ] {
        let answer = sensor.get(path).unwrap();
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.head.contains(kind), "{path}: {}", answer.head);
        assert!(answer.body.contains(expected), "{path}: {}", answer.body);
        assert!(answer.head.contains("content-security-policy: default-src 'none'"), "{path}");
        assert!(answer.head.contains("x-content-type-options: nosniff"), "{path}");
    }
    let json = sensor.get(&format!("/api/v1/hosts/{host}")).unwrap().body;
    let row: Value = serde_json::from_str(&json).unwrap();
    assert!(
        row["c2_score"].as_f64().unwrap() > 0.5 && row["findings"].as_array().unwrap().len() == 1,
        "{row}"
    );
    let openmetrics = sensor.ask("/metrics", "Accept: application/openmetrics-text\r\n").unwrap();
    assert!(openmetrics.head.contains("application/openmetrics-text; version=1.0.0"), "{}", openmetrics.head);
    assert!(openmetrics.body.contains(" # {finding_id=\"") && openmetrics.body.ends_with("# EOF\n"));
}

/// A broken configuration changes nothing; one that allows the tunnel takes the finding away.
fn be_told_to_leave_it(sensor: &mut Sensor, config: &std::path::Path, finding: &Value) {
    const RELOADED: &str = "undercurrent_config_last_reload_successful";
    assert_eq!(sensor.metric(RELOADED), Some(1.0));
    fs::write(config, "[detect]\nscore_evry_s = 10\n").unwrap();
    sensor.signal("HUP");
    sensor.wait_for("the reload has failed", |sensor| sensor.metric(RELOADED) == Some(0.0));
    assert!(sensor.log().contains("did you mean `detect.score_every_s`?"), "{}", sensor.log());
    assert!(tunnel(sensor).is_some());
    let name = finding["peer"]["name"].as_str().unwrap();
    fs::write(config, format!("[detect]\nscore_every_s = 10\n[allowlist]\nentries = [\"{name}\"]\n"))
        .unwrap();
    sensor.signal("HUP");
    sensor.wait_for("the reload has succeeded", |sensor| sensor.metric(RELOADED) == Some(1.0));
    sensor.wait_for("the tunnel is left in peace", |sensor| {
        sensor.get("/api/v1/findings").is_some_and(|answer| !answer.body.contains("dns_tunnel"))
    });
}

fn go_away_and_come_back(sensor: &mut Sensor, network: &Network) {
    network.remove_link();
    sensor.wait_for("the interface is missed", |sensor| {
        sensor
            .get("/readyz")
            .is_some_and(|answer| answer.status == 503 && answer.body.contains("waiting for far0"))
    });
    assert_eq!(sensor.get("/healthz").unwrap().status, 200);
    assert_eq!(sensor.metric("undercurrent_capture_interface_up{interface=\"far0\"}"), Some(0.0));
    network.add_link();
    sensor.wait_for("it is back", |sensor| sensor.get("/readyz").is_some_and(|answer| answer.status == 200));
    let before = sensor.metric(PACKETS).unwrap();
    let sent = send("icmp_tunnel");
    sensor.wait_for("packets are counted again", |sensor| {
        sensor.metric(PACKETS).is_some_and(|now| now >= before + sent as f64)
    });
}
