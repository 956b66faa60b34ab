//! What the tables of the data path are made of: an index that can be asked ahead of time, and the prefetch that it is for.
//!
//! A dependent cache miss costs as much as a hundred instructions or more, and several independent ones hardly more than one:
//! tables are asked in batches, first for what will be needed, then for what to do with it.

mod index;
mod prefetch;

pub use index::Index;
pub(crate) use prefetch::{LINE, prefetch, prefetch_at};
