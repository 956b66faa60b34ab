//! Flow records as CSV: Argus (CTU's binetflow), CICFlowMeter, nfdump, or any that a [`ColumnMap`] describes. The names of the header say what the
//! columns are; a line becomes a row with Zeek's columns.

use std::borrow::Cow;

use super::argus;
use super::column::Column;
use super::columns::{ColumnMap, Place};
use super::conn::proto_number;
use super::instant::{TimeForm, Unit, seconds_text, time_text};
use super::row::{BadLine, Row};
use super::value;
use crate::decode::proto;
use crate::flow::server_is_first;
use crate::time::{Span, Timestamp};

/// What a column of the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// What Zeek's column holds.
    Same(Column),
    /// When the flow began.
    Start,
    /// When it ended.
    End,
    /// How long it lasted.
    Length(Unit),
    /// Argus: `->`, `<-`, `<->`, `<?>`.
    Direction,
    /// Argus: flags or a word.
    State,
    /// Both ends together, of which the originator's part is told beside.
    Total(Part),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Packets,
    FrameBytes,
}

/// How much longer a flow may be than from its start to its end, where these are rounded.
const WHOLE_SECONDS: Span = Span::from_secs(1);

/// What programs call their columns: lower case, letters and digits only.
const NAMES: &[(&[&str], Field)] = {
    use Column as C;
    use Field::{Direction, End, Length, Same, Start, State, Total};
    &[
        (&["starttime", "stime", "timestamp", "ts", "firstseen", "datefirstseen"], Start),
        (&["te"], End),
        (&["dur", "td", "duration"], Same(C::Duration)),
        (&["flowduration"], Length(Unit::Micros)),
        (&["proto", "protocol", "pr"], Same(C::Proto)),
        (&["srcaddr", "saddr", "srcip", "sourceip", "sa", "srcipaddr"], Same(C::OrigH)),
        (&["dstaddr", "daddr", "dstip", "destinationip", "da", "dstipaddr"], Same(C::RespH)),
        (&["sport", "srcport", "sourceport", "sp", "srcpt"], Same(C::OrigP)),
        (&["dport", "dstport", "destinationport", "dp", "dstpt"], Same(C::RespP)),
        (&["dir", "direction"], Direction),
        (&["state"], State),
        (&["totpkts", "pkts", "packets"], Total(Part::Packets)),
        (&["totbytes", "bytes"], Total(Part::FrameBytes)),
        (&["srcpkts", "spkts", "totfwdpkts", "totalfwdpackets", "totalfwdpacket", "ipkt"], Same(C::OrigPkts)),
        (
            &["dstpkts", "dpkts", "totbwdpkts", "totalbackwardpackets", "totalbwdpackets", "opkt"],
            Same(C::RespPkts),
        ),
        (&["srcbytes", "sbytes"], Same(C::OrigFrameBytes)),
        (&["dstbytes", "dbytes"], Same(C::RespFrameBytes)),
        (&["ibyt"], Same(C::OrigIpBytes)),
        (&["obyt"], Same(C::RespIpBytes)),
        (
            &["sappbytes", "totlenfwdpkts", "totallengthoffwdpackets", "totallengthoffwdpacket"],
            Same(C::OrigBytes),
        ),
        (
            &["dappbytes", "totlenbwdpkts", "totallengthofbwdpackets", "totallengthofbwdpacket"],
            Same(C::RespBytes),
        ),
        (&["label"], Same(C::Label)),
        (&["detailedlabel"], Same(C::DetailedLabel)),
    ]
};

/// What the columns of a file are.
#[derive(Clone, Debug)]
pub(super) struct Csv {
    fields: Vec<Option<Field>>,
    /// What the file calls them; nothing where it has no header.
    names: Vec<String>,
    separator: char,
    form: TimeForm,
    /// Whether a row may hold both directions, as nfdump joins them, of which nobody knows which was first.
    joined: bool,
    /// Whether all flows are read, and a summary follows.
    over: bool,
}

