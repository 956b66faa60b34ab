//! The addresses of a flow as its record holds them.

use crate::addr::Addr;
use crate::memory::prefetch;

/// Two addresses in eight bytes, the originator's first, where both are of IPv4. Others lie in [`WideEnds`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends(u64);

impl Ends {
    /// In place of two addresses that do not fit. It is what two broadcast addresses of IPv4 would be, too: so they count as such.
    pub(super) const WIDE: Self = Self(u64::MAX);

    #[inline]
    pub(super) fn of(orig: Addr, resp: Addr) -> Self {
        // Without branches, as all that is asked of every packet.
        let ([a, orig_low], [b, resp_low]) = (orig.words(), resp.words());
        let is_wide = a | b | Addr::v6_bits(orig_low) | Addr::v6_bits(resp_low);
        let narrow = orig_low << u32::BITS | resp_low & u64::from(u32::MAX);
        if is_wide == 0 { Self(narrow) } else { Self::WIDE }
    }

    /// The same two in the other order.
    #[inline]
    pub(super) fn turned(self) -> Self {
        Self(self.0.rotate_left(u32::BITS))
    }

    /// Zero where the other two are the same.
    #[inline]
    pub(super) fn differ(self, other: Self) -> u64 {
        self.0 ^ other.0
    }

    /// Both, unless they are wide.
    fn narrow(self) -> Option<[Addr; 2]> {
        let [orig, resp] = [self.turned().0, self.0].map(Addr::from_v4_word);
        (self != Self::WIDE).then_some([orig, resp])
    }
}

/// The addresses that do not fit into the records of a table: in places with the same numbers, once there are any.
#[derive(Debug, Default)]
pub(super) struct WideEnds(Vec<[Addr; 2]>);

impl WideEnds {
    /// The two addresses of the record in a place, originator first.
    #[inline]
    pub(super) fn addresses(&self, ends: Ends, place: u32) -> [Addr; 2] {
        let wide = || self.0.get(place as usize).copied().unwrap_or_default();
        ends.narrow().unwrap_or_else(wide)
    }

    /// Asks for the addresses of the record in a place, if it has any here.
    #[inline]
    pub(super) fn prefetch(&self, place: u32) {
        if let Some(pair) = self.0.get(place as usize) {
            prefetch(pair, size_of_val(pair));
        }
    }

    /// Keeps the addresses of the record in one of `places` places, if they do not fit there.
    pub(super) fn keep(&mut self, ends: Ends, addresses: [Addr; 2], place: u32, places: usize) {
        if ends == Ends::WIDE {
            if self.0.len() < places {
                self.0.resize(places, [Addr::default(); 2]);
            }
            if let Some(pair) = self.0.get_mut(place as usize) {
                *pair = addresses;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        let addr = |text: &str| Addr::from(text.parse::<std::net::IpAddr>().unwrap());
        let all = ["10.0.0.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "ffff:ffff:ffff:ffff::"]
            .map(addr);
        let mut wide = WideEnds::default();
        for (place, [orig, resp]) in (0..).zip(all.iter().flat_map(|a| all.map(|b| [*a, b]))) {
            let ends = Ends::of(orig, resp);
            wide.prefetch(place);
            wide.keep(ends, [orig, resp], place, 36);
            assert_eq!(wide.addresses(ends, place), [orig, resp]);
            assert_eq!(ends.turned(), Ends::of(resp, orig));
            let fits = orig.is_v4() && resp.is_v4() && [orig, resp] != [all[2]; 2];
            assert_eq!(ends != Ends::WIDE, fits, "{orig} {resp}");
        }
    }
}
