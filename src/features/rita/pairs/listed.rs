//! Every pair, as RITA lists them.

use super::{RitaPair, RitaPairs, Side, told};
use crate::addr::Addr;

/// A row of RITA.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedPair {
    /// Who began the connections.
    pub src: Addr,
    /// Whom they went to; nothing where the pair is of a name.
    pub dst: Option<Addr>,
    /// The name, with the port that an HTTP host has beside it.
    pub fqdn: Option<String>,
    /// The proxy that was last asked for the name.
    pub proxy: Option<Addr>,
    /// What RITA says of it.
    pub figures: RitaPair,
}

impl RitaPairs {
    /// All pairs with a connection that RITA counts, in the order of host and far side.
    pub fn listed(&self) -> impl Iterator<Item = ListedPair> {
        let pairs = self.pairs.iter().filter_map(|((host, side), kept)| {
            let outbound = self.outbound.unwrap_or_default();
            let (src, dst, fqdn, figures) = match side {
                Side::Name(name, port) => {
                    let fqdn = port.map_or_else(|| name.to_string(), |port| format!("{name}:{port}"));
                    (*host, None, Some(fqdn), told(kept, outbound))
                }
                Side::Addr(addr) => (*host, Some(*addr), None, self.by_address(*host, *addr, outbound)?),
                Side::From(addr) => (*addr, Some(*host), None, told(kept, self.whole.unwrap_or_default())),
            };
            Some(ListedPair { src, dst, fqdn, proxy: kept.proxy, figures })
        });
        pairs.filter(|pair| pair.figures.connections > 0 || pair.figures.open_connections > 0)
    }
}
