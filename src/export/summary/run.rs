//! What decides the outcome of a run, and the outcome in short.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::detect::Finding;
use crate::export::findings::peer_lines;

/// The settings of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSummary {
    /// Operating system and processor that the program was built for, such as `linux-x86_64`.
    pub system: String,
    /// Seed of hashes and forests.
    pub seed: u64,
    /// Which packets were looked at, as a libpcap filter.
    pub filter: Option<String>,
    /// UDP ports whose datagrams were read as exports of flows.
    pub netflow_ports: Vec<u16>,
    /// Which column of CSV is what, as the user wrote it (TOML).
    pub columns: Option<String>,
    /// Seconds of packet time between the scheduled scoring passes that the user asked for.
    pub score_every_s: Option<u32>,
    /// Model directory; nothing for the shipped models.
    pub models: Option<String>,
    /// Every section of the configuration that a replay reads: file, environment, `--local` and `--allowlist` taken together.
    pub configuration: serde_json::Value,
}

/// One file that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputSummary {
    /// The flag that asked for it, such as `--hosts`.
    pub flag: String,
    /// As the user named it.
    pub path: String,
    /// SHA-256 of the file, in hex; nothing where it is a pipe or a device.
    pub sha256: Option<String>,
}

/// One finding in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindingSummary {
    /// Its id, the same in every run.
    pub id: String,
    /// The monitored host.
    pub host: String,
    /// Who it talks to.
    pub peer: String,
    /// What the traffic does.
    pub behaviour: String,
    /// How urgent it is.
    pub severity: String,
    /// 0 to 1.
    pub score: f64,
    /// SHA-256 of its JSON object, in hex.
    pub sha256: String,
}

/// Findings in short, and SHA-256 of them all as JSON Lines, in hex.
///
/// # Errors
/// Where they cannot be written as JSON: a fault of the program.
pub fn findings_in_short(findings: &[Finding]) -> serde_json::Result<(Vec<FindingSummary>, String)> {
    let mut all = Sha256::new();
    let mut list = Vec::with_capacity(findings.len());
    for finding in findings {
        let json = serde_json::to_vec(finding)?;
        all.update(&json);
        all.update(b"\n");
        list.push(FindingSummary {
            id: finding.id.clone(),
            host: finding.host.to_string(),
            peer: peer_lines(&finding.peer).0,
            behaviour: finding.behaviour.name().to_owned(),
            severity: finding.severity.name().to_owned(),
            score: (finding.score * 1e4).round() / 1e4,
            sha256: hex::encode(Sha256::digest(&json)),
        });
    }
    Ok((list, hex::encode(all.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::findings::write_jsonl;
    use crate::export::samples;

    #[test]
    fn the_digest_is_that_of_what_is_printed() {
        let findings = [samples::beacon(), samples::upload()];
        let mut printed = Vec::new();
        write_jsonl(&mut printed, &findings).unwrap();
        let (list, sha256) = findings_in_short(&findings).unwrap();
        assert_eq!(sha256, hex::encode(Sha256::digest(&printed)));
        assert_eq!(list[1].peer, "[2001:db8::7]:22 ssh");
        assert_eq!(
            list[0].sha256,
            hex::encode(Sha256::digest(printed.split(|b| *b == b'\n').next().unwrap()))
        );
        assert_eq!(findings_in_short(&[]).unwrap().0, []);
    }
}
