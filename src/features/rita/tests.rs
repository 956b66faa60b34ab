use super::*;

const DAY: i64 = 86_400;

fn all(connections: impl IntoIterator<Item = (i64, u64)>) -> Vec<Connection> {
    connections
        .into_iter()
        .map(|(start, bytes)| Connection { start, bytes, total_bytes: bytes, duration: Span::ZERO })
        .collect()
}

/// Expected: beacon, ts, ds, dur, hist.
fn check(name: &str, connections: &[Connection], first: i64, last: i64, expected: Option<[f64; 5]>) {
    let scores = beacon_score(connections, Dataset { first, last });
    assert_eq!(scores.map(|s| [s.beacon, s.ts, s.ds, s.dur, s.hist]), expected, "{name}");
}

/// Connections at random times with random sizes, the same for the same seed.
fn random(seed: u64, count: usize, span: u64) -> Vec<Connection> {
    let mut state = seed;
    let mut next = move || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        state >> 8
    };
    all((0..count).map(|_| (i64::try_from(next() % span).unwrap(), next() % 5000)).collect::<Vec<_>>())
}

/// The expected scores were computed by a second implementation, which keeps to the steps of RITA's own program.
#[test]
fn scores_are_those_of_rita() {
    let regular = all((0..1440).map(|i| (i * 60, 500)));
    check("a beacon without jitter", &regular, 0, DAY - 1, Some([1.0; 5]));
    let jitter =
        all((0..288_i64).map(|i| (i * 300 + (i * i * 37) % 90, (400 + (i * 13) % 50).unsigned_abs())));
    check("jitter", &jitter, 0, DAY, Some([0.981, 0.937, 0.985, 1.0, 1.0]));
    let levels = all((0..72).map(|i| (i * 600, 100)).chain((0..36).map(|i| (43_200 + i * 1200, 100))));
    check("two levels", &levels, 0, DAY, Some([1.0; 5]));
    let short = all((0..480_i64).map(|i| (i * 30, 100 + (i % 7).unsigned_abs() * 100)));
    check("four hours", &short, 0, 4 * 3600, Some([0.938, 1.0, 0.75, 1.0, 1.0]));
    let few = all([(100, 1), (200, 1), (300, 2), (450, 9)]);
    check("few in a day", &few, 0, DAY, Some([0.458, 1.0, 0.833, 0.0, 0.0]));
    let three_days = all((0..432).map(|i| (i * 600, 100)));
    check("the last of three days", &three_days, 0, 3 * DAY, Some([1.0; 5]));
    let twice = all((0..200_i64).map(|i| (i / 2 * 60, i.unsigned_abs())));
    check("two at a time", &twice, 0, 7000, Some([0.937, 1.0, 0.749, 1.0, 1.0]));
}

#[test]
fn scores_of_irregular_traffic_are_those_of_rita() {
    for (seed, count, span, expected) in [
        (1, 50, 86_400, [0.776, 0.742, 0.695, 1.0, 0.667]),
        (2, 300, 432_000, [0.696, 0.475, 0.641, 1.0, 0.667]),
        (3, 7, 1_000, [0.508, 0.376, 0.657, 1.0, 0.0]),
        (4, 2000, 86_400, [0.786, 0.517, 0.733, 1.0, 0.895]),
        (5, 40, 259_200, [0.766, 0.438, 0.624, 1.0, 1.0]),
    ] {
        let connections = random(seed, count, span);
        let first = connections.iter().map(|c| c.start).min().unwrap();
        let last = connections.iter().map(|c| c.start).max().unwrap();
        check("random", &connections, first, last, Some(expected));
        let reversed: Vec<_> = connections.into_iter().rev().collect();
        check("in another order", &reversed, first, last, Some(expected));
    }
}

#[test]
fn degenerate_pairs_have_no_score() {
    check("none", &[], 0, DAY, None);
    check("three starts", &all([(1, 1), (2, 1), (3, 1)]), 0, DAY, None);
    check("three unique starts", &all([(1, 1), (1, 1), (2, 1), (3, 1), (3, 7)]), 0, DAY, None);
    check("too long ago", &all((0..100).map(|i| (i, 1))), 0, 3 * DAY, None);
    check("a strobe", &all((0..DAY).map(|i| (i, 1))), 0, DAY, None);
    let four = all((0..4).map(|i| (i, 1)));
    check("a data set of no length", &four, 5, 5, None);
    check("a data set that ends before it begins", &four, 9, 5, None);
    check("the ends of time", &all([(i64::MIN, 0), (i64::MAX, u64::MAX)]), i64::MIN, i64::MAX, None);
}

#[test]
fn all_scores_are_shares() {
    for seed in 0..200 {
        let connections = random(seed, 4 + usize::try_from(seed).unwrap() * 3, 1 + seed * 977);
        let Some(s) =
            beacon_score(&connections, Dataset { first: 0, last: 1 + i64::try_from(seed).unwrap() * 977 })
        else {
            continue;
        };
        for score in [s.beacon, s.ts, s.ds, s.dur, s.hist] {
            assert!((0.0..=1.0).contains(&score), "{seed}: {s:?}");
        }
    }
}
