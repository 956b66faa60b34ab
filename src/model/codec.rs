//! The model file: `UCMODEL\0`, format version, manifest, trees, calibration, SHA-256. All numbers little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `UCMODEL\0` |
//! | 4 | format version, 5 (4 is read too) |
//! | 4 + n | length of the manifest, the manifest as JSON |
//! | 2 or 8 a node | every tree of every question in preorder: feature, threshold (f32) and rows on the left; 0xffff for a leaf |
//! | 4 + 4 + 12 a point, twice | calibration rows, points, then score (f32), rows above, rows at least as high; of all rows, then of those that can be reported |
//! | 4 | groups of the calibration; for each of them twice 4 bytes, its least values, and two calibrations as above |
//! | 32 | SHA-256 of all bytes before |
//!
//! The checksum tells damage; it does not make a file trustworthy. Everything read is checked again, and no allocation is
//! larger than a fixed bound or than the bytes at hand justify.

use sha2::{Digest, Sha256};

use super::artifact::{Group, MAX_GROUPS, Manifest, Model};
use super::calibration::{Calibration, Calibrations, MAX_POINTS, Point};
use super::error::ModelError;
use super::forest::{Forest, Node};

const MAGIC: &[u8; 8] = b"UCMODEL\0";
const FORMAT: u32 = 5;
/// The version before, in which groups have the first of their two values alone.
const FORMAT_OF_ONE: u32 = 4;
const DIGEST_LEN: usize = 32;
const LEAF: u16 = u16::MAX;

impl Model {
    /// The model as the bytes of a model file.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] where the manifest cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let manifest = self.manifest().to_json()?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT.to_le_bytes());
        put_len(&mut bytes, manifest.len());
        bytes.extend(manifest.as_bytes());
        for tree in self.forests().iter().flat_map(Forest::iter) {
            for node in tree.nodes() {
                put_node(&mut bytes, node);
            }
        }
        put_calibrations(&mut bytes, self.calibrations());
        put_len(&mut bytes, self.groups().len());
        for group in self.groups() {
            bytes.extend(group.from.iter().flat_map(|from| from.to_le_bytes()));
            put_calibrations(&mut bytes, &group.calibration);
        }
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        Ok(bytes)
    }

    /// Reads the bytes of a model file, trusting none of them.
    ///
    /// # Errors
    /// A [`ModelError`] saying what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let mut reader = Reader { bytes, offset: 0, format: FORMAT };
        if reader.array("the magic number")? != *MAGIC {
            return Err(ModelError::BadMagic);
        }
        reader.format = reader.u32("the format version")?;
        if !(FORMAT_OF_ONE..=FORMAT).contains(&reader.format) {
            return Err(ModelError::UnsupportedFormat { found: reader.format, supported: FORMAT });
        }
        reader.verify()?;
        let length = reader.u32("the length of the manifest")? as usize;
        let manifest = Manifest::from_json(reader.take(length, "the manifest")?)?;
        let forests = manifest.questions.iter().map(|_| reader.forest(&manifest));
        let forests = forests.collect::<Result<Vec<_>, ModelError>>()?;
        let calibration = reader.calibrations()?;
        let groups = reader.groups()?;
        match reader.bytes.len() - reader.offset {
            0 => Self::from_parts(manifest, forests, calibration, groups),
            rest => Err(ModelError::invalid("bytes behind the calibration", rest, 0)),
        }
    }

    /// SHA-256 of a model file in lower-case hexadecimal, as `sha256sum` prints it.
    pub fn file_sha256(bytes: &[u8]) -> String {
        hex::encode(Sha256::digest(bytes))
    }
}

