//! Floats as integers of the same order: a comparison of integers costs a step of a walk half of what one of floats does.

/// The number whose order among all such numbers is that of `value` among floats. Both zeros have one number; `NaN` has no order.
#[inline]
pub(super) fn rank(value: f32) -> u32 {
    // Adding zero makes the negative zero positive.
    let bits = (value + 0.0).to_bits();
    // Negative floats grow with their bits the wrong way round, and lie below the others.
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The float with a rank.
#[inline]
pub(super) fn unrank(rank: u32) -> f32 {
    f32::from_bits(if rank >> 31 == 0 { !rank } else { rank & !(1 << 31) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_but_nan() -> impl Strategy<Value = f32> {
        let edges = [0.0, -0.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::INFINITY];
        let edge = prop::sample::select(edges.to_vec()).prop_flat_map(|v| prop::sample::select(vec![v, -v]));
        prop_oneof![3 => any::<u32>().prop_map(f32::from_bits), 1 => edge]
            .prop_filter("has an order", |v| !v.is_nan())
    }

    proptest! {
        #[test]
        fn ranks_compare_as_floats_do(a in any_but_nan(), b in any_but_nan()) {
            prop_assert_eq!(rank(a).cmp(&rank(b)), a.partial_cmp(&b).unwrap());
        }

        #[test]
        fn ranks_stand_for_their_float(value in any_but_nan()) {
            prop_assert_eq!(unrank(rank(value)).to_bits(), (value + 0.0).to_bits());
        }
    }
}
