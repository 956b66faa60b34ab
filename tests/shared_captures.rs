//! Reads every capture of a labelled collection beside the checkout, where there is one, and compares with what
//! Wireshark's `capinfos` counted (column `packets` of its `MANIFEST.tsv`). `UNDERCURRENT_DATA` names the directory.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use undercurrent::capture::{Block, CaptureError, CaptureFile, CaptureStats, Timeline};

    /// One capture of the collection.
    struct Listed {
        path: PathBuf,
        /// Nothing where Wireshark could not read it whole.
        packets: Option<u64>,
    }

    /// The captures of the collection; none, said on standard error, where there is no collection.
    fn listed() -> Vec<Listed> {
        let Some(root) = std::env::var_os("UNDERCURRENT_DATA").map(PathBuf::from) else {
            eprintln!("skipped: UNDERCURRENT_DATA names no collection of captures");
            return Vec::new();
        };
        let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).unwrap();
        let mut rows = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let header = rows.next().unwrap();
        let [file, packets, opens] = ["file", "packets", "opens"]
            .map(|name| header.iter().position(|column| *column == name).unwrap());
        rows.filter(|row| !row[opens].starts_with("ok (text"))
            .map(|row| Listed {
                path: root.join(row[file]),
                packets: row[packets].parse().ok().filter(|_| row[opens] == "ok"),
            })
            .collect()
    }

    fn read(path: &Path) -> Result<CaptureStats, CaptureError> {
        let mut file = CaptureFile::open(path)?;
        let mut block = Block::default();
        while file.next_block(&mut block)? {
            for frame in &block.frames {
                assert_eq!(block.bytes(frame).len(), frame.captured_len as usize);
            }
        }
        Ok(file.stats().clone())
    }

    #[test]
    fn counts_are_those_of_wireshark() {
        for Listed { path, packets } in listed() {
            match (read(&path), packets) {
                (Ok(stats), Some(packets)) => {
                    assert_eq!(stats.frames, packets, "{}", path.display());
                    assert_eq!((stats.truncated_inputs, stats.skipped.len()), (0, 0), "{}", path.display());
                }
                (Err(error), Some(_)) => panic!("{error}"),
                (_, None) => {}
            }
        }
    }

    #[test]
    fn one_timeline_of_all_loses_nothing() {
        let whole: Vec<Listed> = listed().into_iter().filter(|listed| listed.packets.is_some()).collect();
        let paths: Vec<&Path> = whole.iter().map(|listed| listed.path.as_path()).collect();
        let mut timeline = Timeline::open(&paths).unwrap();
        let mut block = Block::default();
        let mut frames = 0;
        while timeline.next_block(&mut block).unwrap() {
            frames += block.frames.len() as u64;
        }
        assert_eq!(frames, whole.iter().filter_map(|listed| listed.packets).sum::<u64>());
        assert_eq!(timeline.bytes_total(), Some(timeline.bytes_read()));
    }
}
