//! The events of a stretch of the input, and their one order.

use std::iter::from_fn;

use crate::flow::{DnsEvent, Exchange, FlowEvent, FlowReport};
use crate::memory::sort_by_number;

/// Events in lists by kind, whose memory serves the next stretch again: no allocation an event.
#[derive(Debug, Default)]
pub struct Events {
    places: Vec<Place>,
    /// Memory to sort them with.
    beside: Vec<Place>,
    reports: Vec<FlowReport>,
    exchanges: Vec<Exchange>,
    dns: Vec<DnsEvent>,
}

/// Where an event stands in the order of all, and where it lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Ordinal, in the whole input, of the packet that caused the event; for events of a sweep, of the flow's first packet. Those of one packet, or of
    /// one flow in a sweep, are told one after the other.
    order: u64,
    kind: Kind,
    at: u32,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Report,
    Exchange,
    Dns,
}

impl Events {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Forgets the events, keeps the memory.
    pub fn clear(&mut self) {
        self.places.clear();
        self.reports.clear();
        self.exchanges.clear();
        self.dns.clear();
    }

    /// The events of all parts in one order, which is the same however they came into parts.
    pub fn in_order(parts: &mut [Self]) -> impl Iterator<Item = FlowEvent<'_>> {
        for part in &mut *parts {
            // Each table tells its own in order, one behind the other.
            sort_by_number(&mut part.places, &mut part.beside, |place| place.order);
        }
        let mut rest: Vec<(&Self, &[Place])> =
            parts.iter().map(|part| (part, part.places.as_slice())).collect();
        from_fn(move || {
            let (part, places) = rest.iter_mut().min_by_key(|(_, places)| {
                // Parts that are at their end come last.
                places.first().map_or((true, 0), |place| (false, place.order))
            })?;
            let (place, after) = places.split_first()?;
            *places = after;
            part.event(*place)
        })
    }

    fn event(&self, place: Place) -> Option<FlowEvent<'_>> {
        let at = place.at as usize;
        match place.kind {
            Kind::Report => self.reports.get(at).map(FlowEvent::Report),
            Kind::Exchange => self.exchanges.get(at).map(FlowEvent::Exchange),
            Kind::Dns => self.dns.get(at).map(FlowEvent::Dns),
        }
    }
}

/// Where the events of one packet, or of one flow in a sweep, go.
pub(super) struct Emitter<'a> {
    events: &'a mut Events,
    order: u64,
}

impl<'a> Emitter<'a> {
    #[inline]
    pub(super) fn new(events: &'a mut Events, order: u64) -> Self {
        Self { events, order }
    }

    pub(super) fn report(&mut self, report: FlowReport) {
        self.place(Kind::Report, self.events.reports.len());
        self.events.reports.push(report);
    }

    pub(super) fn exchange(&mut self, exchange: Exchange) {
        self.place(Kind::Exchange, self.events.exchanges.len());
        self.events.exchanges.push(exchange);
    }

    pub(super) fn dns(&mut self, event: DnsEvent) {
        self.place(Kind::Dns, self.events.dns.len());
        self.events.dns.push(event);
    }

    fn place(&mut self, kind: Kind, at: usize) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.events.places.push(Place { order: self.order, kind, at });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exchange(packets: u32) -> Exchange {
        Exchange { packets, ..Exchange::default() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// However orders are dealt to parts, and in whatever order they came there, they come out in one.
        #[test]
        fn parts_come_out_in_one_order(orders in prop::collection::btree_set(0_u64..500, 0..60), deal: u64) {
            let mut parts = [Events::default(), Events::default(), Events::default()];
            let mut shuffled: Vec<u64> = orders.iter().copied().collect();
            shuffled.sort_by_key(|order| (order ^ deal).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for order in shuffled {
                let part = usize::try_from((order ^ deal) % 3).unwrap();
                let mut out = Emitter::new(&mut parts[part], order);
                let first = u32::try_from(order * 2).unwrap();
                out.exchange(exchange(first));
                out.exchange(exchange(first + 1));
            }
            let got: Vec<u32> = Events::in_order(&mut parts)
                .map(|event| if let FlowEvent::Exchange(exchange) = event { exchange.packets } else { 0 })
                .collect();
            let expected: Vec<u32> =
                orders.iter().map(|order| u32::try_from(order * 2).unwrap()).flat_map(|n| [n, n + 1]).collect();
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert!(Events::in_order(&mut []).next().is_none());
        let mut events = Events::default();
        Emitter::new(&mut events, 7).exchange(exchange(1));
        assert_eq!((events.len(), events.is_empty()), (1, false));
        events.clear();
        assert!(Events::in_order(&mut [events]).next().is_none());
    }
}
