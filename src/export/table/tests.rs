use std::fs;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};

use super::*;
use crate::time::Timestamp;

fn schema() -> Schema {
    Schema::new(vec![
        Column::new("host", ColumnKind::Text, "", "Monitored host."),
        Column::new("flows", ColumnKind::Int, "", "Connections."),
        Column::new("score", ColumnKind::Float, "", "C2 score."),
        Column::new("internal", ColumnKind::Bool, "", "Whether the peer is monitored."),
        Column::new("first_seen", ColumnKind::Time, "", "First packet."),
        Column::new("ts", ColumnKind::Epoch, "seconds", "First packet, as Zeek writes it."),
    ])
}

fn rows() -> Vec<Vec<Value<'static>>> {
    let ts = Timestamp::from_secs_nanos(1_735_718_403, 120_000_000);
    vec![
        vec!["10.0.0.1".into(), 3_u64.into(), 0.1.into(), true.into(), ts.into(), ts.into()],
        vec!["a,\"b\"\n\u{1b}[0m".into(), u64::MAX.into(), Value::Int(2), false.into(), ts.into(), ts.into()],
        vec![
            Value::Missing,
            (-1_i64).into(),
            f64::NAN.into(),
            None::<bool>.into(),
            Value::Missing,
            Value::Missing,
        ],
    ]
}

fn write(path: &Path) {
    let mut writer = TableWriter::create(path, &schema()).unwrap();
    for row in rows() {
        writer.write_row(&row).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn text_formats_are_golden() {
    fn check(name: &str, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        write(&path);
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
    check(
        "t.csv",
        "host,flows,score,internal,first_seen,ts\n\
         10.0.0.1,3,0.1,true,2025-01-01T08:00:03.120Z,1735718403.120000\n\
         \"a,\"\"b\"\"\n\u{1b}[0m\",9223372036854775807,2,false,2025-01-01T08:00:03.120Z,1735718403.120000\n\
         ,-1,,,,\n",
    );
    check(
        "t.JSONL",
        concat!(
            r#"{"host":"10.0.0.1","flows":3,"score":0.1,"internal":true,"first_seen":"2025-01-01T08:00:03.120Z","ts":1735718403.120000}"#,
            "\n",
            r#"{"host":"a,\"b\"\n\u001b[0m","flows":9223372036854775807,"score":2.0,"internal":false,"first_seen":"2025-01-01T08:00:03.120Z","ts":1735718403.120000}"#,
            "\n",
            r#"{"host":null,"flows":-1,"score":null,"internal":null,"first_seen":null,"ts":null}"#,
            "\n",
        ),
    );
}

#[test]
fn parquet_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    write(&path);
    let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata();
    let described = metadata.key_value_metadata().unwrap()[0].value.clone().unwrap();
    assert!(described.contains(r#""name":"ts","unit":"seconds""#), "{described}");
    let mut schema = Vec::new();
    parquet::schema::printer::print_schema(&mut schema, metadata.schema());
    let schema = String::from_utf8(schema).unwrap();
    assert!(schema.contains("OPTIONAL INT64 first_seen (TIMESTAMP(NANOS,true))"), "{schema}");

    let read: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), 3);
    assert_eq!(read[0].get_string(0).unwrap(), "10.0.0.1");
    assert_eq!(read[1].get_long(1).unwrap(), i64::MAX);
    assert!((read[1].get_double(2).unwrap() - 2.0).abs() < f64::EPSILON);
    assert!(read[0].get_bool(3).unwrap());
    assert_eq!(read[0].get_long(4).unwrap(), 1_735_718_403_120_000_000);
    assert!((read[0].get_double(5).unwrap() - 1_735_718_403.12).abs() < f64::EPSILON);
    let missing: Vec<_> = read[2].get_column_iter().map(|(_, field)| *field == Field::Null).collect();
    assert_eq!(missing, [true, false, true, true, true, true]);
}

#[test]
fn parquet_is_cut_into_row_groups() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    let schema = Schema::new(vec![Column::new("n", ColumnKind::Int, "", "A number.")]);
    let mut writer = TableWriter::create(&path, &schema).unwrap();
    for n in 0..70_000_u64 {
        writer.write_row(&[if n % 7 == 0 { Value::Missing } else { n.into() }]).unwrap();
    }
    writer.finish().unwrap();
    let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.num_row_groups(), 2);
    for (n, row) in (0_i64..).zip(reader.get_row_iter(None).unwrap()) {
        assert_eq!(row.unwrap().get_long(0).ok(), (n % 7 != 0).then_some(n));
    }
}

#[test]
fn an_empty_table_has_its_columns() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name| dir.path().join(name);
    for name in ["t.csv", "t.jsonl", "t.parquet"] {
        TableWriter::create(&path(name), &schema()).unwrap().finish().unwrap();
    }
    assert_eq!(fs::read_to_string(path("t.csv")).unwrap(), "host,flows,score,internal,first_seen,ts\n");
    assert_eq!(fs::read_to_string(path("t.jsonl")).unwrap(), "");
    let reader = SerializedFileReader::new(fs::File::open(path("t.parquet")).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().schema_descr().num_columns(), 6);
}

#[test]
fn what_does_not_fit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = TableWriter::create(&dir.path().join("hosts.txt"), &schema()).unwrap_err();
    assert!(error.is_usage());
    assert!(error.to_string().ends_with("end the name in .csv, .jsonl or .parquet"), "{error}");
    for name in ["t.csv", "t.jsonl", "t.parquet"] {
        let mut writer = TableWriter::create(&dir.path().join(name), &schema()).unwrap();
        let error = writer.write_row(&[Value::Missing]).unwrap_err().to_string();
        assert!(error.contains("1 values for 6 columns"), "{error}");
        let mut row = rows().swap_remove(0);
        row[1] = "three".into();
        let error = writer.write_row(&row).unwrap_err().to_string();
        assert!(error.contains("column flows (Int) cannot hold"), "{error}");
        drop(writer);
        assert!(!dir.path().join(name).exists(), "a failed run leaves no file");
    }
}
