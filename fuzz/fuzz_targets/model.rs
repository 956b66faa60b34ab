//! Any bytes as a model file, with the digest that belongs to them. One that is accepted must score, explain, and be written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use undercurrent::model::Model;

fuzz_target!(|bytes: &[u8]| {
    let signed = [bytes, &Sha256::digest(bytes)].concat();
    let Ok(model) = Model::from_bytes(&signed) else { return };
    let width = model.manifest().features.len();
    for value in [0.0, 1.0, -1.0, f32::MAX, f32::NAN] {
        let row = vec![value; width];
        let mut scores = [0.0];
        model.score_rows(&row, &mut scores);
        assert!((0.0..=1.0).contains(&scores[0]), "{scores:?}");
        assert!((0.0..=1.0).contains(&model.calibration().p_value(scores[0])));
        let explained = model.explain_rows(&row, &[model.answer_rows(&row)[0].question]);
        assert!(explained.iter().all(|shares| shares.len() == width), "{explained:?}");
    }
    let Ok(written) = model.to_bytes() else { return };
    assert!(Model::from_bytes(&written).is_ok());
});
