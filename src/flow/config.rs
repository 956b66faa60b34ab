//! How many flows are kept and for how long.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// Bounds of the flow tables. All times are packet time; a packet that comes when the time is up, to the
/// nanosecond, starts a new flow whether or not a sweep happened in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Most flows held at a time, all shards together; past it the least valuable flows are evicted and counted.
    pub max_flows: usize,
    /// TCP of which only one side was seen, for example an attempt without an answer. Zeek gives an unanswered
    /// SYN 5 s, which makes several attempts of one attempt's retransmissions.
    #[serde(rename = "tcp_attempt_s", with = "seconds")]
    pub tcp_attempt: Span,
    /// TCP of which both sides were seen and none closed. Zeek's 5 min would cut held-open connections with rare
    /// keep-alives into pieces, which are what this product looks for.
    #[serde(rename = "tcp_open_s", with = "seconds")]
    pub tcp_open: Span,
    /// TCP of which one side closed (Zeek's `tcp_inactivity_timeout`).
    #[serde(rename = "tcp_half_closed_s", with = "seconds")]
    pub tcp_half_closed: Span,
    /// TCP which was closed by both sides or reset: how long trailing packets are still counted to it (Zeek's
    /// `tcp_close_delay`).
    #[serde(rename = "tcp_closed_s", with = "seconds")]
    pub tcp_closed: Span,
    /// UDP and all other protocols but TCP and ICMP (Zeek's `udp_inactivity_timeout`).
    #[serde(rename = "udp_s", with = "seconds")]
    pub udp: Span,
    /// ICMP (Zeek's `icmp_inactivity_timeout`).
    #[serde(rename = "icmp_s", with = "seconds")]
    pub icmp: Span,
    /// An open flow that had packets is reported this often, and not before it is this old.
    #[serde(rename = "interim_s", with = "seconds")]
    pub interim: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_flows: 1 << 20,
            tcp_attempt: Span::from_secs(60),
            tcp_open: Span::from_secs(3600),
            tcp_half_closed: Span::from_secs(300),
            tcp_closed: Span::from_secs(5),
            udp: Span::from_secs(60),
            icmp: Span::from_secs(60),
            interim: Span::from_secs(60),
        }
    }
}

/// Spans in the configuration file: seconds, more than none.
mod seconds {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::time::Span;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
    pub(super) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(span.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let span = Span::from_secs_f64(f64::deserialize(deserializer)?);
        if span > Span::ZERO { Ok(span) } else { Err(D::Error::custom("must be more than 0 seconds")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
        assert_eq!(toml::from_str::<Config>("udp_s = 30").unwrap().udp, Span::from_secs(30));
        for wrong in ["udp_s = 0", "udp_s = -1", "udp_s = nan", "udp = 30", "max_flows = -1"] {
            assert!(toml::from_str::<Config>(wrong).is_err(), "{wrong}");
        }
    }
}
