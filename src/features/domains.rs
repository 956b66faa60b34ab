//! Registered domains of the names that were asked for lately.

use std::sync::Arc;

use crate::decode::app::registered_domain;
use crate::memory::{prefetch, prefetch_text};

/// Names that are remembered: more than wait for their answers at a time.
const PLACES: usize = 1024;

/// Name → registered domain. A query and its answers have one name, so every other look-up in the public suffix list, and the
/// allocation of the domain, is saved. A name takes the place of another whose hash leads there.
#[derive(Clone, Debug)]
pub(super) struct DomainCache {
    places: Vec<Option<(Arc<str>, Arc<str>)>>,
}

impl DomainCache {
    pub(super) fn new() -> Self {
        Self { places: vec![None; PLACES] }
    }

    /// A name with this hash will be asked for.
    pub(super) fn expect(&self, hash: u64) {
        if let Some(place) = self.places.get(place_of(hash)) {
            prefetch(place, size_of_val(place));
        }
    }

    /// Asks for what is remembered where a name that was expected belongs.
    pub(super) fn approach(&self, hash: u64) {
        if let Some(Some((name, domain))) = self.places.get(place_of(hash)) {
            prefetch_text(name);
            prefetch_text(domain);
        }
    }

    /// The registered domain of a name with this hash, a suffix of it; empty where it has none.
    pub(super) fn domain_of(&mut self, name: &Arc<str>, hash: u64) -> Arc<str> {
        let Some(place) = self.places.get_mut(place_of(hash)) else { return registered_domain(name).into() };
        match place {
            Some((known, domain)) if known == name => Arc::clone(domain),
            _ => {
                let domain: Arc<str> = registered_domain(name).into();
                *place = Some((Arc::clone(name), Arc::clone(&domain)));
                domain
            }
        }
    }
}

fn place_of(hash: u64) -> usize {
    usize::try_from(hash % PLACES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_those_of_the_list_whatever_was_asked_before() {
        let mut cache = DomainCache::new();
        let names = ["www.example.co.uk", "example.co.uk", "a.b.example.com", "com", "", "10.in-addr.arpa"];
        for round in 0..3 {
            for (at, name) in (0..).zip(names) {
                // In the last round all names have one hash.
                let hash = if round < 2 { at } else { 7 };
                assert_eq!(&*cache.domain_of(&name.into(), hash), registered_domain(name), "{name}");
            }
        }
    }
}