impl Csv {
    /// Reads a header; nothing for a line that does not name time, protocol and both addresses.
    pub(super) fn of_header(line: &str) -> Option<Self> {
        let names: Vec<String> = cells(line, ',')?.into_iter().map(Cow::into_owned).collect();
        let fields: Vec<Option<Field>> = names.iter().map(|name| field(name)).collect();
        let has = |field| fields.contains(&Some(field));
        let ends = [Column::OrigH, Column::RespH, Column::Proto].map(Field::Same);
        let is_flows = has(Field::Start) && ends.into_iter().all(has);
        let joined = has(Field::Same(Column::OrigIpBytes)) && has(Field::Same(Column::RespIpBytes));
        is_flows.then_some(Self {
            fields,
            names,
            separator: ',',
            form: TimeForm::Any(0),
            joined,
            over: false,
        })
    }

    /// The columns of a file that begins with this line, as a map has them.
    ///
    /// # Errors
    /// The column that the map names and the file lacks.
    pub(super) fn of_map(map: &ColumnMap, first_line: &str) -> Result<Self, String> {
        let first = cells(first_line, map.separator).unwrap_or_default();
        let names: Vec<String> =
            if map.has_header { first.iter().map(ToString::to_string).collect() } else { Vec::new() };
        let mut fields = vec![None; first.len()];
        for (place, field) in &map.fields {
            let index = match place {
                Place::Named(name) => names.iter().position(|own| own == name),
                Place::Numbered(number) => number.checked_sub(1),
            };
            let field = match field {
                Field::Length(_) => Field::Length(map.duration),
                other => *other,
            };
            match index.and_then(|index| fields.get_mut(index)) {
                Some(slot) => *slot = Some(field),
                None => return Err(missing(place, &names, first.len())),
            }
        }
        Ok(Self {
            fields,
            names,
            separator: map.separator,
            form: map.form.clone(),
            joined: false,
            over: false,
        })
    }

    /// Whether the header names this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.fields.contains(&Some(Field::Same(column)))
    }

    /// Whether the first line names the columns.
    pub(super) fn has_header(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether a line, or one before it, begins what nfdump writes behind the flows.
    pub(super) fn is_over(&mut self, line: &str) -> bool {
        self.over |= line == "Summary" && self.fields.len() > 1;
        self.over
    }

    /// Reads a line of values.
    pub(super) fn row<'a>(&self, line: &'a str) -> Result<Row<'a>, BadLine> {
        let expected = self.fields.len();
        let cells = cells(line, self.separator).ok_or(BadLine::Columns { found: 0, expected })?;
        if cells.len() != expected {
            return Err(BadLine::Columns { found: cells.len(), expected });
        }
        let mut row = Row::new(',');
        let (mut packets, mut bytes) = (None, None);
        let (mut start, mut end) = (None, None);
        let (mut direction, mut state) = (Cow::Borrowed(""), Cow::Borrowed(""));
        for (field, cell) in self.fields.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            match field {
                None => {}
                Some(Field::Same(column)) => row.set(*column, cell),
                Some(Field::Start) => start = Some(self.time("ts", &cell)?),
                Some(Field::End) => end = Some(self.time("end", &cell)?),
                Some(Field::Length(unit)) => row.set(Column::Duration, length(*unit, &cell)?),
                Some(Field::Direction) => direction = cell,
                Some(Field::State) => state = cell,
                Some(Field::Total(Part::Packets)) => packets = value::count(&cell),
                Some(Field::Total(Part::FrameBytes)) => bytes = value::count(&cell),
            }
        }
        // nfdump takes one for the other where softflowd exports IPFIX, and its length of time is one below zero, without a sign.
        let swapped = start > end && end.is_some();
        let (start, end) = if swapped { (end, start) } else { (start, end) };
        if let Some(start) = start {
            row.set(Column::Ts, time_text(start));
        }
        if let (Some(start), Some(end)) = (start, end) {
            let fits = |told: Span| !swapped && told <= end - (start - WHOLE_SECONDS);
            if !row.text(Column::Duration).and_then(value::seconds).is_some_and(fits) {
                row.set(Column::Duration, seconds_text(end - start));
            }
        }
        share(&mut row, bytes, [Column::OrigFrameBytes, Column::RespFrameBytes])?;
        share(&mut row, packets, [Column::OrigPkts, Column::RespPkts])?;
        if let (Some(packets), None) = (packets, row.text(Column::OrigPkts)) {
            row.set(Column::TotPkts, Cow::Owned(packets.to_string()));
        }
        argus::settle(&mut row, &direction, &state);
        if self.joined && server_is_first_of(&row) {
            argus::turn(&mut row);
        }
        Ok(row)
    }

    fn time(&self, column: &'static str, cell: &str) -> Result<Timestamp, BadLine> {
        self.form.read(cell).ok_or_else(|| BadLine::of_value(column, cell, "a time"))
    }

    /// What is wrong with a line, in the file's own words for its columns.
    pub(super) fn in_its_words(&self, bad: BadLine) -> BadLine {
        let own = |column: &str| {
            let is_it = |field: &Option<Field>| match field {
                Some(Field::Same(same)) => same.name() == column,
                Some(Field::Start) => column == Column::Ts.name(),
                Some(Field::End) => column == "end",
                Some(Field::Length(_)) => column == Column::Duration.name(),
                _ => false,
            };
            let index = self.fields.iter().position(is_it)?;
            Some(self.names.get(index).cloned().unwrap_or_else(|| format!("column {}", index + 1)))
        };
        match bad {
            BadLine::Value { column, value, expected } => {
                BadLine::Value { column: own(&column).unwrap_or(column), value, expected }
            }
            BadLine::Missing(column) => BadLine::Missing(own(&column).unwrap_or(column)),
            other => other,
        }
    }
}

