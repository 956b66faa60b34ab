//! Which inputs belong together: each capture is a network of its own, the logs or exports of a folder are one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::records::{ColumnMap, Inputs, LogFile, identity};

use super::Failure;
use super::session::base_name;

/// Inputs that tell of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// What a person calls it.
    pub(super) name: String,
    /// A capture; or the logs or exports of a folder, or the folder.
    pub(super) paths: Vec<PathBuf>,
    /// Where the logs or exports lie; nothing for a capture.
    pub(super) folder: Option<PathBuf>,
}

impl Network {
    fn capture(path: &Path) -> Self {
        Self { name: base_name(path), paths: vec![path.to_owned()], folder: None }
    }

    /// Whether it comes by standard input.
    pub(super) fn is_stdin(&self) -> bool {
        self.paths.iter().any(|path| path == Path::new("-"))
    }

    /// All by which a person may name it: its files and their folder.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        self.paths.iter().chain(&self.folder).cloned().collect()
    }

    /// The logs of it.
    pub(super) fn logs(&self, columns: Option<&Arc<ColumnMap>>) -> Result<Vec<LogFile>, Failure> {
        Ok(if self.folder.is_some() { Inputs::of(&self.paths, columns)?.logs } else { Vec::new() })
    }
}

/// The networks of the inputs, in the order in which they are first named. A capture that is named again is the same network.
pub(super) fn networks_of(
    inputs: &[PathBuf],
    columns: Option<&Arc<ColumnMap>>,
) -> Result<Vec<Network>, Failure> {
    let mut networks: Vec<Network> = Vec::new();
    let mut captures = BTreeSet::new();
    for path in inputs {
        let found = Inputs::of(std::slice::from_ref(path), columns)?;
        let new = found.captures.iter().filter(|capture| captures.insert(identity(capture)));
        networks.extend(new.map(|capture| Network::capture(capture)));
        if !found.are_logs() && found.exports.is_empty() {
            continue;
        }
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        match networks.iter_mut().find(|network| network.folder.as_deref() == Some(folder)) {
            Some(network) => network.paths.push(path.clone()),
            None => networks.push(Network {
                name: String::new(),
                paths: vec![path.clone()],
                folder: Some(folder.to_owned()),
            }),
        }
    }
    for network in networks.iter_mut().filter(|network| network.name.is_empty()) {
        network.name = match (network.paths.as_slice(), &network.folder) {
            ([one], _) => base_name(one),
            (_, Some(folder)) if folder != Path::new("") => base_name(folder),
            (paths, _) => paths.iter().map(|path| base_name(path)).collect::<Vec<_>>().join(" "),
        };
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_a_folder_are_one_network_and_captures_each_one() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["a", "b", "c"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        for name in ["a/conn.log", "a/dns.log", "b/conn.log"] {
            std::fs::write(at(name), "#separator \\x09\n#path\tconn\n#fields\tts\n").unwrap();
        }
        let writer = crate::capture::write::PcapWriter::new(Vec::new(), crate::capture::LinkType(1)).unwrap();
        let capture = writer.finish().unwrap();
        for name in ["x.pcap", "c/y.pcap", "c/z.pcap"] {
            std::fs::write(at(name), &capture).unwrap();
        }
        let names = ["a/conn.log", "x.pcap", "b/conn.log", "a/dns.log", "c", "c/../x.pcap"];
        let paths: Vec<PathBuf> = names.iter().map(|name| at(name)).collect();
        let networks = networks_of(&paths, None).unwrap();
        let shown: Vec<(&str, usize)> = networks.iter().map(|n| (n.name.as_str(), n.paths.len())).collect();
        assert_eq!(shown, [("a", 2), ("x.pcap", 1), ("conn.log", 1), ("y.pcap", 1), ("z.pcap", 1)]);
    }
}
