//! Flow records as CSV: Argus (CTU's binetflow), CICFlowMeter, nfdump. The names of the header say what the columns are; a line becomes a
//! row with Zeek's columns.

use std::borrow::Cow;

use super::argus;
use super::column::Column;
use super::row::{BadLine, Row};
use super::value;

/// What a column of the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// What Zeek's column holds.
    Same(Column),
    /// A date and time.
    Start,
    /// A length of time in microseconds.
    Micros,
    /// Argus: `->`, `<-`, `<->`, `<?>`.
    Direction,
    /// Argus: flags or a word.
    State,
    /// Both ends together, of which the originator's part is told beside.
    Total(Part),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Packets,
    FrameBytes,
}

/// What programs call their columns: lower case, letters and digits only.
const NAMES: &[(&[&str], Field)] = {
    use Column as C;
    use Field::{Direction, Micros, Same, Start, State, Total};
    &[
        (&["starttime", "stime", "timestamp", "ts", "firstseen", "datefirstseen"], Start),
        (&["dur", "td", "duration"], Same(C::Duration)),
        (&["flowduration"], Micros),
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

/// The header of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Csv {
    fields: Vec<Option<Field>>,
}

impl Csv {
    /// Reads a header; nothing for a line that does not name time, protocol and both addresses.
    pub(super) fn of_header(line: &str) -> Option<Self> {
        let fields: Vec<Option<Field>> = cells(line)?.iter().map(|name| field(name)).collect();
        let has = |field| fields.contains(&Some(field));
        let ends = [Column::OrigH, Column::RespH, Column::Proto].map(Field::Same);
        (has(Field::Start) && ends.into_iter().all(has)).then_some(Self { fields })
    }

    /// Whether the header names this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.fields.contains(&Some(Field::Same(column)))
    }

    /// Reads a line of values.
    pub(super) fn row<'a>(&self, line: &'a str) -> Result<Row<'a>, BadLine> {
        let cells = cells(line).ok_or(BadLine::Columns { found: 0, expected: self.fields.len() })?;
        if cells.len() != self.fields.len() {
            return Err(BadLine::Columns { found: cells.len(), expected: self.fields.len() });
        }
        let mut row = Row::new(',');
        let (mut packets, mut bytes) = (None, None);
        let (mut direction, mut state) = (Cow::Borrowed(""), Cow::Borrowed(""));
        for (field, cell) in self.fields.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            match field {
                None => {}
                Some(Field::Same(column)) => row.set(*column, cell),
                Some(Field::Start) => row.set(Column::Ts, start(cell)?),
                Some(Field::Micros) => row.set(Column::Duration, micros(&cell)?),
                Some(Field::Direction) => direction = cell,
                Some(Field::State) => state = cell,
                Some(Field::Total(Part::Packets)) => packets = value::count(&cell),
                Some(Field::Total(Part::FrameBytes)) => bytes = value::count(&cell),
            }
        }
        share(&mut row, bytes, [Column::OrigFrameBytes, Column::RespFrameBytes])?;
        share(&mut row, packets, [Column::OrigPkts, Column::RespPkts])?;
        if let (Some(packets), None) = (packets, row.text(Column::OrigPkts)) {
            row.set(Column::TotPkts, Cow::Owned(packets.to_string()));
        }
        argus::settle(&mut row, &direction, &state);
        Ok(row)
    }
}

/// What a column of this name holds.
fn field(name: &str) -> Option<Field> {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, field)| *field)
}

/// The cells of a line, without the spaces around them.
fn cells(line: &str) -> Option<Vec<Cow<'_, str>>> {
    if !line.contains('"') {
        return Some(line.split(',').map(|cell| Cow::Borrowed(cell.trim())).collect());
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(|cell| Cow::Owned(cell.trim().to_owned())).collect())
}

/// Gives the responder what the originator has not of a total.
fn share(row: &mut Row<'_>, total: Option<u64>, [orig, resp]: [Column; 2]) -> Result<(), BadLine> {
    if let (Some(total), Some(part), None) = (total, row.count(orig)?, row.text(resp)) {
        row.set(resp, Cow::Owned(total.saturating_sub(part).to_string()));
    }
    Ok(())
}

/// A start as seconds since 1970: as Zeek writes it, or a date and time without a zone, which is taken for UTC.
fn start(cell: Cow<'_, str>) -> Result<Cow<'_, str>, BadLine> {
    if value::time(&cell).is_some() {
        return Ok(cell);
    }
    let bad = || BadLine::Value { column: "ts", value: cell.chars().take(60).collect(), expected: "a time" };
    let at = value::civil_time(&cell).ok_or_else(bad)?;
    let (seconds, nanos) = (at.as_secs(), at.as_nanos().rem_euclid(1_000_000_000));
    Ok(Cow::Owned(format!("{seconds}.{nanos:09}")))
}

/// Microseconds as seconds. CICFlowMeter writes negative ones where its clock was set back.
fn micros(cell: &str) -> Result<Cow<'static, str>, BadLine> {
    let bad = || BadLine::Value {
        column: "duration",
        value: cell.chars().take(60).collect(),
        expected: "a number of microseconds",
    };
    let micros: f64 = cell.parse().ok().filter(|micros: &f64| micros.is_finite()).ok_or_else(bad)?;
    Ok(Cow::Owned(format!("{:.6}", micros.max(0.0) / 1e6)))
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
            ["1499441405.000000000", "1.500000", "192.168.10.5", "6", "2", "12", "6.0"]
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
    fn quoted_cells_and_other_files() {
        let row = read("ts,proto,srcip,dstip,label", r#"1.5,tcp,10.0.0.1,"192.0.2.1","a, b""#);
        assert_eq!(texts(&row, &[Column::RespH, Column::Label]), ["192.0.2.1", "a, b"]);
        for header in ["", "a,b,c", "ts,proto,srcip", "time since,protocol"] {
            assert_eq!(Csv::of_header(header), None, "{header}");
        }
        let csv = Csv::of_header("ts,proto,srcip,dstip").unwrap();
        assert_eq!(csv.row("1,tcp").unwrap_err(), BadLine::Columns { found: 2, expected: 4 });
        assert!(csv.row("never,tcp,10.0.0.1,10.0.0.2").unwrap_err().to_string().contains("is not a time"));
    }
}