/// What to say of a column that a map names and a file lacks.
fn missing(place: &Place, names: &[String], count: usize) -> String {
    match place {
        Place::Named(name) => format!("there is no column {name:?}; there are {}", names.join(", ")),
        Place::Numbered(number) => format!("there is no column {number}; there are {count}"),
    }
}

/// What a column of this name holds.
fn field(name: &str) -> Option<Field> {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, field)| *field)
}

/// The cells of a line, without the spaces around them.
fn cells(line: &str, separator: char) -> Option<Vec<Cow<'_, str>>> {
    if !line.contains('"') {
        return Some(line.split(separator).map(|cell| Cow::Borrowed(cell.trim())).collect());
    }
    let delimiter = u8::try_from(separator).ok()?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(|cell| Cow::Owned(cell.trim().to_owned())).collect())
}

/// Whether both ends of a row sent, and the first one is rather the server.
fn server_is_first_of(row: &Row<'_>) -> bool {
    let number = row.text(Column::Proto).map(|name| proto_number(name, true));
    let answered = row.text(Column::RespPkts).and_then(value::count).is_some_and(|packets| packets > 0);
    let port = |column| row.text(column).and_then(|port| port.parse().ok());
    match (number, port(Column::OrigP), port(Column::RespP)) {
        (Some(number @ (proto::TCP | proto::UDP)), Some(orig), Some(resp)) => {
            answered && server_is_first(number, [orig, resp])
        }
        _ => false,
    }
}

/// Gives the responder what the originator has not of a total.
fn share(row: &mut Row<'_>, total: Option<u64>, [orig, resp]: [Column; 2]) -> Result<(), BadLine> {
    if let (Some(total), Some(part), None) = (total, row.count(orig)?, row.text(resp)) {
        row.set(resp, Cow::Owned(total.saturating_sub(part).to_string()));
    }
    Ok(())
}

