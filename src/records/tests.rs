//! Logs as a timeline, from files to records.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::flow::{FlowRecord, Unseen, uid_text};
use crate::seed::Seed;

const HEADER: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n";
const CONN: &str = "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\
    \tconn_state\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n";

/// A line of `conn.log`.
fn conn(ts: f64, uid: &str, duration: f64, service: &str) -> String {
    format!(
        "{ts:.6}\t{uid}\t10.0.0.1\t50000\t192.0.2.7\t443\ttcp\t{service}\t{duration:.6}\t500\t900\tSF\t0\tShADadFf\t9\t980\t8\t1320\n"
    )
}

fn conn_log(lines: &[String]) -> String {
    format!("{HEADER}#path\tconn\n{CONN}{}", lines.concat())
}

fn ssl_log(lines: &str) -> String {
    let fields = "#fields\tts\tuid\tid.orig_h\tid.resp_h\tversion\tserver_name\testablished\n";
    format!("{HEADER}#path\tssl\n{fields}{lines}")
}

fn folder(files: &[(&str, String)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// All records of some inputs.
fn read(inputs: &[PathBuf]) -> (Vec<Record>, RecordTimeline) {
    let inputs = Inputs::of(inputs, None).unwrap();
    assert!(inputs.are_logs());
    let mut timeline = RecordTimeline::new(inputs.logs, Seed(1));
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while timeline.next_batch(&mut batch).unwrap() {
        all.append(&mut batch);
    }
    (all, timeline)
}

fn flows(records: &[Record]) -> Vec<&FlowRecord> {
    let flow = |record| match record {
        &Record { what: Told::Flow(_, ref report), .. } => Some(&report.record),
        _ => None,
    };
    records.iter().filter_map(flow).collect()
}

fn uids(records: &[Record]) -> Vec<String> {
    flows(records).iter().map(|flow| uid_text(flow.uid(Seed(1)))).collect()
}

fn at(dir: &TempDir, name: &str) -> PathBuf {
    dir.path().join(name)
}

#[test]
fn tls_over_datagrams_is_dtls() {
    let line = conn(100.0, "Ccall", 60.0, "-").replace("tcp", "udp").replace("ShADadFf", "Dd");
    let ssl = ssl_log("100.0\tCcall\t10.0.0.1\t192.0.2.7\tDTLSv12\t-\tT\n");
    let dir = folder(&[("conn.log", conn_log(&[line])), ("ssl.log", ssl)]);
    let (records, _) = read(&[at(&dir, "conn.log"), at(&dir, "ssl.log")]);
    let service = flows(&records)[0].app.as_ref().map(|app| app.service);
    assert_eq!(service, Some(crate::decode::app::Service::Stun));
}

#[test]
fn connections_come_in_the_order_of_their_ends() {
    let lines = [
        conn(100.0, "Clong", 900.0, "-"),
        conn(200.0, "Cshort", 1.0, "-"),
        conn(199.0, "Cearlier", 1.0, "-"),
        conn(200.5, "Cequal", 0.5, "-"),
    ];
    let dir = folder(&[("conn.log", conn_log(&lines))]);
    let (records, timeline) = read(&[at(&dir, "conn.log")]);
    assert_eq!(uids(&records), ["Cearlier", "Cshort", "Cequal", "Clong"]);
    assert_eq!((timeline.late(), timeline.stats().flows, timeline.stats().packets), (0, 4, 68));
    assert_eq!(timeline.bytes_read(), timeline.bytes_total().unwrap());
}

#[test]
fn rotated_logs_of_dated_folders_are_one_timeline() {
    let hour = |hour: u32, uid: &str| {
        let start = f64::from(hour) * 3600.0;
        // A connection of the hour before ends in this one.
        conn_log(&[
            conn(start - 1000.0, &format!("{uid}0"), 1001.0, "-"),
            conn(start + 9.0, &format!("{uid}1"), 1.0, "-"),
        ])
    };
    let dir = folder(&[
        ("2024-01-02/conn.00:00:00-01:00:00.log", hour(24, "Cc")),
        ("2024-01-01/conn.23:00:00-00:00:00.log", hour(23, "Cb")),
        ("2024-01-01/conn.22:00:00-23:00:00.log", hour(22, "Ca")),
        ("2024-01-01/.conn.log.swp", "x".to_owned()),
        ("2024-01-01/stats.log", format!("{HEADER}#path\tstats\n#fields\tts\tmem\n1.0\t7\n")),
        ("2024-01-01/notes.txt", "notes\n".to_owned()),
    ]);
    let inputs = Inputs::of(&[dir.path().to_owned()], None).unwrap();
    assert_eq!((inputs.logs.len(), inputs.other_logs.len(), inputs.unknown), (3, 1, 1));
    let (records, timeline) = read(&[dir.path().to_owned()]);
    assert_eq!(uids(&records), ["Ca0", "Ca1", "Cb0", "Cb1", "Cc0", "Cc1"]);
    assert_eq!(timeline.late(), 0);
}

#[test]
fn open_connections_count_once_and_unless_they_have_ended() {
    let open_log = |lines: &[String]| conn_log(lines).replace("#path\tconn", "#path\topen_conn");
    let dir = folder(&[
        ("conn.log", conn_log(&[conn(100.0, "Cended", 8000.0, "-"), conn(200.0, "Cother", 1.0, "-")])),
        (
            "open_conn.1.log",
            open_log(&[conn(100.0, "Cended", 3500.0, "-"), conn(50.0, "Copen", 3550.0, "-")]),
        ),
        (
            "open_conn.2.log",
            open_log(&[conn(100.0, "Cended", 7100.0, "-"), conn(50.0, "Copen", 7150.0, "ssl")]),
        ),
        (
            "open_ssl.log",
            ssl_log("60.0\tCopen\t10.0.0.1\t192.0.2.7\tTLSv13\tcdn.example\tT\n")
                .replace("#path\tssl", "#path\topen_ssl"),
        ),
    ]);
    let (records, timeline) = read(&[dir.path().to_owned()]);
    assert_eq!(uids(&records), ["Cother", "Copen", "Cended"]);
    let open = flows(&records)[1];
    assert!(open.unseen.has(Unseen::END) && !flows(&records)[2].unseen.has(Unseen::END));
    assert_eq!((open.last - open.first).as_nanos(), 7_150_000_000_000);
    assert_eq!(open.app.as_ref().and_then(|app| app.name.as_deref()), Some("cdn.example"));
    assert_eq!((timeline.late(), timeline.stats().flows), (0, 3));
}

#[test]
fn a_map_that_does_not_fit_a_file_is_told_with_the_files_columns() {
    let dir = folder(&[
        (
            "map.toml",
            "[columns]\nts = \"begin\"\nsrc = \"client\"\ndst = \"server\"\nproto = \"p\"\n".to_owned(),
        ),
        (
            "flows.csv",
            "begin,client,server,p\n100.5,10.0.0.1,192.0.2.7,tcp\n101,10.0.0.x,192.0.2.7,tcp\n".to_owned(),
        ),
        ("other.csv", "start,client,server,p\n100.5,10.0.0.1,192.0.2.7,tcp\n".to_owned()),
    ]);
    let map = std::sync::Arc::new(ColumnMap::load(&at(&dir, "map.toml")).unwrap());
    let inputs = Inputs::of(&[at(&dir, "flows.csv")], Some(&map)).unwrap();
    let mut timeline = RecordTimeline::new(inputs.logs, Seed(1));
    let mut batch = Vec::new();
    assert!(timeline.next_batch(&mut batch).unwrap());
    assert_eq!(flows(&batch)[0].first.as_nanos(), 100_500_000_000);
    let warnings: Vec<String> = timeline.stats().warnings.iter().map(ToString::to_string).collect();
    assert!(warnings[0].ends_with("line 3: client \"10.0.0.x\" is not an address"), "{warnings:?}");
    let refused = Inputs::of(&[at(&dir, "other.csv")], Some(&map)).unwrap_err().to_string();
    assert!(refused.ends_with("line 1: there is no column \"begin\"; there are start, client, server, p; the column map does not fit this file"), "{refused}");
}

#[test]
fn names_of_other_logs_are_joined_by_uid() {
    let lines = [
        conn(100.0, "Cnamed", 1.0, "ssl"),
        conn(100.0, "Csecret", 1.0, "ssl"),
        conn(100.0, "Cplain", 1.0, "-"),
        conn(100.0, "Clate", 1.0, "-"),
    ];
    let ssl = "100.1\tCnamed\t10.0.0.1\t192.0.2.7\tTLSv12\tWww.Example\tT\n\
               100.1\tCsecret\t10.0.0.1\t192.0.2.7\tTLSv12\t-\tT\n\
               100.1\tClate\t10.0.0.1\t192.0.2.7\t-\t-\tF\n";
    let dir = folder(&[("conn.log", conn_log(&lines)), ("ssl.log", ssl_log(ssl))]);
    let (records, _) = read(&[dir.path().to_owned()]);
    let app = |uid: &str| {
        let flow = *flows(&records).iter().find(|flow| uid_text(flow.uid(Seed(1))) == uid).unwrap();
        assert!(!flow.unseen.has(Unseen::NAMES));
        let app = flow.app.as_deref();
        app.map(|app| (app.service.name(), app.name.as_deref().unwrap_or_default(), app.hello_without_sni))
    };
    assert_eq!(app("Cnamed"), Some(("tls", "www.example", false)));
    assert_eq!(app("Csecret"), Some(("tls", "", true)));
    assert_eq!(app("Clate"), Some(("tls", "", false)), "a handshake of which too little was seen");
    assert_eq!(app("Cplain"), None);
}

#[test]
fn without_the_log_that_would_tell_names_nobody_knows_them() {
    let dir = folder(&[("conn.log", conn_log(&[conn(1.0, "Ca", 1.0, "ssl"), conn(2.0, "Cb", 1.0, "-")]))]);
    let (records, _) = read(&[at(&dir, "conn.log")]);
    let unseen: Vec<bool> = flows(&records).iter().map(|flow| flow.unseen.has(Unseen::NAMES)).collect();
    assert_eq!(unseen, [true, false]);
}

#[test]
fn json_of_all_logs_in_one_file_is_read_by_its_paths() {
    let ends = r#""uid":"Cj","id.orig_h":"10.0.0.1","id.orig_p":5,"id.resp_h":"192.0.2.7","id.resp_p":53,"proto":"udp""#;
    let text = format!(
        "{{\"_path\":\"weird\",\"ts\":\"2024-01-01T00:00:00Z\",{ends}}}\n\
         {{\"_path\":\"dns\",\"ts\":\"2024-01-01T00:00:00.5Z\",{ends},\"query\":\"a.example\",\"qtype\":1,\"rcode\":0}}\n\
         {{\"_path\":\"conn\",\"ts\":\"2024-01-01T00:00:00.25Z\",{ends},\"conn_state\":\"SF\",\"duration\":0.5}}\n"
    );
    let dir = folder(&[("all.json", text)]);
    let (records, timeline) = read(&[at(&dir, "all.json")]);
    let kinds: Vec<bool> = records.iter().map(|record| matches!(record.what, Told::Dns(_))).collect();
    assert_eq!(kinds, [true, true, false]);
    assert_eq!(timeline.stats().dns_messages, 2);
}

#[test]
fn damage_is_told_by_file_and_line_and_what_is_there_is_read() {
    let good = conn(1.0, "Cgood", 1.0, "-");
    let text = conn_log(&[
        good.clone(),
        "1.0\tCbad\n".to_owned(),
        good.replace("10.0.0.1", "10.0.0.300"),
        good.clone(),
        good.trim_end().chars().take(60).collect(),
    ]);
    let dir = folder(&[("conn.log", text)]);
    let (records, timeline) = read(&[at(&dir, "conn.log")]);
    assert_eq!(records.len(), 2);
    let stats = timeline.stats();
    assert_eq!((stats.skipped["bad_line"], stats.truncated_inputs), (2, 1));
    let warnings: Vec<String> = stats.warnings.iter().map(ToString::to_string).collect();
    for (warning, expected) in warnings.iter().zip([
        "conn.log: line 8: it has 2 columns, the header names 18",
        "conn.log: line 9: id.orig_h \"10.0.0.300\" is not an address",
        "conn.log: line 11: the log ends in the middle of a line",
    ]) {
        assert!(warning.ends_with(expected), "{warning}");
    }
    assert_eq!(warnings.len(), 3);
}

#[test]
fn concatenated_logs_take_their_newest_header() {
    let first = conn_log(&[conn(1.0, "Ca", 1.0, "-")]);
    let fields = "#fields\tuid\tts\tid.orig_h\tid.resp_h\tproto\n";
    let second = format!("{HEADER}#path\tconn\n{fields}Cb\t3.0\t10.0.0.1\t192.0.2.7\ttcp\n");
    let text = format!("{first}#close\t2024-01-01-01-00-00\n{second}");
    let dir = folder(&[("conn.log", text)]);
    assert_eq!(uids(&read(&[at(&dir, "conn.log")]).0), ["Ca", "Cb"]);
}

#[test]
fn inputs_that_cannot_be_told_of_together_or_at_all_are_refused() {
    let dir = folder(&[
        ("logs/conn.log", conn_log(&[])),
        ("headless/conn.log", conn(1.0, "C", 1.0, "-")),
        ("none/notes.txt", "notes".to_owned()),
        ("capture.pcap", "no log".to_owned()),
        ("other.csv", "a,b\n1,2\n".to_owned()),
        ("node.log", format!("worker-1\t{}", conn(1.0, "C", 1.0, "-"))),
    ]);
    let check = |names: &[&str], expected: &str| {
        let paths: Vec<PathBuf> = names.iter().map(|name| at(&dir, name)).collect();
        let message = Inputs::of(&paths, None).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    check(&["none"], "none: holds no capture, log or export");
    check(&["headless/conn.log"], "begins without its header");
    check(&["node.log"], "begins without its header");
    check(&["other.csv"], "other.csv: byte 0: neither a log nor flows that are read here");
    check(&["logs", "capture.pcap"], "capture.pcap is a capture and ");
    assert_eq!(Inputs::of(&[at(&dir, "logs")], None).unwrap().logs[0].kind, LogKind::Conn);
}

#[test]
fn a_file_is_read_once_however_often_it_is_named() {
    let dir = folder(&[("logs/conn.log", conn_log(&[])), ("more/dns.log", "notes".to_owned())]);
    std::os::unix::fs::symlink(at(&dir, "logs/conn.log"), at(&dir, "more/link.log")).unwrap();
    let paths = ["logs/conn.log", "logs", "more", "logs/../logs/conn.log"].map(|name| at(&dir, name));
    let inputs = Inputs::of(&paths, None).unwrap();
    assert_eq!((inputs.logs.len(), inputs.repeated, inputs.unknown), (1, 3, 1));
}

#[test]
fn what_a_folder_holds_and_cannot_be_read_is_told() {
    let dir = folder(&[("logs/conn.log", conn_log(&[]))]);
    std::fs::create_dir(at(&dir, "none")).unwrap();
    // A file that even root cannot read from its beginning.
    for link in ["logs/broken.log", "none/broken.pcap"] {
        std::os::unix::fs::symlink("/proc/self/mem", at(&dir, link)).unwrap();
    }
    let inputs = Inputs::of(&[at(&dir, "logs")], None).unwrap();
    assert_eq!((inputs.logs.len(), inputs.unreadable.len(), inputs.unknown), (1, 1, 0));
    let error = Inputs::of(&[at(&dir, "none")], None).unwrap_err().to_string();
    assert!(error.ends_with("broken.pcap: cannot be opened"), "{error}");
}

#[test]
fn records_later_than_could_be_waited_for_are_counted() {
    let count = 140_000;
    let mut lines: Vec<String> = (0..count).map(|i| conn(1000.0 + f64::from(i), "C1", 0.5, "-")).collect();
    lines.push(conn(5.0, "Clate", 1.0, "-"));
    let dir = folder(&[("conn.log", conn_log(&lines))]);
    let (records, timeline) = read(&[at(&dir, "conn.log")]);
    assert_eq!((records.len(), timeline.late()), (140_001, 1));
}

proptest! {
    /// Whatever a log holds behind its first line, reading ends, and every line is read, skipped or counted.
    #[test]
    fn any_bytes_are_a_log(
        json in any::<bool>(),
        lines in prop::collection::vec(prop_oneof![
            Just(conn(1.0, "C", 1.0, "ssl").into_bytes()),
            Just(b"#path\tdns\n".to_vec()),
            Just(b"#fields\tts\tquery   label\tid.orig_h\n".to_vec()),
            Just(b"#separator \\x2c\n".to_vec()),
            Just(br#"{"ts":1e300,"id.orig_h":"::","id.resp_h":"::","proto":"7","conn_state":"S0","duration":-1}"#.to_vec()),
            prop::collection::vec(any::<u8>(), 0..60),
        ], 0..20),
    ) {
        let first = if json {
            r#"{"ts":1,"id.orig_h":"::","id.resp_h":"::","proto":"tcp","conn_state":"SF"}"#.to_owned() + "\n"
        } else {
            conn_log(&[])
        };
        let dir = folder(&[]);
        let path = at(&dir, "conn.log");
        fs::write(&path, [first.into_bytes(), lines.concat()].concat()).unwrap();
        let (records, timeline) = read(std::slice::from_ref(&path));
        let told = timeline.stats().flows + timeline.stats().dns_messages;
        prop_assert_eq!(records.len() as u64, told);
        prop_assert!(Path::new(&path).exists());
    }
}

proptest! {
    /// Whatever lies in a file, it is read to its end, and the same each time.
    #[test]
    fn any_bytes_in_a_file_are_read_or_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        begin in prop::sample::select(vec!["", "#fields\tts\tuid\n", "ts,pr,sa,da\n", "{\"ts\":1,\"id.orig_h\":", "\u{0}\u{a}\u{0}"]),
    ) {
        bytes.splice(0..0, begin.bytes());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input.log");
        fs::write(&path, &bytes).unwrap();
        if let Ok(inputs) = Inputs::of(&[path], None) {
            let count = |logs| {
                let mut timeline = RecordTimeline::new(logs, Seed(1));
                let (mut batch, mut records) = (Vec::new(), 0);
                while timeline.next_batch(&mut batch).unwrap() {
                    records += batch.len();
                }
                (records, timeline.stats())
            };
            prop_assert_eq!(count(inputs.logs.clone()), count(inputs.logs));
        }
    }
}
