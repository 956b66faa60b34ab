//! Findings are told to others: a webhook, an Alertmanager, a syslog.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use super::network::Network;
use super::sensor::{Sensor, send};

const PATIENCE: Duration = Duration::from_mins(1);

/// Takes requests on a port of this machine, and gives their first line and body. The first is answered with an error.
fn listen() -> (u16, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
            reader.read_line(&mut first).unwrap();
            while reader.read_line(&mut line).unwrap() > 2 {
                let lower = line.to_lowercase();
                length = lower.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = if count == 0 { "503 Busy" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send((first, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (port, requests)
}

#[test]
fn findings_reach_a_webhook_an_alertmanager_and_a_syslog() {
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    let ((hook, at_hook), (manager, at_manager)) = (listen(), listen());
    let syslog = UdpSocket::bind("127.0.0.1:0").unwrap();
    syslog.set_read_timeout(Some(PATIENCE)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("undercurrent.toml");
    let text = format!(
        "[detect]\nscore_every_s = 10\n[webhook]\nurl = \"http://127.0.0.1:{hook}/hook\"\nformat = \"ocsf\"\n\
         [alertmanager]\nurl = \"http://127.0.0.1:{manager}\"\n[syslog]\naddress = \"udp://127.0.0.1:{}\"\n",
        syslog.local_addr().unwrap().port()
    );
    fs::write(&config, text).unwrap();
    let mut sensor = Sensor::start(folder.path(), &["--config", config.to_str().unwrap()]);
    send("iodine_tunnel");

    let mut buffer = vec![0; 1 << 16];
    let length = syslog.recv(&mut buffer).unwrap();
    let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
    assert!(message.starts_with("<13") && message.contains("\"event_type\":\"alert\""), "{message}");

    let refused = at_hook.recv_timeout(PATIENCE).unwrap();
    let taken = at_hook.recv_timeout(PATIENCE).unwrap();
    assert_eq!(refused, taken, "what was refused is sent again");
    assert!(taken.0.starts_with("POST /hook "), "{}", taken.0);
    assert_eq!((&taken.1["class_uid"], &taken.1["activity_id"]), (&Value::from(2004), &Value::from(1)));

    at_manager.recv_timeout(PATIENCE).unwrap();
    let (first, alerts) = at_manager.recv_timeout(PATIENCE).unwrap();
    assert!(first.starts_with("POST /api/v2/alerts "), "{first}");
    let id = &taken.1["finding_info"]["uid"];
    let alert = alerts.as_array().unwrap().iter().find(|alert| alert["labels"]["finding_id"] == *id).unwrap();
    assert_eq!(alert["labels"]["alertname"], "UndercurrentFinding");
    sensor.wait_for("both are well again", |sensor| {
        ["webhook", "alertmanager", "syslog", "file"].iter().all(|sink| {
            sensor.metric(&format!("undercurrent_findings_sink_up{{sink=\"{sink}\"}}")) == Some(1.0)
        })
    });
}