/// A length of time as seconds. CICFlowMeter writes negative ones where its clock was set back.
fn length(unit: Unit, cell: &str) -> Result<Cow<'static, str>, BadLine> {
    unit.span(cell).map(seconds_text).ok_or_else(|| BadLine::of_value("duration", cell, "a length of time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(header: &str, line: &'a str) -> Row<'a> {
        Csv::of_header(header).unwrap().row(line).unwrap()
    }

    fn texts(row: &Row<'_>, columns: &[Column]) -> Vec<String> {
        columns.iter().map(|column| row.text(*column).unwrap_or("-").to_owned()).collect()
    }

    const BINETFLOW: &str =
        "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label";

    #[test]
    fn binetflow_becomes_zeeks_columns() {
        use Column::{ConnState, Duration, Label, OrigFrameBytes, OrigH, RespFrameBytes, RespP, TotPkts, Ts};
        let row = read(
            BINETFLOW,
            "2011/08/10 09:46:53.047277,3550.182373,udp,212.50.71.179,39678,  <->,147.32.84.229,13363,CON,0,0,12,875,413,flow=Background",
        );
        assert_eq!(
            texts(
                &row,
                &[Ts, Duration, OrigH, RespP, TotPkts, OrigFrameBytes, RespFrameBytes, ConnState, Label]
            ),
            [
                "1312969613.047277000",
                "3550.182373",
                "212.50.71.179",
                "13363",
                "12",
                "413",
                "462",
                "SF",
                "flow=Background"
            ]
        );
        let line = "2019/04/04 16:23:00.325010,0.0,udp,10.8.0.69,48427,  <->,8.8.8.8,53,CON,0,0,2,142,63,1,";
        let with_packets = BINETFLOW.replace("SrcBytes,", "SrcBytes,SrcPkts,");
        assert_eq!(texts(&read(&with_packets, line), &[Column::OrigPkts, Column::RespPkts]), ["1", "1"]);
    }

    #[test]
    fn cic_flows_become_zeeks_columns() {
        use Column::{Duration, OrigBytes, OrigH, OrigPkts, Proto, RespBytes, Ts};
        let row = read(
            "Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp, Flow Duration, Total Fwd Packets, \
             Total Backward Packets,Total Length of Fwd Packets, Total Length of Bwd Packets, Flow Bytes/s, Label",
            "x,192.168.10.5,54865,104.16.207.165,443,6,07/07/2017 03:30:05 PM,1500000,2,1,12,6.0,Infinity,BENIGN",
        );
        assert_eq!(
            texts(&row, &[Ts, Duration, OrigH, Proto, OrigPkts, OrigBytes, RespBytes]),
            ["1499441405.000000000", "1.500000000", "192.168.10.5", "6", "2", "12", "6.0"]
        );
    }

    #[test]
    fn nfdumps_export_becomes_zeeks_columns() {
        let row = read(
            "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt",
            "2024-01-01 00:00:01,2024-01-01 00:00:03,2.000,10.0.0.1,192.0.2.1,5000,443,TCP,...AP.SF,0,0,10,1200,8,9000",
        );
        assert_eq!(
            texts(&row, &[Column::Ts, Column::OrigIpBytes, Column::RespPkts, Column::RespIpBytes]),
            ["1704067201.000000000", "1200", "8", "9000"]
        );
    }

    #[test]
    fn an_end_before_the_start_is_the_start() {
        let check = |line: &str, expected: [&str; 2]| {
            assert_eq!(texts(&read("ts,te,td,sa,da,pr", line), &[Column::Ts, Column::Duration]), expected);
        };
        check("10,12,1.250,10.0.0.1,192.0.2.1,TCP", ["10.000000000", "1.250"]);
        check("10,12,2.999,10.0.0.1,192.0.2.1,TCP", ["10.000000000", "2.999"]);
        check("12,10,18446744073709549.000,10.0.0.1,192.0.2.1,TCP", ["10.000000000", "2.000000000"]);
        check("12,12,18446744073709551.000,10.0.0.1,192.0.2.1,TCP", ["12.000000000", "0.000000000"]);
    }

    #[test]
    fn of_two_directions_that_nfdump_joined_the_client_is_told_by_the_ports() {
        let check = |ports: &str, proto: &str, back: u8, expected: [&str; 3]| {
            let line = format!("2024-01-01 00:00:01,10.0.0.1,192.0.2.1,{ports},{proto},10,1200,{back},0");
            let row = read("ts,sa,da,sp,dp,pr,ipkt,ibyt,opkt,obyt", &line);
            assert_eq!(texts(&row, &[Column::OrigH, Column::RespP, Column::OrigPkts]), expected, "{line}");
        };
        check("4433,6642", "TCP", 8, ["192.0.2.1", "4433", "8"]);
        check("6642,4433", "TCP", 8, ["10.0.0.1", "4433", "10"]);
        check("8080,6642", "TCP", 8, ["192.0.2.1", "8080", "8"]);
        check("53,40000", "UDP", 1, ["192.0.2.1", "53", "1"]);
        check("4433,6642", "TCP", 0, ["10.0.0.1", "6642", "10"]);
        check("0,8", "ICMP", 3, ["10.0.0.1", "0", "10"]);
    }

    #[test]
    fn quoted_cells_and_other_files() {
        let row = read("ts,proto,srcip,dstip,label", r#"1.5,tcp,10.0.0.1,"192.0.2.1","a, b""#);
        assert_eq!(texts(&row, &[Column::RespH, Column::Label]), ["192.0.2.1", "a, b"]);
        for header in ["", "a,b,c", "ts,proto,srcip", "time since,protocol"] {
            assert!(Csv::of_header(header).is_none(), "{header}");
        }
        let csv = Csv::of_header("ts,proto,srcip,dstip").unwrap();
        assert_eq!(csv.row("1,tcp").unwrap_err(), BadLine::Columns { found: 2, expected: 4 });
        assert!(csv.row("never,tcp,10.0.0.1,10.0.0.2").unwrap_err().to_string().contains("is not a time"));
    }

    fn map(text: &str) -> ColumnMap {
        ColumnMap::parse(text).unwrap()
    }

    #[test]
    fn a_map_says_what_the_columns_are() {
        use Column::{Duration, OrigH, OrigIpBytes, Proto, RespH, RespP, Ts};
        let map = map(
            "separator = \";\"\ntime = \"ms\"\nduration = \"us\"\n[columns]\nts = \"begin\"\nduration = \"us\"\nsrc = \"client\"\n\
             dst = \"server\"\nproto = \"p\"\ndport = \"port\"\nsrc_ip_bytes = \"up\"",
        );
        let csv = Csv::of_map(&map, "begin;us;client;server;port;p;up;note").unwrap();
        let row = csv.row("1700000000250;1500000;10.0.0.1;192.0.2.1;443;tcp;900;x").unwrap();
        assert_eq!(
            texts(&row, &[Ts, Duration, OrigH, RespH, RespP, Proto, OrigIpBytes]),
            ["1700000000.250000000", "1.500000000", "10.0.0.1", "192.0.2.1", "443", "tcp", "900"]
        );
        let missing = Csv::of_map(&map, "begin;us;client;server;p;up").unwrap_err();
        assert_eq!(missing, "there is no column \"port\"; there are begin, us, client, server, p, up");
        let bad = csv.in_its_words(csv.row("soon;1;10.0.0.1;192.0.2.1;443;tcp;900;x").unwrap_err());
        assert!(bad.to_string().starts_with("begin \"soon\" is not a time"), "{bad}");
    }

    #[test]
    fn a_map_may_count_columns_and_have_ends_instead_of_lengths() {
        let map = map("header = false\n[columns]\nts = 1\nend = 2\nsrc = 3\ndst = 4\nproto = 5");
        let first = "1.5,4.0,10.0.0.1,192.0.2.1,6";
        let csv = Csv::of_map(&map, first).unwrap();
        assert!(!csv.has_header());
        assert_eq!(
            texts(&csv.row(first).unwrap(), &[Column::Ts, Column::Duration]),
            ["1.500000000", "2.500000000"]
        );
        assert_eq!(Csv::of_map(&map, "1,2,3").unwrap_err(), "there is no column 4; there are 3");
        let bad = csv.in_its_words(csv.row("1.5,never,10.0.0.1,192.0.2.1,6").unwrap_err());
        assert!(bad.to_string().starts_with("column 2 \"never\" is not a time"), "{bad}");
    }

    #[test]
    fn what_nfdump_writes_behind_the_flows_is_none() {
        let mut csv = Csv::of_header("ts,pr,sa,da").unwrap();
        assert!(!csv.is_over("1,tcp,10.0.0.1,192.0.2.1"));
        assert!(csv.is_over("Summary") && csv.is_over("flows,bytes,packets") && csv.is_over("1,2,3"));
    }
}
