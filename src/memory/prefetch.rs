//! Asking for cache lines before they are needed.

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks for the cache lines of the first `bytes` of a value, without waiting for them.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(crate) fn prefetch<T>(value: &T, bytes: usize) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    let start = std::ptr::from_ref(value).cast::<i8>();
    for at in (0..bytes.min(size_of::<T>())).step_by(LINE) {
        #[expect(unsafe_code, reason = "measured in docs/adr/0015-prefetch.md; no safe form is stable")]
        // SAFETY: prefetching reads nothing and faults nowhere; the address lies inside `value` all the same.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(start.add(at));
        }
    }
}

/// Other processors find out by themselves.
#[inline]
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn prefetch<T>(_value: &T, _bytes: usize) {
    const { assert!(LINE > 0) }
}
