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

/// A request: its first line, what it says who it is, and its body.
type Request = (String, Option<String>, Value);

/// Takes requests on a port of this machine. They are answered with an error while `refuses` says so of how many there were before and of the first line.
fn listen(refuses: fn(usize, &str) -> bool) -> (u16, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut first, mut line, mut length, mut token) = (String::new(), String::new(), 0, None);
            reader.read_line(&mut first).unwrap();
            while reader.read_line(&mut line).unwrap() > 2 {
                let lower = line.to_lowercase();
                length = lower.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
                token = lower.strip_prefix("authorization:").map(|said| said.trim().to_owned()).or(token);
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = if refuses(count, &first) { "503 Busy" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send((first, token, serde_json::from_slice(&body).unwrap())).is_err() {
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
    let refuses_the_first = |count, _: &str| count == 0;
    let ((hook, at_hook), (manager, at_manager)) = (listen(refuses_the_first), listen(refuses_the_first));
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
    assert_eq!((&taken.2["class_uid"], &taken.2["activity_id"]), (&Value::from(2004), &Value::from(1)));

    at_manager.recv_timeout(PATIENCE).unwrap();
    let (first, _, alerts) = at_manager.recv_timeout(PATIENCE).unwrap();
    assert!(first.starts_with("POST /api/v2/alerts "), "{first}");
    let id = &taken.2["finding_info"]["uid"];
    let alert = alerts.as_array().unwrap().iter().find(|alert| alert["labels"]["finding_id"] == *id).unwrap();
    assert_eq!(alert["labels"]["alertname"], "UndercurrentFinding");
    sensor.wait_for("both are well again", |sensor| {
        ["webhook", "alertmanager", "syslog", "file"].iter().all(|sink| {
            sensor.metric(&format!("undercurrent_findings_sink_up{{sink=\"{sink}\"}}")) == Some(1.0)
        })
    });
}

#[test]
fn a_reload_turns_a_sink_to_another_place_with_all_that_waits() {
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    let (port, requests) = listen(|_, first| first.starts_with("POST /old "));
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (config, token) = (folder.path().join("undercurrent.toml"), elsewhere.path().join("token"));
    let settings = |path: &str, format: &str| {
        format!(
            "[detect]\nscore_every_s = 10\n[webhook]\nurl = \"http://127.0.0.1:{port}/{path}\"\n\
             bearer_token_file = {token:?}\nformat = \"{format}\"\n"
        )
    };
    fs::write(&token, "before").unwrap();
    fs::write(&config, settings("old", "eve")).unwrap();
    let mut sensor = Sensor::start(folder.path(), &["--config", config.to_str().unwrap()]);
    send("iodine_tunnel");
    let (_, said, refused) = requests.recv_timeout(PATIENCE).unwrap();
    assert_eq!(said.as_deref(), Some("bearer before"));

    fs::write(&token, "after").unwrap();
    fs::write(&config, settings("new", "ocsf")).unwrap();
    sensor.signal("HUP");
    let is_told = |request: &Request| request.0.starts_with("POST /new ");
    let told = std::iter::from_fn(|| requests.recv_timeout(PATIENCE).ok()).find(is_told).unwrap();
    assert_eq!(told.1.as_deref(), Some("bearer after"));
    assert_eq!(told.2["finding_info"]["uid"], refused["undercurrent"]["id"], "what waited is told first");
    assert!(!sensor.log().contains("takes effect with the next start"), "{}", sensor.log());
    sensor.wait_for("nothing is lost", |sensor| {
        let count = |what| sensor.metric(&format!("undercurrent_findings_{what}{{sink=\"webhook\"}}"));
        count("written_total").is_some_and(|told| told > 0.0)
            && (count("waiting"), count("lost_total")) == (Some(0.0), Some(0.0))
    });
}
