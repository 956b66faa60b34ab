//! Names for what inputs begin with and for link types, for messages.

use std::fmt;

use super::LinkType;

/// What an input of unknown format begins with, and what its user can do about it.
pub(super) fn explain_unknown(head: &[u8]) -> (String, &'static str) {
    const KNOWN: [(&[u8], &str, &str); 7] = [
        (b"BZh", "it is a bzip2 file", "unpack it with bunzip2 or repack it as .gz or .zst"),
        (b"\xfd7zXZ\0", "it is an xz file", "unpack it with unxz or repack it as .gz or .zst"),
        (b"\x04\x22\x4d\x18", "it is an lz4 file", "unpack it with unlz4 or repack it as .gz or .zst"),
        (b"PK\x03\x04", "it is a zip archive", "unpack it and pass the captures in it"),
        (b"snoop\0\0\0", "it is a snoop capture", "convert it with editcap -F pcapng"),
        (b"TRSNIFF data", "it is a Sniffer capture", "convert it with editcap -F pcapng"),
        (b"GMBU", "it is a Network Monitor capture", "convert it with editcap -F pcapng"),
    ];
    const ADVICE: &str =
        "only pcap and pcapng are read, also as .gz and .zst: convert other captures with editcap -F pcapng";
    if head.is_empty() {
        return ("it is empty".to_owned(), "nothing was captured, or the capture was not yet written");
    }
    if let Some((_, what, advice)) = KNOWN.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return ((*what).to_owned(), advice);
    }
    let start: Vec<u8> = head.iter().copied().take(8).collect();
    (format!("it begins with \"{}\", which no capture file does", start.escape_ascii()), ADVICE)
}

impl LinkType {
    /// The name that the tcpdump group gave to the common ones.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NULL",
            1 => "ETHERNET",
            8 => "SLIP",
            9 => "PPP",
            50 => "PPP_HDLC",
            51 => "PPP_ETHER",
            101 => "RAW",
            104 => "C_HDLC",
            105 => "IEEE802_11",
            107 => "FRELAY",
            108 => "LOOP",
            113 => "LINUX_SLL",
            119 => "IEEE802_11_PRISM",
            127 => "IEEE802_11_RADIOTAP",
            147..=162 => "USER",
            189 => "USB_LINUX",
            192 => "PPI",
            195 => "IEEE802_15_4",
            220 => "USB_LINUX_MMAPPED",
            228 => "IPV4",
            229 => "IPV6",
            239 => "NFLOG",
            276 => "LINUX_SLL2",
            _ => return None,
        })
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "link type {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_is() {
        let check = |head: &[u8], reason: &str| assert_eq!(explain_unknown(head).0, reason);
        check(b"", "it is empty");
        check(b"BZh91AY", "it is a bzip2 file");
        check(b"this is\nno capture", "it begins with \"this is\\n\", which no capture file does");
        assert_eq!(LinkType(1).to_string(), "ETHERNET (1)");
        assert_eq!(LinkType(65_000).to_string(), "link type 65000");
    }
}
