//! Disks that are full, read-only, or gave back something else than was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::network::Network;
use super::sensor::{Sensor, send};

/// A small disk.
struct Disk(PathBuf);

impl Disk {
    /// Nothing where none can be mounted, which is said.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(at).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: a small disk cannot be mounted");
            return None;
        }
        Some(Self(at.to_owned()))
    }

    /// Whether it could be made read-only: not while somebody writes to it.
    fn is_made_read_only(&self) -> bool {
        let mount = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).output();
        mount.unwrap().status.success()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_damaged_checkpoint_is_set_aside() {
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::write(
        folder.path().join("state/checkpoint"),
        b"UCSTATE\n and then something else than it should be, for long",
    )
    .unwrap();
    let sensor = Sensor::start(folder.path(), &[]);
    let log = sensor.log();
    assert!(log.contains("starting without it"), "{log}");
    let aside = fs::read_dir(folder.path().join("state")).unwrap();
    let aside = aside.filter(|entry| entry.as_ref().unwrap().file_name() != "checkpoint").count();
    assert_eq!(aside, 1, "{log}");
}

#[test]
fn a_full_disk_and_one_that_is_read_only_are_told_of_and_gone_on_after() {
    const SINK: &str = "undercurrent_findings_sink_up{sink=\"file\"}";
    const FAILED: &str = "undercurrent_checkpoints_total{result=\"failed\"}";
    const WRITTEN: &str = "undercurrent_checkpoints_total{result=\"ok\"}";
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("state")) else { return };
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap_err();
    let config = folder.path().join("undercurrent.toml");
    fs::write(&config, "[detect]\nscore_every_s = 10\n[state]\ncheckpoint_interval_s = 1\n").unwrap();
    let mut sensor = Sensor::start(folder.path(), &["--config", config.to_str().unwrap()]);
    send("iodine_tunnel");
    sensor.wait_for("findings find no room", |sensor| sensor.metric(SINK) == Some(0.0));
    sensor.wait_for("nor does the checkpoint", |sensor| {
        sensor.metric(FAILED).is_some_and(|failed| failed >= 1.0)
    });
    assert!(sensor.log().contains("No space left"), "{}", sensor.log());
    assert_eq!(sensor.get("/readyz").unwrap().status, 200);
    assert!(sensor.get("/").unwrap().body.contains("cannot write the findings file"));

    fs::remove_file(&ballast).unwrap();
    sensor.wait_for("what waited is written", |sensor| sensor.metric(SINK) == Some(1.0));
    sensor.wait_for("so is the tunnel", Sensor::has_told_of_tunnel);
    assert_eq!(sensor.metric("undercurrent_findings_lost_total{sink=\"file\"}"), Some(0.0));
    sensor.wait_for("and the checkpoint", |sensor| {
        sensor.metric(WRITTEN).is_some_and(|written| written >= 1.0)
    });

    sensor.wait_for("the disk can be made read-only", |_| disk.is_made_read_only());
    let failed = sensor.metric(FAILED).unwrap();
    sensor.wait_for("no checkpoint can be written", |sensor| {
        sensor.metric(FAILED).is_some_and(|now| now > failed)
    });
    assert!(sensor.log().contains("Read-only file system"), "{}", sensor.log());
    sensor.signal("TERM");
    assert_eq!(sensor.wait().code(), Some(0), "{}", sensor.log());
}
