//! What live capture came to.

use std::ops::AddAssign;

/// The counters of a ring, an interface or a whole capture, from its start.
///
/// At rest, `offered_packets` = `packets` + `ring_dropped_packets`, and the frames in the blocks that were given out are
/// `packets` − `filtered_packets` − `shed_packets`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveStats {
    /// Packets that passed the kernel's filter, lost or not. libpcap counts those that it holds as well.
    pub offered_packets: u64,
    /// Packets read.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Packets that the kernel found no room in the ring for.
    pub ring_dropped_packets: u64,
    /// Packets that the network card or its driver lost before they came to anybody (`rx_missed_errors` and
    /// `rx_fifo_errors`).
    pub interface_dropped_packets: u64,
    /// Packets read and then rejected by a filter that the kernel cannot apply, as one on VLAN tags.
    pub filtered_packets: u64,
    /// Packets read and then shed, because the pipeline was too slow: whole conversations at a time.
    pub shed_packets: u64,
    /// Bytes on the wire of the packets shed.
    pub shed_bytes: u64,
    /// Times that the interface went down or was removed.
    pub interface_losses: u64,
}

impl AddAssign for LiveStats {
    fn add_assign(&mut self, other: Self) {
        self.offered_packets += other.offered_packets;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.ring_dropped_packets += other.ring_dropped_packets;
        self.interface_dropped_packets += other.interface_dropped_packets;
        self.filtered_packets += other.filtered_packets;
        self.shed_packets += other.shed_packets;
        self.shed_bytes += other.shed_bytes;
        self.interface_losses += other.interface_losses;
    }
}
