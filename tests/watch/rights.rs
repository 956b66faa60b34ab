//! What the running sensor may still do.

use super::network::Network;
use super::sensor::Sensor;

#[test]
fn no_thread_has_a_capability_and_all_have_a_filter_of_system_calls() {
    let Some(_network) = Network::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sensor = Sensor::start(folder.path(), &[]);
    let threads = sensor.threads();
    assert!(threads.len() >= 6, "main, ring, judge, checkpoint, file, web: {threads:?}");
    for status in threads {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(set).trim_start_matches('0'), "", "{status}");
        }
        assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), ("2", "1"), "{status}");
    }
}
