//! What stands for a host in the labels of its series.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::addr::Addr;
use crate::features::FeatureStore;

/// Hexadecimal digits of a keyed hash: 64 bits, so that no two of a million hosts are likely to share one.
const HMAC_DIGITS: usize = 16;

/// How hosts are named (`metrics.host_label`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostLabel {
    /// By address.
    #[default]
    Ip,
    /// By the name that DNS gave for the address, where that is seen and belongs to one host; by address otherwise.
    Hostname,
    /// By a hash of the address under this key: tells hosts apart and does not tell who they are.
    Hmac(Arc<[u8]>),
    /// Not at all: there are no series of hosts.
    Off,
}

/// The labels of the hosts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostLabels {
    label: HostLabel,
    names: BTreeMap<Addr, String>,
}

impl HostLabels {
    /// Labels of this kind for the chosen hosts; the names are those that the store has learnt.
    pub fn new(label: &HostLabel, chosen: &BTreeSet<Addr>, store: &FeatureStore) -> Self {
        let mut names = if *label == HostLabel::Hostname { names_of(store) } else { BTreeMap::new() };
        names.retain(|host, _| chosen.contains(host));
        Self { label: label.clone(), names }
    }

    /// The label of a host; nothing where it is to have no series.
    pub fn of(&self, host: Addr) -> Option<Cow<'_, str>> {
        match &self.label {
            HostLabel::Ip => Some(host.to_string().into()),
            HostLabel::Hostname => match self.names.get(&host) {
                Some(name) => Some(name.as_str().into()),
                None => Some(host.to_string().into()),
            },
            HostLabel::Hmac(key) => Some(keyed(key, host).into()),
            HostLabel::Off => None,
        }
    }
}

/// Names of hosts. One that several hosts have would make their series one, and is left out.
fn names_of(store: &FeatureStore) -> BTreeMap<Addr, String> {
    let mut names: BTreeMap<Addr, String> = BTreeMap::new();
    for (host, name) in store.names_of_hosts() {
        // The first in alphabetical order, so that it does not change from pass to pass.
        let name = name.to_string();
        let known = names.entry(host).or_insert_with(|| name.clone());
        if name < *known {
            *known = name;
        }
    }
    let mut seen = BTreeSet::new();
    let shared: BTreeSet<String> = names.values().filter(|name| !seen.insert(*name)).cloned().collect();
    names.retain(|_, name| !shared.contains(name));
    names
}

fn keyed(key: &[u8], host: Addr) -> String {
    // HMAC takes keys of any length (RFC 2104, section 3).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    host.words().iter().for_each(|word| mac.update(&word.to_be_bytes()));
    let mut digits = hex::encode(mac.finalize().into_bytes());
    digits.truncate(HMAC_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Config, LocalNetworks};
    use crate::seed::Seed;

    #[test]
    fn a_host_is_named_as_asked() {
        let store = FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed::REPLAY);
        let host = Addr::from_v4([10, 0, 0, 1]);
        let label = |label: HostLabel| {
            HostLabels::new(&label, &BTreeSet::from([host]), &store).of(host).map(Cow::into_owned)
        };
        assert_eq!(label(HostLabel::Ip).as_deref(), Some("10.0.0.1"));
        assert_eq!(label(HostLabel::Hostname).as_deref(), Some("10.0.0.1"), "no name is known");
        assert_eq!(label(HostLabel::Off), None);
        let [one, other] =
            [b"one".as_slice(), b"other"].map(|key| label(HostLabel::Hmac(key.into())).unwrap());
        assert_ne!(one, other);
        assert!(one.len() == HMAC_DIGITS && one.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
