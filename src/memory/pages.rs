//! Pages of memory.

/// Bytes of a page, as small as they come.
#[cfg(target_os = "linux")]
const PAGE: usize = 4 << 10;
/// Bytes of a huge page.
const HUGE: usize = 2 << 20;

/// Asks for huge pages under the memory that a vector has reserved and not yet touched. Records that are found by their hash lie all over their memory: with
/// pages of 4 KiB nearly each costs a walk through the page tables too. Where the kernel has no such pages, nothing changes.
#[cfg(target_os = "linux")]
pub(crate) fn ask_for_huge_pages<T>(values: &mut Vec<T>) {
    advise(values.as_mut_ptr(), values.capacity() * size_of::<T>(), HUGE, libc::MADV_HUGEPAGE);
}

/// Has the kernel make memory ready for so many values more, as far as a vector has reserved it: it is going to be written right away, and page by page, as it is
/// touched, that takes several times as long. Where the kernel cannot, nothing changes.
#[cfg(target_os = "linux")]
pub(crate) fn make_ready<T>(values: &mut Vec<T>, more: usize) {
    let free = values.spare_capacity_mut();
    let free = free.get_mut(..more).unwrap_or_default();
    advise(free.as_mut_ptr(), size_of_val(free), PAGE, libc::MADV_POPULATE_WRITE);
}

/// Gives the kernel advice that changes nothing that lies in them on the whole pages of some memory, which is a vector's own.
#[cfg(target_os = "linux")]
fn advise<T>(begin: *mut T, bytes: usize, page: usize, advice: libc::c_int) {
    let skipped = begin.addr().next_multiple_of(page) - begin.addr();
    let whole = bytes.saturating_sub(skipped) / page * page;
    if whole > 0 {
        #[expect(unsafe_code, reason = "no safe form of madvise(2)")]
        // SAFETY: the pages are all of one vector's memory, which its caller has borrowed, and both kinds of advice leave what lies in them as it is.
        unsafe {
            libc::madvise(begin.wrapping_byte_add(skipped).cast(), whole, advice);
        }
    }
}

/// Elsewhere, pages are what they are.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ask_for_huge_pages<T>(_values: &mut Vec<T>) {}

/// And are ready when they are touched.
#[cfg(not(target_os = "linux"))]
pub(crate) fn make_ready<T>(_values: &mut Vec<T>, _more: usize) {}

/// Makes memory ready for a table of so many values in all, as far as a vector has reserved it, on huge pages where these serve it.
pub(crate) fn make_ready_for_table<T>(values: &mut Vec<T>, all: usize) {
    if is_worth_huge_pages(all * size_of::<T>()) {
        ask_for_huge_pages(values);
    }
    make_ready(values, all.saturating_sub(values.len()));
}

/// Whether a table of some bytes is so large that huge pages serve it, though it may not fill them yet.
pub(crate) const fn is_worth_huge_pages(bytes: usize) -> bool {
    bytes >= HUGE / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_pages_stays() {
        for capacity in [0, 1, HUGE - 1, 3 * HUGE] {
            let mut values = Vec::with_capacity(capacity);
            values.resize(capacity / 2, 7_u8);
            ask_for_huge_pages(&mut values);
            make_ready(&mut values, capacity / 3);
            make_ready(&mut values, capacity);
            make_ready_for_table(&mut values, capacity);
            values.resize(capacity, 9);
            assert!(
                values.iter().enumerate().all(|(at, value)| *value == if at < capacity / 2 { 7 } else { 9 })
            );
        }
        assert!(is_worth_huge_pages(HUGE / 2) && !is_worth_huge_pages(HUGE / 8));
    }
}
