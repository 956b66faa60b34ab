//! Orients raw rows so that larger is more suspicious, and hides the innocent side.
//!
//! A plain isolation forest flags whatever is unusual, on either side. With the innocent side clipped at the benign
//! median half of the benign rows become one point there, and no split can isolate a row for being too innocent.

use super::error::ModelError;
use super::schema::{Direction, FeatureSpec, Scale};

/// A feature's orientation and the benign median it is clipped at.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    direction: Direction,
    scale: Scale,
    median: f32,
}

/// Per feature: direction, scale, and the benign median in raw units.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform(Vec<Column>);

impl Transform {
    /// Learns the median of each feature from benign rows (row after row, `NaN` = unknown, left out). A feature that
    /// is never known has the median 0.
    ///
    /// # Errors
    /// [`ModelError::RowWidth`] where the rows are not of `features.len()` values each.
    pub fn fit(features: &[FeatureSpec], rows: &[f32]) -> Result<Self, ModelError> {
        let width = features.len();
        if width == 0 || !rows.len().is_multiple_of(width) {
            return Err(ModelError::RowWidth { values: rows.len(), features: width });
        }
        let medians = (0..width).map(|column| median(rows.iter().skip(column).step_by(width)));
        Ok(Self::from_parts(features.iter().zip(medians)))
    }

    /// From features and the medians that were learned for them.
    pub(super) fn from_parts<'a>(parts: impl Iterator<Item = (&'a FeatureSpec, f32)>) -> Self {
        Self(parts.map(|(f, median)| Column { direction: f.direction, scale: f.scale, median }).collect())
    }

    /// Number of features.
    pub fn features(&self) -> usize {
        self.0.len()
    }

    /// The benign medians in raw units: what is typical.
    pub fn medians(&self) -> impl Iterator<Item = f32> + '_ {
        self.0.iter().map(|c| c.median)
    }

    /// The limits of open sides as oriented rows have them; [`f32::NEG_INFINITY`] where a feature has none.
    pub fn limits(&self, features: &[FeatureSpec]) -> Vec<f32> {
        let limit = |(column, spec): (&Column, &FeatureSpec)| {
            spec.limit.map_or(f32::NEG_INFINITY, |limit| column.orient(limit))
        };
        self.0.iter().zip(features).map(limit).collect()
    }

    /// Orients rows in place: row after row of [`Self::features`] values. A value that
    /// is not known (`NaN`) becomes the median, which says nothing against the row; infinities become the largest finite values.
    pub fn apply(&self, rows: &mut [f32]) {
        if self.0.is_empty() {
            return;
        }
        for row in rows.chunks_mut(self.0.len()) {
            for (value, column) in row.iter_mut().zip(&self.0) {
                *value = column.orient(*value);
            }
        }
    }
}

impl Column {
    fn orient(self, value: f32) -> f32 {
        let value = if value.is_nan() { self.median } else { value.clamp(f32::MIN, f32::MAX) };
        let oriented = match self.direction {
            Direction::High => value.max(self.median),
            Direction::Low => -value.min(self.median),
            Direction::Both => value,
        };
        match self.scale {
            Scale::Linear => oriented,
            Scale::Log => oriented.abs().ln_1p().copysign(oriented),
        }
    }
}

/// The lower median of the known values, held finite; 0 where there are none.
fn median<'a>(values: impl Iterator<Item = &'a f32>) -> f32 {
    let mut known: Vec<f32> = values.copied().filter(|v| !v.is_nan()).collect();
    if known.is_empty() {
        return 0.0;
    }
    let middle = (known.len() - 1) / 2;
    let (_, median, _) = known.select_nth_unstable_by(middle, f32::total_cmp);
    median.clamp(f32::MIN, f32::MAX)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "tests compare exact answers and make small data")]
mod tests {
    use super::*;

    #[test]
    fn orients_each_value() {
        let check = |direction, scale, median, value: f32, expected: f32| {
            let got = Column { direction, scale, median }.orient(value);
            assert_eq!(got.to_bits(), expected.to_bits(), "{direction:?} {scale:?} {value} -> {got}");
        };
        check(Direction::High, Scale::Linear, 5.0, 9.0, 9.0);
        check(Direction::High, Scale::Linear, 5.0, 1.0, 5.0);
        check(Direction::Low, Scale::Linear, 5.0, 1.0, -1.0);
        check(Direction::Low, Scale::Linear, 5.0, 9.0, -5.0);
        check(Direction::Both, Scale::Linear, 5.0, 1.0, 1.0);
        check(Direction::High, Scale::Log, 0.0, 99.0, 99.0_f32.ln_1p());
        check(Direction::Low, Scale::Log, 9.0, 3.0, -(3.0_f32.ln_1p()));
        check(Direction::Both, Scale::Log, 0.0, 0.0, 0.0);
        check(Direction::High, Scale::Linear, 5.0, f32::NAN, 5.0);
        check(Direction::High, Scale::Linear, 5.0, f32::INFINITY, f32::MAX);
        check(Direction::Low, Scale::Linear, 5.0, f32::NEG_INFINITY, f32::MAX);
    }

    #[test]
    fn medians_leave_unknown_values_out() {
        let check = |values: &[f32], expected: f32| assert_eq!(median(values.iter()), expected, "{values:?}");
        check(&[], 0.0);
        check(&[f32::NAN], 0.0);
        check(&[3.0, f32::NAN, 1.0, 2.0], 2.0);
        check(&[1.0, 2.0, 3.0, 4.0], 2.0);
        check(&[f32::INFINITY], f32::MAX);
    }

    #[test]
    fn fits_by_column_and_refuses_ragged_rows() {
        let features = ["a", "b"].map(|n| FeatureSpec::new(n, Direction::High, Scale::Linear));
        let t = Transform::fit(&features, &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]).unwrap();
        assert_eq!(t.medians().collect::<Vec<_>>(), [2.0, 20.0]);
        let mut rows = [0.0, 25.0];
        t.apply(&mut rows);
        assert_eq!(rows, [2.0, 25.0]);
        assert_eq!(
            t.limits(&[features[0].clone(), features[1].clone().open_to(99.0)]),
            [f32::NEG_INFINITY, 99.0]
        );
        assert!(Transform::fit(&features, &[1.0]).is_err());
        assert!(Transform::fit(&[], &[]).is_err());
    }
}
