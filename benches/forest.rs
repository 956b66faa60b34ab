//! Training and scoring a forest of 300 trees: 100,000 rows of 20 features, one thread.
//!
//! The answer is checked before it is timed: the batch scorer against the plain one, bit for bit.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use undercurrent::model::{Forest, ModelError, Params};

const FEATURES: usize = 20;
const ROWS: usize = 100_000;
/// Rows of the slower measurements.
const FEW: usize = 1000;

/// Bell-shaped values from a multiplicative generator; every 100th row is stretched.
fn rows() -> Vec<f32> {
    let mut state = 1_u64;
    let mut unit = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 65536.0
    };
    let mut bell = move || (0..6).map(|_| unit()).sum::<f32>() - 3.0;
    let stretch = |row: usize| if row.is_multiple_of(100) { 5.0 } else { 1.0 };
    (0..ROWS * FEATURES).map(|i| stretch(i / FEATURES) * bell()).collect()
}

/// The forest, after a look whether the batch scorer answers as the plain one.
fn checked_forest(rows: &[f32]) -> Result<Forest, ModelError> {
    let forest = Forest::train(FEATURES, rows, Params::default())?;
    let mut scores = vec![0.0; ROWS];
    forest.score_rows(rows, &mut scores);
    for (row, score) in rows.chunks(FEATURES).zip(&scores).step_by(997) {
        assert_eq!(forest.score(row).to_bits(), score.to_bits());
    }
    Ok(forest)
}

fn bench(c: &mut Criterion) {
    let rows = rows();
    let Ok(forest) = checked_forest(&rows) else { return };
    let few: Vec<f32> = rows.iter().copied().take(FEW * FEATURES).collect();
    let gap = |(i, v): (usize, &f32)| if i.is_multiple_of(7) { f32::NAN } else { *v };
    let gappy: Vec<f32> = few.iter().enumerate().map(gap).collect();
    let mut scores = vec![0.0; ROWS];
    let mut few_scores = vec![0.0; FEW];

    let mut group = c.benchmark_group("forest");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("score 100,000 rows", |b| {
        b.iter(|| forest.score_rows(&rows, black_box(&mut scores)));
    });
    group.throughput(Throughput::Elements(FEW as u64));
    group.bench_function("score rows with 3 of 20 values unknown", |b| {
        b.iter(|| forest.score_rows(&gappy, black_box(&mut few_scores)));
    });
    group.bench_function("score rows one by one", |b| {
        b.iter(|| few.chunks(FEATURES).map(|row| forest.score(row)).sum::<f32>());
    });
    group.bench_function("explain", |b| {
        b.iter(|| few.chunks(FEATURES).for_each(|row| drop(black_box(forest.explain(row)))));
    });
    group.throughput(Throughput::Elements(300));
    group.bench_function("train 300 trees", |b| b.iter(|| Forest::train(FEATURES, &rows, Params::default())));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
