//! What Argus means by direction, state and port (ra(1)).

use std::borrow::Cow;

use super::column::Column;
use super::flags;
use super::row::Row;
use crate::decode::TcpFlags;

/// Ports below are those of servers, where nothing else tells who began.
const SERVER_PORTS: u16 = 1024;

/// Brings the cells of a row to Zeek's meaning: the originator first, ports as numbers, a state.
pub(super) fn settle(row: &mut Row<'_>, direction: &str, state: &str) {
    let is_icmp = row.text(Column::Proto).is_some_and(|proto| proto.to_ascii_lowercase().contains("icmp"));
    let ports = [Column::OrigP, Column::RespP].map(|column| row.text(column).and_then(port));
    let [orig, resp] = if is_icmp { icmp_ports(ports[0]) } else { ports };
    for (column, port) in [(Column::OrigP, orig), (Column::RespP, resp)] {
        row.clear(column);
        if let Some(port) = port {
            row.set(column, Cow::Owned(port.to_string()));
        }
    }
    if let Some(state) = conn_state(state) {
        row.set(Column::ConnState, Cow::Borrowed(state));
    }
    let server_first = !is_icmp
        && orig.is_some_and(|port| port < SERVER_PORTS)
        && resp.is_some_and(|port| port >= SERVER_PORTS);
    if direction == "<-" || direction.contains('?') && server_first {
        turn(row);
    }
}

/// Makes the second end of a row the originator.
pub(super) fn turn(row: &mut Row<'_>) {
    for (one, other) in [
        (Column::OrigH, Column::RespH),
        (Column::OrigP, Column::RespP),
        (Column::OrigPkts, Column::RespPkts),
        (Column::OrigBytes, Column::RespBytes),
        (Column::OrigIpBytes, Column::RespIpBytes),
        (Column::OrigFrameBytes, Column::RespFrameBytes),
    ] {
        row.swap(one, other);
    }
}

/// A port: decimal, or hexadecimal as `0x0050`.
fn port(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Type and code of ICMP, which Argus writes into one port: the type is the lower byte.
fn icmp_ports(port: Option<u16>) -> [Option<u16>; 2] {
    [port.map(|port| port & 0xff), port.map(|port| port >> 8)]
}

/// Zeek's state of Argus's: for TCP the flags that each end sent, `FSPA_FSPA`; words for other protocols.
fn conn_state(state: &str) -> Option<&'static str> {
    match state.split_once('_') {
        Some((orig, resp)) => {
            Some(flags::state_of(sent(orig), Some(sent(resp)).filter(|_| !resp.is_empty())).name())
        }
        None => match state {
            "CON" | "ECO" | "ACC" => Some("SF"),
            "INT" | "REQ" => Some("S0"),
            _ => None,
        },
    }
}

/// The flags of their letters.
fn sent(letters: &str) -> TcpFlags {
    let bit = |letter: char| match letter {
        'F' => TcpFlags::FIN,
        'S' => TcpFlags::SYN,
        'R' => TcpFlags::RST,
        _ => 0,
    };
    TcpFlags(letters.chars().fold(0, |all, letter| all | bit(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_zeeks() {
        for (argus, zeek) in [
            ("S_", Some("S0")),
            ("S_RA", Some("REJ")),
            ("FSPA_FSPA", Some("SF")),
            ("FSRPA_FSPA", Some("RSTO")),
            ("SPA_SRPA", Some("RSTR")),
            ("SPA_SPA", Some("S1")),
            ("FSPA_SPA", Some("S2")),
            ("SPA_FSPA", Some("S3")),
            ("SR_", Some("RSTOS0")),
            ("FS_", Some("SH")),
            ("PA_PA", Some("OTH")),
            ("CON", Some("SF")),
            ("INT", Some("S0")),
            ("URP", None),
            ("", None),
        ] {
            assert_eq!(conn_state(argus), zeek, "{argus}");
        }
    }

    fn settled(cells: &[(Column, &'static str)], direction: &str) -> Vec<String> {
        let mut row = Row::new(',');
        for (column, cell) in cells {
            row.set(*column, Cow::Borrowed(cell));
        }
        settle(&mut row, direction, "");
        let columns = [Column::OrigH, Column::OrigP, Column::RespH, Column::RespP, Column::OrigPkts];
        columns.iter().map(|column| row.text(*column).unwrap_or("-").to_owned()).collect()
    }

    #[test]
    fn the_originator_comes_first() {
        use Column::{OrigH, OrigP, OrigPkts, Proto, RespH, RespP};
        let ends = [(Proto, "tcp"), (OrigH, "a"), (RespH, "b"), (OrigPkts, "7")];
        let check = |orig: &'static str, resp: &'static str, direction: &str, expected: [&str; 5]| {
            let cells = [&ends[..], &[(OrigP, orig), (RespP, resp)]].concat();
            assert_eq!(settled(&cells, direction), expected, "{orig} {direction} {resp}");
        };
        check("5000", "0x0050", "->", ["a", "5000", "b", "80", "7"]);
        check("443", "5000", "->", ["a", "443", "b", "5000", "7"]);
        check("443", "5000", "<?>", ["b", "5000", "a", "443", "-"]);
        check("5000", "6000", "<?>", ["a", "5000", "b", "6000", "7"]);
        check("5000", "6000", "<-", ["b", "6000", "a", "5000", "-"]);
        let icmp = [(Proto, "icmp"), (OrigH, "a"), (RespH, "b"), (OrigP, "0x0403"), (RespP, "0x7208")];
        assert_eq!(settled(&icmp, "->"), ["a", "3", "b", "4", "-"]);
    }
}
