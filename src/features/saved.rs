//! The state as a checkpoint holds it: what the maps hold, not how they hold it.

use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::{Channel, ChannelKey, FeatureStore, Holding, Host};
use crate::addr::Addr;

/// What [`FeatureStore`] serialises to. Whoever changes a type in it gives checkpoints a new version.
#[derive(Debug, Default, Deserialize)]
pub struct SavedFeatures {
    hosts: Vec<(Addr, Host)>,
    channels: Vec<(ChannelKey, Channel)>,
    names: Vec<((Addr, Addr), Arc<str>)>,
    inbound_unanswered: u64,
    /// Names of the assets that the numbers in `hosts` stand for.
    assets: Vec<String>,
}

impl Serialize for FeatureStore {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("SavedFeatures", 5)?;
        fields.serialize_field("hosts", &Entries(self.hosts.len(), || self.hosts.iter()))?;
        fields.serialize_field("channels", &Entries(self.channels.len(), || self.channels.iter()))?;
        fields.serialize_field("names", &Entries(self.names.iter().count(), || self.names.iter()))?;
        fields.serialize_field("inbound_unanswered", &self.inbound_unanswered)?;
        fields.serialize_field("assets", &self.assets.names().collect::<Vec<_>>())?;
        fields.end()
    }
}

/// A known number of entries, written as a list of pairs.
struct Entries<F>(usize, F);

impl<F, I, K, V> Serialize for Entries<F>
where
    F: Fn() -> I,
    I: Iterator<Item = (K, V)>,
    K: Serialize,
    V: Serialize,
{
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut list = to.serialize_seq(Some(self.0))?;
        for entry in (self.1)() {
            list.serialize_element(&entry)?;
        }
        list.end()
    }
}

impl FeatureStore {
    /// Takes over saved state; what finds no room is counted as refused. Names under domains count as the same only where the
    /// store has the seed of the one that was saved. What hosts hold of an asset that is not followed any more, by name, is forgotten.
    pub fn restore(&mut self, saved: SavedFeatures) {
        let renumber = |held: Holding| self.assets.renumber(held, saved.assets.get(usize::from(held.asset))?);
        for (host, mut state) in saved.hosts {
            state.holding = state.holding.and_then(renumber);
            let hash = self.hosts.hash(&host);
            self.hosts.update(&host, hash, Host::default, |place| *place = state);
        }
        for (key, channel) in saved.channels {
            let hash = self.channels.hash(&key);
            let (internal, first) = (channel.internal, channel.first_seen);
            let make = || Channel::new(internal, first);
            self.channels.update(&key, hash, make, |place| *place = channel);
        }
        for ((host, addr), name) in saved.names {
            self.names.learn(host, addr, &name);
        }
        self.inbound_unanswered += saved.inbound_unanswered;
    }
}
