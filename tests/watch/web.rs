//! Who may ask, and who keeps a sensor from answering others.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::network::Network;
use super::sensor::Sensor;

fn login(user: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(user))
}

#[test]
fn only_users_are_answered() {
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    let hash = bcrypt::hash("wonderland", 4).unwrap();
    fs::write(&file, format!("basic_auth_users:\n  alice: {hash}\n")).unwrap();
    let mut sensor = Sensor::spawn(folder.path(), &["--web.config.file", file.to_str().unwrap()]);
    sensor.wait_for("it answers", |sensor| sensor.get("/healthz").is_some());
    for path in ["/", "/metrics", "/healthz", "/api/v1/hosts", "/nothing"] {
        let refused = sensor.get(path).unwrap();
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.head.contains("www-authenticate: basic"), "{}", refused.head);
        assert_eq!(sensor.ask(path, &login("alice:x")).unwrap().status, 401, "{path}");
    }
    assert_eq!(sensor.ask("/metrics", &login("alice:wonderland")).unwrap().status, 200);
}

#[test]
fn tls_is_spoken_where_it_is_asked_for() {
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    if !make_certificate(folder.path()) {
        eprintln!("skipped: openssl or curl is not installed");
        return;
    }
    let file = folder.path().join("web.yml");
    fs::write(&file, "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n").unwrap();
    let mut sensor = Sensor::spawn(folder.path(), &["--web.config.file", file.to_str().unwrap()]);
    let fetch = || {
        let curl = Command::new("curl")
            .args(["--silent", "--show-error", "--cacert", "server.crt", "https://localhost:9909/healthz"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        String::from_utf8(curl.stdout).unwrap()
    };
    sensor.wait_for("it answers over TLS", |_| fetch() == "ok\n");
    assert!(sensor.get("/healthz").is_none(), "it does not without");
}

fn make_certificate(folder: &Path) -> bool {
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-keyout", "server.key", "-out", "server.crt", "-subj", "/CN=localhost", "-days", "2"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .output();
    openssl.is_ok_and(|made| made.status.success()) && Command::new("curl").arg("--version").output().is_ok()
}

#[test]
fn clients_that_never_read_keep_nobody_out() {
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("undercurrent.toml");
    fs::write(&config, "[web]\nmax_connections = 8\nrequest_timeout_s = 1\n").unwrap();
    let mut sensor = Sensor::start(folder.path(), &["--config", config.to_str().unwrap()]);
    let request = "GET /metrics HTTP/1.1\r\nHost: sensor\r\n\r\n".repeat(2000);
    let mut clients = Vec::new();
    for text in [request.as_str(), "", "GET /metr"] {
        for _ in 0..8 {
            let mut client = TcpStream::connect("127.0.0.1:9909").unwrap();
            client.set_nonblocking(true).unwrap();
            // As much as it takes: nobody reads the answers.
            let _ = client.write(text.as_bytes());
            clients.push(client);
        }
    }
    sensor.wait_for("others are answered", |sensor| {
        sensor.get("/metrics").is_some_and(|answer| answer.status == 200)
    });
    drop(clients);
    let large = format!("X-Large: {}\r\n", "x".repeat(100_000));
    assert!(sensor.ask("/metrics", &large).is_none_or(|answer| answer.status == 431), "a head has its bound");
    assert_eq!(sensor.get("/healthz").unwrap().status, 200);
}
