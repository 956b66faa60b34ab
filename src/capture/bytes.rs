//! The bytes of a block: memory of its own, or a block of the kernel's ring, read where the kernel put it.

use std::ops::{Deref, DerefMut};

#[cfg(target_os = "linux")]
use super::live::Lent;

/// Bytes that a [`super::Block`] has, or has been lent. Memory of its own is kept while it has others lent, and used again.
#[derive(Debug, Default)]
pub struct Bytes {
    own: Vec<u8>,
    #[cfg(target_os = "linux")]
    lent: Option<Lent>,
}

impl Bytes {
    /// Memory of its own, to be written. What was lent goes back.
    pub fn own(&mut self) -> &mut Vec<u8> {
        self.give_back();
        &mut self.own
    }

    /// Forgets the bytes. What was lent goes back; memory of its own is kept.
    pub fn clear(&mut self) {
        self.give_back();
        self.own.clear();
    }

    /// Gives back what was lent, in whose place are the bytes of its own again.
    pub fn give_back(&mut self) {
        #[cfg(target_os = "linux")]
        drop(self.lent.take());
    }

    /// Has these bytes instead of its own, until it is cleared or dropped.
    #[cfg(target_os = "linux")]
    pub(super) fn borrow_from(&mut self, lent: Lent) {
        self.lent = Some(lent);
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        #[cfg(target_os = "linux")]
        if let Some(lent) = &self.lent {
            return lent;
        }
        &self.own
    }
}

impl DerefMut for Bytes {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        #[cfg(target_os = "linux")]
        if let Some(lent) = &mut self.lent {
            return lent;
        }
        &mut self.own
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(own: Vec<u8>) -> Self {
        Self { own, ..Self::default() }
    }
}
