//! Sorting by numbers that lie close together, as those of packets do: digit by digit, without a comparison that could be guessed wrong.

use std::mem::swap;

/// Bits of a number that a pass sorts by, at most: the counts of all their values lie in the first cache.
const DIGIT_BITS: u32 = 11;
/// Values that are worth passes; fewer are compared.
const LEAST: usize = 64;

/// Sorts values by a number of each; those of the same number stay in their order. `beside` lends its memory, as much as the values take.
pub(crate) fn sort_by_number<T: Copy>(values: &mut Vec<T>, beside: &mut Vec<T>, number: impl Fn(&T) -> u64) {
    if values.len() < LEAST {
        return values.sort_by_key(number);
    }
    let (mut least, mut most) = (u64::MAX, 0);
    for value in &*values {
        (least, most) = (least.min(number(value)), most.max(number(value)));
    }
    let bits = u64::BITS - (most - least).leading_zeros();
    let passes = bits.div_ceil(DIGIT_BITS);
    let digit_bits = bits.div_ceil(passes.max(1));
    for pass in 0..passes {
        #[expect(clippy::cast_possible_truncation, reason = "a digit has eleven bits")]
        let digit =
            |value: &T| ((number(value) - least) >> (pass * digit_bits) & ((1 << digit_bits) - 1)) as usize;
        sort_by_digit(values, beside, digit);
        swap(values, beside);
    }
}

/// Copies values beside, in the order of a digit of each; those of the same digit stay in their order.
fn sort_by_digit<T: Copy>(values: &[T], beside: &mut Vec<T>, digit: impl Fn(&T) -> usize) {
    let mut ends = [0_u32; 1 << DIGIT_BITS];
    for value in values {
        if let Some(count) = ends.get_mut(digit(value)) {
            *count += 1;
        }
    }
    let mut begin = 0;
    for end in &mut ends {
        begin += std::mem::replace(end, begin);
    }
    beside.clear();
    beside.extend_from_slice(values);
    for value in values {
        if let Some(end) = ends.get_mut(digit(value))
            && let Some(place) = beside.get_mut(*end as usize)
        {
            *place = *value;
            *end += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Against the sort of the standard library, for numbers that lie close together and for such that do not.
        #[test]
        fn is_a_stable_sort(
            numbers in prop::collection::vec(any::<u64>(), 0..600),
            bits in 0_u32..64,
            first in prop_oneof![Just(0), any::<u64>()],
        ) {
            let mut values: Vec<(u64, usize)> =
                numbers.iter().map(|n| first.saturating_add(n >> bits)).zip(0..).collect();
            let mut expected = values.clone();
            expected.sort_by_key(|value| value.0);
            sort_by_number(&mut values, &mut Vec::new(), |value| value.0);
            prop_assert_eq!(values, expected);
        }
    }
}
