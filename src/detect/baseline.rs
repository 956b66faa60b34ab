//! The benign rows that models were trained on, kept beside them so that training can go on.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::model::schema_sha256;

use super::{BenignCapture, Kind, features_of, specs_of};

/// What a file of rows begins with; the last byte is the version of the format.
const MAGIC: &[u8; 8] = b"UCROWS\0\x04";
const DIGEST_LEN: usize = 32;

/// Why the rows of earlier trainings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaselineError {
    /// Something else, or another version of it.
    #[error("not a file of benign rows of this version: train anew from captures")]
    Format,
    /// The file was damaged.
    #[error("the benign rows are damaged (their checksum does not fit): train anew from captures")]
    Damaged,
    /// The program computes other features than the one that wrote the rows.
    #[error("the benign rows of {0} are of other features than this program's: train anew from captures")]
    OtherFeatures(&'static str),
}

/// Judged rows of benign captures, the oldest capture first. Bounded: the oldest goes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    captures: Vec<BenignCapture>,
}

/// What is written: the rows with the hashes of the features that they are of.
#[derive(Serialize, Deserialize)]
struct Stored {
    features: [String; 2],
    captures: Vec<BenignCapture>,
}

impl Baseline {
    /// Captures kept. With 100 rows of each, some 20 MB; with 2,048, the most, 480 MB.
    pub const MAX_CAPTURES: usize = 2048;

    /// Adds captures. One whose content is known takes the place of what was known of it, and comes last. Gives the number of old ones
    /// that had to go.
    pub fn add(&mut self, captures: Vec<BenignCapture>) -> usize {
        for capture in captures {
            let is_same = |known: &BenignCapture| !known.sha256.is_empty() && known.sha256 == capture.sha256;
            self.captures.retain(|known| !is_same(known));
            self.captures.push(capture);
        }
        let too_many = self.captures.len().saturating_sub(Self::MAX_CAPTURES);
        self.captures.drain(..too_many);
        too_many
    }

    /// The captures, the oldest first.
    pub fn captures(&self) -> Vec<&BenignCapture> {
        self.captures.iter().collect()
    }

    /// As the bytes of a file: magic, version, the rows (postcard), SHA-256 of all before.
    ///
    /// # Errors
    /// [`BaselineError::Format`] where the rows cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BaselineError> {
        let stored = Stored { features: feature_hashes(), captures: self.captures.clone() };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_stdvec(&stored).map_err(|_| BaselineError::Format)?);
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote, trusting none of it.
    ///
    /// # Errors
    /// A [`BaselineError`] saying what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BaselineError> {
        let content = bytes.strip_prefix(MAGIC).ok_or(BaselineError::Format)?;
        let (content, digest) = content
            .len()
            .checked_sub(DIGEST_LEN)
            .and_then(|len| content.split_at_checked(len))
            .ok_or(BaselineError::Damaged)?;
        let hasher = Sha256::new().chain_update(MAGIC).chain_update(content);
        if hasher.finalize().as_slice() != digest {
            return Err(BaselineError::Damaged);
        }
        let stored: Stored = postcard::from_bytes(content).map_err(|_| BaselineError::Format)?;
        let pairs = Kind::ALL.into_iter().zip(stored.features.iter().zip(feature_hashes()));
        for (kind, (found, expected)) in pairs {
            if *found != expected {
                return Err(BaselineError::OtherFeatures(kind.name()));
            }
        }
        let whole = |capture: &BenignCapture| {
            Kind::ALL.into_iter().all(|kind| {
                capture.rows(kind).len() == capture.can_alert(kind).len() * features_of(kind).len()
            })
        };
        if !stored.captures.iter().all(whole) {
            return Err(BaselineError::Format);
        }
        let mut baseline = Self::default();
        baseline.add(stored.captures);
        Ok(baseline)
    }
}

fn feature_hashes() -> [String; 2] {
    Kind::ALL.map(|kind| schema_sha256(&specs_of(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(name: &str, sha256: &str) -> BenignCapture {
        let row = |kind: Kind| vec![0.5; features_of(kind).len()];
        BenignCapture::of_rows(name.to_owned(), sha256.to_owned(), Kind::ALL.map(row))
    }

    fn names(baseline: &Baseline) -> Vec<&str> {
        baseline.captures().into_iter().map(|capture| capture.file.as_str()).collect()
    }

    #[test]
    fn what_is_known_is_taken_anew_and_the_oldest_goes() {
        let mut baseline = Baseline::default();
        let stdin = || capture("-", "");
        assert_eq!(baseline.add(vec![capture("a", "01"), capture("b", "02"), stdin(), stdin()]), 0);
        assert_eq!(baseline.add(vec![capture("a again", "01")]), 0);
        assert_eq!(names(&baseline), ["b", "-", "-", "a again"]);
        let many = (0..Baseline::MAX_CAPTURES).map(|i| capture("many", &i.to_string())).collect();
        assert_eq!(baseline.add(many), 4);
        assert_eq!(baseline.captures().len(), Baseline::MAX_CAPTURES);
    }

    #[test]
    fn bytes_are_read_back_and_damage_is_told() {
        let mut baseline = Baseline::default();
        baseline.add(vec![capture("a", "01"), capture("b", "02")]);
        let bytes = baseline.to_bytes().unwrap();
        assert_eq!(Baseline::from_bytes(&bytes).as_ref(), Ok(&baseline));
        for len in 0..bytes.len() {
            assert!(Baseline::from_bytes(&bytes[..len]).is_err(), "{len}");
        }
        let mut damaged = bytes;
        damaged[20] ^= 1;
        assert_eq!(Baseline::from_bytes(&damaged), Err(BaselineError::Damaged));
        assert_eq!(Baseline::from_bytes(b"UCMODEL\0"), Err(BaselineError::Format));
    }

    #[test]
    fn rows_of_other_features_are_refused() {
        let [c2, _] = feature_hashes();
        let stored = Stored { features: [c2, "00".to_owned()], captures: vec![] };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_stdvec(&stored).unwrap());
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        assert_eq!(Baseline::from_bytes(&bytes), Err(BaselineError::OtherFeatures("exfil")));
    }
}
