//! Trains a forest on the rows of a CSV file without a header and prints the score of each row: the counterpart of
//! `scripts/compare_sklearn.py`.
//!
//! `score_rows FILE.csv [TREES [SEED [REPEATS [SAMPLE]]]]`. More repeats score the rows again, to be timed; each tree is grown on SAMPLE rows (256).

use std::io::Write;

use anyhow::{Context, bail};
use undercurrent::model::{Forest, Params};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else {
        bail!("usage: score_rows FILE.csv [TREES [SEED [REPEATS [SAMPLE]]]]")
    };
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (trees, seed, repeats) = (usize::try_from(number(300)?)?, number(1)?, number(1)?.max(1));
    let params = Params { trees, sample: usize::try_from(number(256)?)?, seed };

    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).from_path(&path).with_context(|| path.clone())?;
    let mut rows: Vec<f32> = Vec::new();
    let mut count = 0;
    for record in reader.deserialize::<Vec<f32>>() {
        rows.extend(record.with_context(|| path.clone())?);
        count += 1;
    }
    if count == 0 {
        bail!("{path} has no rows");
    }
    let forest = Forest::train(rows.len() / count, &rows, params)?;
    let mut scores = vec![0.0; count];
    for _ in 0..repeats {
        forest.score_rows(&rows, &mut scores);
    }

    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for score in scores {
        writeln!(out, "{score}")?;
    }
    Ok(out.flush()?)
}
