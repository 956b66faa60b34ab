//! What is served: one snapshot, replaced as a whole.

use std::sync::Arc;

use crate::export::metrics::MetricsSnapshot;
use crate::sensor::Verdicts;
use crate::time::{Span, Timestamp};

/// Silence of the packet thread from which on the sensor counts as hung.
const HUNG_AFTER: Span = Span::from_secs(30);

/// The sensor at one moment.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// What `/metrics` shows.
    pub metrics: MetricsSnapshot,
    /// The last scoring pass.
    pub verdicts: Arc<Verdicts>,
    /// When the packet thread published it, by the clock.
    pub published: Timestamp,
    /// When the program was started, by the clock.
    pub started: Timestamp,
    /// Packets a second since the snapshot before.
    pub packets_per_second: f64,
    /// Bytes on the wire a second since then.
    pub bytes_per_second: f64,
    /// What is wrong and should be known, one sentence each.
    pub troubles: Vec<String>,
    /// Whether the sensor is on its way out.
    pub stopping: bool,
}

/// An answer of a health check: whether all is well, and why.
pub type Health = Result<String, String>;

impl Served {
    /// Does the sensor work at all? Where not, it should be started anew.
    ///
    /// # Errors
    /// Why not.
    pub fn healthy(&self, now: Timestamp) -> Health {
        let silent = now - self.published;
        if silent > HUNG_AFTER {
            return Err(format!("the packet thread is silent for {:.0} s", silent.as_secs_f64()));
        }
        Ok("ok".to_owned())
    }

    /// Can packets come, and is the sensor to stay?
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self, now: Timestamp) -> Health {
        self.healthy(now)?;
        if self.stopping {
            return Err("stopping".to_owned());
        }
        let interfaces = self.metrics.sensor.iter().flat_map(|sensor| &sensor.interfaces);
        let (up, down): (Vec<_>, Vec<_>) = interfaces.partition(|(_, up)| **up);
        let names =
            |of: &[(&String, &bool)]| of.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let exports = self.metrics.sensor.as_ref().is_some_and(|sensor| sensor.netflow.is_some());
        match (up.is_empty(), exports) {
            (true, false) => Err(format!("no interface is captured from; waiting for {}", names(&down))),
            (true, true) => Ok("listening for NetFlow and IPFIX".to_owned()),
            (false, false) => Ok(format!("capturing from {}", names(&up))),
            (false, true) => Ok(format!("capturing from {}; listening for NetFlow and IPFIX", names(&up))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::metrics::{NetflowState, SensorState};

    #[test]
    fn health_says_why() {
        let at = |secs| Timestamp::from_secs_nanos(secs, 0);
        let served = |interfaces: &[(&str, bool)], stopping| Served {
            metrics: MetricsSnapshot {
                sensor: Some(SensorState {
                    interfaces: interfaces.iter().map(|(name, up)| ((*name).to_owned(), *up)).collect(),
                    ..SensorState::default()
                }),
                ..MetricsSnapshot::default()
            },
            published: at(100),
            stopping,
            ..Served::default()
        };
        let up = served(&[("eth0", true), ("eth1", false)], false);
        assert_eq!(up.ready(at(101)), Ok("capturing from eth0".to_owned()));
        assert_eq!(up.healthy(at(131)), Err("the packet thread is silent for 31 s".to_owned()));
        assert!(up.ready(at(131)).is_err());
        assert!(served(&[("eth1", false)], false).ready(at(101)).unwrap_err().contains("waiting for eth1"));
        assert!(served(&[("eth0", true)], true).ready(at(101)).is_err());
        assert!(served(&[], false).healthy(at(101)).is_ok());
        let mut exports = served(&[], false);
        assert!(exports.ready(at(101)).is_err());
        exports.metrics.sensor.as_mut().unwrap().netflow = Some(NetflowState::default());
        assert_eq!(exports.ready(at(101)), Ok("listening for NetFlow and IPFIX".to_owned()));
    }
}