fn put_len(bytes: &mut Vec<u8>, len: usize) {
    bytes.extend(u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_calibrations(bytes: &mut Vec<u8>, calibrations: &Calibrations) {
    put_calibration(bytes, &calibrations.all);
    put_calibration(bytes, &calibrations.reportable);
}

fn put_calibration(bytes: &mut Vec<u8>, calibration: &Calibration) {
    let points = calibration.points();
    put_len(bytes, calibration.len());
    put_len(bytes, points.len());
    for point in points {
        bytes.extend(point.score.to_le_bytes());
        bytes.extend(point.above.to_le_bytes());
        bytes.extend(point.at_least.to_le_bytes());
    }
}

fn put_node(bytes: &mut Vec<u8>, node: Node) {
    match node {
        Node::Leaf => bytes.extend(LEAF.to_le_bytes()),
        Node::Split { feature, threshold, left } => {
            bytes.extend(feature.to_le_bytes());
            bytes.extend(threshold.to_le_bytes());
            bytes.extend(left.to_le_bytes());
        }
    }
}

/// The bytes of a file and how far they are read.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    format: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], ModelError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let taken = rest.get(..count).ok_or(ModelError::Truncated {
            what,
            offset: self.offset,
            needed: count,
            available: rest.len(),
        })?;
        self.offset += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ModelError> {
        let taken = self.take(N, what)?;
        Ok(taken.try_into().unwrap_or([0; N]))
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, ModelError> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, ModelError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn f32(&mut self, what: &'static str) -> Result<f32, ModelError> {
        self.array(what).map(f32::from_le_bytes)
    }

    /// Checks the checksum at the end and takes it off.
    fn verify(&mut self) -> Result<(), ModelError> {
        let content = self.bytes.len().saturating_sub(DIGEST_LEN).max(self.offset);
        let mut end = Reader { bytes: self.bytes, offset: content, format: self.format };
        let digest = end.take(DIGEST_LEN, "the checksum")?;
        self.bytes = self.bytes.get(..content).unwrap_or_default();
        if Sha256::digest(self.bytes).as_slice() == digest { Ok(()) } else { Err(ModelError::Checksum) }
    }

    fn forest(&mut self, manifest: &Manifest) -> Result<Forest, ModelError> {
        let mut forest = Forest::with_capacity(manifest.features.len(), manifest.sample, manifest.trees)?;
        let most_nodes = 2 * manifest.sample.next_power_of_two();
        for _ in 0..manifest.trees {
            let nodes = self.tree(most_nodes)?;
            forest.push(&nodes)?;
        }
        Ok(forest)
    }

    /// The nodes of one tree: it ends where every split has both its subtrees.
    fn tree(&mut self, most_nodes: usize) -> Result<Vec<Node>, ModelError> {
        const WHAT: &str = "a tree";
        let mut nodes = Vec::new();
        let mut missing = 1_usize;
        while missing > 0 {
            if nodes.len() >= most_nodes {
                return Err(ModelError::invalid("nodes of a tree", nodes.len() + 1, most_nodes));
            }
            match self.u16(WHAT)? {
                LEAF => {
                    missing -= 1;
                    nodes.push(Node::Leaf);
                }
                feature => {
                    missing += 1;
                    nodes.push(Node::Split { feature, threshold: self.f32(WHAT)?, left: self.u16(WHAT)? });
                }
            }
        }
        Ok(nodes)
    }

    fn groups(&mut self) -> Result<Vec<Group>, ModelError> {
        const WHAT: &str = "the groups of the calibration";
        let count = self.u32(WHAT)? as usize;
        if count > MAX_GROUPS {
            return Err(ModelError::invalid("number of calibration groups", count, MAX_GROUPS));
        }
        let mut group = || {
            let first = self.u32(WHAT)?;
            let second = if self.format == FORMAT_OF_ONE { 0 } else { self.u32(WHAT)? };
            Ok(Group { from: [first, second], calibration: self.calibrations()? })
        };
        (0..count).map(|_| group()).collect()
    }

    fn calibrations(&mut self) -> Result<Calibrations, ModelError> {
        Ok(Calibrations { all: self.calibration()?, reportable: self.calibration()? })
    }

    fn calibration(&mut self) -> Result<Calibration, ModelError> {
        const WHAT: &str = "the calibration";
        let rows = self.u32(WHAT)?;
        let count = self.u32(WHAT)? as usize;
        if count > MAX_POINTS {
            return Err(ModelError::invalid("number of calibration points", count, MAX_POINTS));
        }
        let mut point =
            || Ok(Point { score: self.f32(WHAT)?, above: self.u32(WHAT)?, at_least: self.u32(WHAT)? });
        let points = (0..count).map(|_| point()).collect::<Result<Vec<_>, ModelError>>()?;
        Calibration::from_points(rows, points)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "tests compare exact answers and make small data")]
mod tests {
    use proptest::prelude::*;

    use super::super::artifact::tests::{model, rows};
    use super::super::rng::Rng;
    use super::*;

    /// Puts the right checksum behind changed content, as an attacker would.
    fn sign(bytes: &mut [u8]) {
        let content = bytes.len() - DIGEST_LEN;
        let digest = Sha256::digest(&bytes[..content]);
        bytes[content..].copy_from_slice(&digest);
    }

