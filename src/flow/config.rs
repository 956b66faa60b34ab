//! How many flows are kept and for how long.

use crate::time::Span;

/// Bounds of the flow tables. All times are packet time; a packet that comes when the time is up, to the
/// nanosecond, starts a new flow whether or not a sweep happened in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most flows held at a time, all shards together; past it the least valuable flows are evicted and counted.
    pub max_flows: usize,
    /// TCP of which only one side was seen, for example an attempt without an answer. Zeek gives an unanswered
    /// SYN 5 s, which makes several attempts of one attempt's retransmissions.
    pub tcp_attempt: Span,
    /// TCP of which both sides were seen and none closed. Zeek's 5 min would cut held-open connections with rare
    /// keep-alives into pieces, which are what this product looks for.
    pub tcp_open: Span,
    /// TCP of which one side closed (Zeek's `tcp_inactivity_timeout`).
    pub tcp_half_closed: Span,
    /// TCP which was closed by both sides or reset: how long trailing packets are still counted to it (Zeek's
    /// `tcp_close_delay`).
    pub tcp_closed: Span,
    /// UDP and all other protocols but TCP and ICMP (Zeek's `udp_inactivity_timeout`).
    pub udp: Span,
    /// ICMP (Zeek's `icmp_inactivity_timeout`).
    pub icmp: Span,
    /// An open flow that had packets is reported this often, and not before it is this old.
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
