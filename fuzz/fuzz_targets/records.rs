//! Any bytes as a log, flows in CSV, or a file of IPFIX messages, with and without a column map: read to the end. They lie in a file, since what an
//! input is, is found out by looking into it.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use undercurrent::flow::Config;
use undercurrent::records::netflow::ExportTimeline;
use undercurrent::records::{ColumnMap, Inputs, Record, RecordSource, RecordTimeline};
use undercurrent::seed::Seed;

/// The input, and a map of columns by number.
static FILES: LazyLock<(PathBuf, Arc<ColumnMap>)> = LazyLock::new(|| {
    let folder = std::env::temp_dir();
    let of_this_process = |name: &str| folder.join(format!("undercurrent-fuzz-{}-{name}", std::process::id()));
    let map = of_this_process("columns.toml");
    let text = "header = false\n[columns]\nts = 1\nend = 2\nsrc = 3\ndst = 4\nproto = 5\nsrc_ip_bytes = 6\n";
    std::fs::write(&map, text).expect("the folder for temporary files can be written to");
    (of_this_process("input"), Arc::new(ColumnMap::load(&map).expect("it is a map")))
});

/// Reads to the end, and gives how many records there were.
fn read(source: &mut dyn RecordSource) -> usize {
    let (mut batch, mut records) = (Vec::<Record>::new(), 0);
    while source.next_batch(&mut batch).expect("the file can be read") {
        records += batch.len();
    }
    let _ = (source.stats(), source.per_input());
    records
}

fn read_as(path: &Path, columns: Option<&Arc<ColumnMap>>) {
    let Ok(inputs) = Inputs::of(&[path.to_owned()], columns) else { return };
    let (Inputs { logs, exports, .. }, seed) = (inputs, Seed(1));
    let count = |logs| read(&mut RecordTimeline::new(logs, seed));
    assert_eq!(count(logs.clone()), count(logs), "what is read is the same each time");
    read(&mut ExportTimeline::of_files(exports, &Config::default(), seed));
}

fuzz_target!(|bytes: &[u8]| {
    let (path, columns) = &*FILES;
    std::fs::write(path, bytes).expect("the folder for temporary files can be written to");
    read_as(path, None);
    read_as(path, Some(columns));
});
