//! Comparing many small numbers at once.

/// Numbers that are compared at once.
pub(super) const LANES: usize = 16;

/// Which lanes hold a value, a bit each, the first one lowest.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(super) fn equal_lanes(lanes: &[u16; LANES], value: u16) -> u32 {
    #[expect(unsafe_code, reason = "a fifth of the instructions of the plain loop, for every packet")]
    // SAFETY: every processor of this architecture has SSE2.
    unsafe {
        equal_lanes_sse2(lanes, value)
    }
}

#[inline]
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn equal_lanes_sse2(lanes: &[u16; LANES], value: u16) -> u32 {
    use core::arch::x86_64::{
        _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_packs_epi16, _mm_set_epi16, _mm_set1_epi16,
    };
    let wanted = _mm_set1_epi16(value.cast_signed());
    let [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15] = lanes.map(u16::cast_signed);
    let low = _mm_cmpeq_epi16(_mm_set_epi16(n7, n6, n5, n4, n3, n2, n1, n0), wanted);
    let high = _mm_cmpeq_epi16(_mm_set_epi16(n15, n14, n13, n12, n11, n10, n9, n8), wanted);
    _mm_movemask_epi8(_mm_packs_epi16(low, high)).cast_unsigned()
}

/// The same, one after the other.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_lanes_one_by_one(lanes: &[u16; LANES], value: u16) -> u32 {
    (0..).zip(lanes).fold(0, |equal, (lane, at)| equal | u32::from(*at == value) << lane)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use equal_lanes_one_by_one as equal_lanes;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lanes_are_those_of_the_plain_loop(lanes in prop::array::uniform16(0_u16..4), wanted in 0_u16..4) {
            prop_assert_eq!(equal_lanes(&lanes, wanted), equal_lanes_one_by_one(&lanes, wanted));
        }
    }
}
