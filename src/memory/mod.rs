//! What the tables of the data path are made of: two ways to find a key that can be asked ahead of time, and the prefetch that they are for.
//!
//! A dependent cache miss costs as much as a hundred instructions or more, and several independent ones hardly more than one:
//! tables are asked in batches, first for what will be needed, then for what to do with it.

mod index;
mod lanes;
mod pages;
mod places;
mod prefetch;
mod sort;

pub use index::Index;
pub(crate) use pages::{ask_for_huge_pages, is_worth_huge_pages, make_ready, make_ready_for_table};
pub use places::Places;
pub(crate) use prefetch::{LINE, prefetch, prefetch_at, prefetch_text};
pub(crate) use sort::sort_by_number;
