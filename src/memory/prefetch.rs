//! Asking for cache lines before they are needed.

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks for the cache lines of the first `bytes` of a value, without waiting for them.
#[inline]
pub(crate) fn prefetch<T>(value: &T, bytes: usize) {
    for at in (0..bytes.min(size_of::<T>())).step_by(LINE) {
        prefetch_at(value, at);
    }
}

/// Asks for the begin of a text, by which most are told apart.
pub(crate) fn prefetch_text(text: &str) {
    if let Some(first) = text.as_bytes().first() {
        prefetch_at(first, 0);
    }
}

/// Asks for the cache line `at` bytes behind the begin of a value.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(crate) fn prefetch_at<T>(value: &T, at: usize) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    let address = std::ptr::from_ref(value).cast::<i8>().wrapping_add(at);
    #[expect(unsafe_code, reason = "measured in docs/adr/0015-prefetch.md; no safe form is stable")]
    // SAFETY: prefetching reads nothing and faults nowhere, whatever the address.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(address);
    }
}

/// Other processors find out by themselves.
#[inline]
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn prefetch_at<T>(_value: &T, _at: usize) {}