    #[test]
    fn what_was_written_is_read() {
        let model = model(1);
        let bytes = model.to_bytes().unwrap();
        let again = Model::from_bytes(&bytes).unwrap();
        assert_eq!(again, model);
        assert_eq!(again.to_bytes().unwrap(), bytes);
        assert_eq!(Model::file_sha256(&bytes).len(), 64);
        let rows = rows(100, 8);
        let (mut a, mut b) = ([0.0; 100], [0.0; 100]);
        model.score_rows(&rows, &mut a);
        again.score_rows(&rows, &mut b);
        assert_eq!(a, b);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = model(2).to_bytes().unwrap();
        for len in (0..200).chain((200..bytes.len()).step_by(97)).chain(bytes.len() - 40..bytes.len()) {
            assert!(Model::from_bytes(&bytes[..len]).is_err(), "{len}");
            let mut signed = bytes[..len].to_vec();
            if len > DIGEST_LEN {
                sign(&mut signed);
                assert!(Model::from_bytes(&signed).is_err(), "{len} signed");
            }
        }
    }

    #[test]
    fn messages_say_what_is_wrong() {
        let bytes = model(3).to_bytes().unwrap();
        let check = |change: &dyn Fn(&mut Vec<u8>), needle: &str| {
            let mut bytes = bytes.clone();
            change(&mut bytes);
            let message = Model::from_bytes(&bytes).unwrap_err().to_string();
            assert!(message.contains(needle), "{message}");
        };
        check(&|b| b[0] = b'X', "not a model file");
        check(&|b| b.truncate(5), "ends in the magic number");
        check(&|b| b[8] = 9, "format 9");
        check(&|b| b[100] ^= 1, "damaged");
        check(&|b| b.truncate(20), "the checksum");
        let length = |b: &mut Vec<u8>, len: u32| {
            b[12..16].copy_from_slice(&len.to_le_bytes());
            sign(b);
        };
        check(&|b| length(b, u32::MAX), "ends in the manifest");
        check(&|b| length(b, 7), "manifest cannot be read");
    }

    #[test]
    fn in_the_version_before_groups_have_one_value() {
        let calibrations = Calibrations::fit(&[0.2, 0.4], &[true, false]);
        let model = model(6).with_groups([([7, 0], calibrations.clone())]);
        let mut bytes = model.to_bytes().unwrap();
        let mut of_group = Vec::new();
        put_calibrations(&mut of_group, &calibrations);
        let second = bytes.len() - DIGEST_LEN - of_group.len() - 4;
        bytes.drain(second..second + 4);
        bytes[8..12].copy_from_slice(&FORMAT_OF_ONE.to_le_bytes());
        sign(&mut bytes);
        assert_eq!(Model::from_bytes(&bytes), Ok(model));
    }

    #[test]
    fn flipped_bits_are_caught_and_signed_ones_do_no_harm() {
        let model = model(4);
        let bytes = model.to_bytes().unwrap();
        let rows = rows(9, 8);
        let mut rng = Rng::new(1, 1);
        for _ in 0..1500 {
            let mut changed = bytes.clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(changed.len() - DIGEST_LEN);
                changed[at] ^= 1 << rng.below(8);
            }
            assert!(changed == bytes || Model::from_bytes(&changed).is_err());
            sign(&mut changed);
            if let Ok(other) = Model::from_bytes(&changed) {
                let mut scores = [0.0; 9];
                other.score_rows(&rows, &mut scores);
                assert!(scores.iter().all(|s| (0.0..=1.0).contains(s)));
                other.explain_rows(&rows, &[0; 9]);
                other.calibration().p_value(scores[0]);
            }
        }
    }

    #[test]
    fn manifests_that_claim_too_much_are_refused() {
        let bytes = model(5).to_bytes().unwrap();
        let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
        let json = String::from_utf8(bytes[16..16 + length].to_vec()).unwrap();
        let check = |from: &str, to: &str| {
            assert!(json.contains(from), "{from}");
            let json = json.replace(from, to);
            let mut changed = bytes[..12].to_vec();
            put_len(&mut changed, json.len());
            changed.extend(json.as_bytes());
            changed.extend(&bytes[16 + length..]);
            sign(&mut changed);
            assert!(Model::from_bytes(&changed).is_err(), "{to}");
        };
        check("\"trees\": 40", "\"trees\": 18446744073709551615");
        check("\"trees\": 40", "\"trees\": 41");
        check("\"trees\": 40", "\"trees\": 39");
        check("\"sample\": 64", "\"sample\": 18446744073709551615");
        check("\"sample\": 64", "\"sample\": 0");
        check("\"sample\": 64", "\"sample\": 32");
        check("\"calibration_rows\": 500", "\"calibration_rows\": 501");
        check("jitter", "jotter");
        check("\"high\"", "\"low\"");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_bytes_are_refused_calmly(tail in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(FORMAT.to_le_bytes());
            bytes.extend(&tail);
            prop_assert!(Model::from_bytes(&bytes).is_err());
            bytes.extend([0; DIGEST_LEN]);
            sign(&mut bytes);
            prop_assert!(Model::from_bytes(&bytes).is_err());
        }
    }
}
