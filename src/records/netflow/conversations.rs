//! All conversations that exports tell of, until they have ended. Their number is bounded, and time is that of the flows.

use std::collections::BTreeSet;

use foldhash::quality::SeedableRandomState;
use hashbrown::HashMap;

use super::conversation::{Conversation, Fit, canonical};
use super::piece::Piece;
use crate::flow::{Config, EndReason, FlowKey, FlowReport, ReportPhase};
use crate::records::record::{burst, reason};
use crate::records::{Record, Told};
use crate::seed::Seed;
use crate::time::Timestamp;

/// Conversations that are followed: some 100 MB.
const CONVERSATIONS_MAX: usize = 1 << 18;

/// The conversations.
#[derive(Debug)]
pub(super) struct Conversations {
    of: HashMap<FlowKey, Conversation, SeedableRandomState>,
    /// When something is due of each.
    due: BTreeSet<(Timestamp, FlowKey)>,
    config: Config,
    pub(super) most: usize,
    /// Latest time of any flow.
    now: Timestamp,
    generation: u64,
    /// Conversations that were given up for others.
    pub(super) evicted: u64,
}

impl Conversations {
    pub(super) fn new(config: Config, seed: Seed) -> Self {
        Self {
            of: HashMap::with_hasher(seed.hasher()),
            due: BTreeSet::new(),
            config,
            most: CONVERSATIONS_MAX,
            now: Timestamp::MIN,
            generation: 0,
            evicted: 0,
        }
    }

    /// Latest time of any flow; the earliest time of all before the first.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// How many are followed.
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    /// Takes a piece; false where it was told before.
    pub(super) fn take(&mut self, piece: &Piece, out: &mut Vec<Record>) -> bool {
        self.now = self.now.max(piece.last);
        let key = canonical(&piece.key);
        match self.of.get(&key).map(|conversation| conversation.fit(piece, &self.config)) {
            Some(Fit::Duplicate) => return false,
            Some(Fit::Later) => self.end(key, None, out),
            Some(Fit::Earlier) => {
                let mut alone = Conversation::new(piece);
                alone.add(piece);
                out.push(self.report(&mut alone, true, None));
                return true;
            }
            None if self.of.len() >= self.most => self.give_one_up(out),
            Some(Fit::Belongs) | None => {}
        }
        let mut conversation = match self.of.remove(&key) {
            Some(conversation) => {
                self.due.remove(&(conversation.due, key));
                conversation
            }
            None => Conversation::new(piece),
        };
        conversation.add(piece);
        conversation.generation = self.generation;
        self.keep(key, conversation);
        true
    }

    /// The clock of the flows has reached a time.
    pub(super) fn advance(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
    }

    /// Reports what is due. What came since the sweep before is left to the next one: the other direction may be in a datagram that is on its
    /// way.
    pub(super) fn sweep(&mut self, out: &mut Vec<Record>) {
        let mut young = Vec::new();
        while let Some((at, key)) = self.due.first().copied().filter(|(at, _)| *at <= self.now) {
            self.due.pop_first();
            let Some(mut conversation) = self.of.remove(&key) else { continue };
            if conversation.generation == self.generation {
                young.push((at, key));
                self.of.insert(key, conversation);
                continue;
            }
            let ended = conversation.last + conversation.patience(&self.config) <= self.now;
            out.push(self.report(&mut conversation, ended, None));
            if !ended {
                self.keep(key, conversation);
            }
        }
        self.due.extend(young);
        self.generation += 1;
    }

    /// Ends so many of them at most.
    pub(super) fn finish(&mut self, most: usize, out: &mut Vec<Record>) {
        for _ in 0..most {
            let Some((_, key)) = self.due.first().copied() else { return };
            self.end(key, Some(EndReason::EndOfInput), out);
        }
    }

    /// Ends the one that would have ended first.
    fn give_one_up(&mut self, out: &mut Vec<Record>) {
        if let Some((_, key)) = self.due.first().copied() {
            self.evicted += 1;
            self.end(key, Some(EndReason::Evicted), out);
        }
    }

    fn end(&mut self, key: FlowKey, why: Option<EndReason>, out: &mut Vec<Record>) {
        let Some(mut conversation) = self.of.remove(&key) else { return };
        self.due.remove(&(conversation.due, key));
        out.push(self.report(&mut conversation, true, why));
    }

    fn keep(&mut self, key: FlowKey, mut conversation: Conversation) {
        conversation.due = self.due_of(&conversation);
        self.due.insert((conversation.due, key));
        self.of.insert(key, conversation);
    }

    /// When the conversation has ended if nothing more comes, or when it is to be told of because it goes on.
    fn due_of(&self, conversation: &Conversation) -> Timestamp {
        let ends = conversation.last + conversation.patience(&self.config);
        let told = conversation.reported.map_or(conversation.first, |(at, _)| at);
        let goes_on = conversation.changed && conversation.last - conversation.first >= self.config.interim;
        if goes_on { ends.min(told + self.config.interim) } else { ends }
    }

    fn report(&self, conversation: &mut Conversation, ended: bool, why: Option<EndReason>) -> Record {
        let record = conversation.record();
        let first = conversation.reported.is_none();
        let new = match &conversation.reported {
            Some((_, counters)) => record.counters.since(counters),
            None => record.counters,
        };
        conversation.reported = Some((self.now, record.counters));
        conversation.changed = false;
        let phase = if ended {
            ReportPhase::Final(why.unwrap_or_else(|| reason(&record)))
        } else {
            ReportPhase::Interim
        };
        let exchange = first.then(|| burst(&record));
        Record {
            at: self.now,
            what: Told::Flow(exchange, FlowReport { phase, first, record, app_is_new: first, new }),
        }
    }
}
