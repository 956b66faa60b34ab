//! Why an interface cannot be captured from.

use std::io;

use crate::capture::FilterError;

/// What ends the capture from an interface. That it is missing, down or removed is no error: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A setting is out of its bounds.
    #[error("capture.{key} is {value}; it must be from {least} to {most}")]
    Config {
        /// Key in the section `capture`.
        key: &'static str,
        /// What it is.
        value: u64,
        /// What it may be at least.
        least: u64,
        /// What it may be at most.
        most: u64,
    },
    /// The filter is none.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The process may not capture.
    #[error(
        "{interface}: capturing needs the capability CAP_NET_RAW: run as root, as the systemd unit does, or after \
         `setcap cap_net_raw+ep` on the program"
    )]
    Permission {
        /// Name of the interface.
        interface: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused a step.
    #[error("{interface}: cannot {step}")]
    System {
        /// Name of the interface.
        interface: String,
        /// What was to be done.
        step: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// libpcap refused.
    #[error("{interface}: {reason}")]
    Pcap {
        /// Name of the interface.
        interface: String,
        /// What libpcap said.
        reason: String,
    },
    /// Frames of this hardware begin with nothing that the decoder knows.
    #[error(
        "{interface}: frames of hardware type {hardware} are read by libpcap only: set capture.backend to \"libpcap\""
    )]
    Hardware {
        /// Name of the interface.
        interface: String,
        /// Hardware type (`ARPHRD_*`).
        hardware: u16,
    },
    /// The interface was removed more often than there were sockets opened ahead.
    #[error("{interface}: was removed too often: start again, so that new sockets can be opened")]
    NoSocketLeft {
        /// Name of the interface.
        interface: String,
    },
    /// This system has no such backend.
    #[error("capture.backend \"af_packet\" is one of Linux: use \"libpcap\"")]
    NotLinux,
}
