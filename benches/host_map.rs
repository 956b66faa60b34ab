//! Updates of the map of channels, against concurrent maps and maps behind locks.
//!
//! `cargo bench --bench host_map`. A million channels with values of 256 bytes, drawn evenly or by Zipf's law; updates arrive in windows of 32, as
//! events do in `src/features/mod.rs`. One thread writes; in the second half another copies entries meanwhile, as fast as it can. Times are
//! processor time of the writing thread: time in which it sleeps at a lock is not in them. The decision that rests on this is
//! `docs/adr/0016-host-map-of-our-own.md`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop at a broken premise")]

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, RwLock};
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;
use foldhash::quality::SeedableRandomState;
use hashbrown::{HashMap, HashTable};
use undercurrent::addr::Addr;
use undercurrent::features::{BoundedMap, ChannelKey, Peer};
use undercurrent::seed::Seed;

const KEYS_LOG2: u32 = 20;
const KEYS: usize = 1 << KEYS_LOG2;
/// Updates of one measurement.
const UPDATES: usize = 1 << 18;
/// Updates that arrive together.
const WINDOW: usize = 32;
const SHARDS: usize = 64;

type Value = [u64; 32];
type Hasher = SeedableRandomState;

/// What an update does: it changes all four cache lines of a value.
fn change(value: &mut Value) {
    value.iter_mut().step_by(8).for_each(|word| *word += 1);
}

/// What updates have left in a value.
fn sum(value: &Value) -> u64 {
    value.iter().sum()
}

/// The key of a channel: a host of 16,384 and an address of all.
fn key(number: u32) -> ChannelKey {
    let [_, _, high, low] = (number % (1 << 14)).to_be_bytes();
    ChannelKey {
        host: Addr::from_v4([10, 0, high, low]),
        peer: Peer::Addr(Addr::from_v4(number.wrapping_mul(0x9e37_79b1).to_be_bytes())),
        port: 443,
        proto: 6,
        outbound: true,
    }
}

#[derive(Clone, Copy, Debug)]
enum Distribution {
    Uniform,
    Zipf,
}

/// Numbers of keys without end.
struct Draws {
    distribution: Distribution,
    random: u64,
}

impl Draws {
    fn next(&mut self) -> u32 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = u32::try_from(self.random >> 32).unwrap();
        match self.distribution {
            Distribution::Uniform => bits >> (32 - KEYS_LOG2),
            Distribution::Zipf => {
                // Ranks with a density of 1/rank, scattered over the keys: those used most were not made first.
                let rank = (f64::from(bits) / 2_f64.powi(32) * f64::from(KEYS_LOG2)).exp2();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a number from 1 to KEYS"
                )]
                let rank = rank as u32;
                rank.wrapping_mul(0x9e37_79b1) % (1 << KEYS_LOG2)
            }
        }
    }

    fn window(&mut self, keys: &mut Vec<ChannelKey>) {
        keys.clear();
        keys.extend((0..WINDOW).map(|_| key(self.next())));
    }
}

/// A map with one writer.
trait Map {
    fn update(&mut self, keys: &[ChannelKey]);
    fn total(&mut self) -> u64;
}

/// A map that can be read meanwhile.
trait Shared: Sync {
    fn update(&self, keys: &[ChannelKey]);
    fn read(&self, key: &ChannelKey) -> Option<Value>;
    fn total(&self) -> u64;
}

impl<S: Shared> Map for S {
    fn update(&mut self, keys: &[ChannelKey]) {
        Shared::update(self, keys);
    }

    fn total(&mut self) -> u64 {
        Shared::total(self)
    }
}

/// A map with one writer while others read it.
struct Beside<'a, S>(&'a S);

impl<S: Shared> Map for Beside<'_, S> {
    fn update(&mut self, keys: &[ChannelKey]) {
        self.0.update(keys);
    }

    fn total(&mut self) -> u64 {
        self.0.total()
    }
}

/// The map that the product uses.
struct Bounded(BoundedMap<ChannelKey, Value>);

impl Map for Bounded {
    fn update(&mut self, keys: &[ChannelKey]) {
        let mut hashes = [0; WINDOW];
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = self.0.hash(key);
            self.0.expect(*hash);
        }
        for hash in hashes {
            self.0.approach(hash);
        }
        for (hash, key) in hashes.into_iter().zip(keys) {
            self.0.update(key, hash, || [0; 32], change);
        }
    }

    fn total(&mut self) -> u64 {
        self.0.iter().map(|(_, value)| sum(value)).sum()
    }
}

/// The same behind one lock, taken once a window.
struct BoundedLocked(RwLock<Bounded>);

impl Shared for BoundedLocked {
    fn update(&self, keys: &[ChannelKey]) {
        self.0.write().unwrap().update(keys);
    }

    fn read(&self, key: &ChannelKey) -> Option<Value> {
        let map = &self.0.read().unwrap().0;
        map.get(key, map.hash(key)).copied()
    }

    fn total(&self) -> u64 {
        self.0.write().unwrap().total()
    }
}

/// One hash map, no lock.
struct Plain(HashMap<ChannelKey, Value, Hasher>);

impl Map for Plain {
    fn update(&mut self, keys: &[ChannelKey]) {
        for key in keys {
            match self.0.get_mut(key) {
                Some(value) => change(value),
                None => change(self.0.entry(key.clone()).or_insert([0; 32])),
            }
        }
    }

    fn total(&mut self) -> u64 {
        self.0.values().map(sum).sum()
    }
}

type Shard = HashTable<(ChannelKey, Value)>;

/// Hash tables with a lock each; a key is hashed once for both.
struct Sharded {
    shards: Vec<Mutex<Shard>>,
    hasher: Hasher,
}

impl Sharded {
    fn new() -> Self {
        let shard = || Mutex::new(Shard::with_capacity(KEYS / SHARDS * 5 / 4));
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher: Seed::REPLAY.hasher() }
    }

    fn lock(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // Neither the bits of the place in the table nor those of the tag there.
        self.shards[usize::try_from(hash >> 40).unwrap() % SHARDS].lock().unwrap()
    }
}

impl Shared for Sharded {
    fn update(&self, keys: &[ChannelKey]) {
        for key in keys {
            let hash = self.hasher.hash_one(key);
            let mut shard = self.lock(hash);
            if let Some((_, value)) = shard.find_mut(hash, |(known, _)| known == key) {
                change(value);
                continue;
            }
            let mut entry = (key.clone(), [0; 32]);
            change(&mut entry.1);
            shard.insert_unique(hash, entry, |(key, _)| self.hasher.hash_one(key));
        }
    }

    fn read(&self, key: &ChannelKey) -> Option<Value> {
        let hash = self.hasher.hash_one(key);
        self.lock(hash).find(hash, |(known, _)| known == key).map(|(_, value)| *value)
    }

    fn total(&self) -> u64 {
        let shards = self.shards.iter().map(|shard| shard.lock().unwrap());
        shards.map(|shard| shard.iter().map(|(_, value)| sum(value)).sum::<u64>()).sum()
    }
}

impl Shared for DashMap<ChannelKey, Value, Hasher> {
    fn update(&self, keys: &[ChannelKey]) {
        for key in keys {
            match self.get_mut(key) {
                Some(mut value) => change(&mut value),
                None => change(&mut self.entry(key.clone()).or_insert([0; 32])),
            }
        }
    }

    fn read(&self, key: &ChannelKey) -> Option<Value> {
        self.get(key).map(|value| *value)
    }

    fn total(&self) -> u64 {
        self.iter().map(|entry| sum(&entry)).sum()
    }
}

impl Shared for scc::HashMap<ChannelKey, Value, Hasher> {
    fn update(&self, keys: &[ChannelKey]) {
        for key in keys {
            if self.update_sync(key, |_, value| change(value)).is_none() {
                change(&mut self.entry_sync(key.clone()).or_insert([0; 32]));
            }
        }
    }

    fn read(&self, key: &ChannelKey) -> Option<Value> {
        self.read_sync(key, |_, value| *value)
    }

    fn total(&self) -> u64 {
        let mut total = 0;
        self.iter_sync(|_, value| {
            total += sum(value);
            true
        });
        total
    }
}

/// Its values cannot be changed in place: each has a lock of its own, which costs less than a new copy for each update.
impl Shared for papaya::HashMap<ChannelKey, Mutex<Value>, Hasher> {
    fn update(&self, keys: &[ChannelKey]) {
        let map = self.pin();
        for key in keys {
            let value = map.get(key).unwrap_or_else(|| map.get_or_insert(key.clone(), Mutex::new([0; 32])));
            change(&mut value.lock().unwrap());
        }
    }

    fn read(&self, key: &ChannelKey) -> Option<Value> {
        self.pin().get(key).map(|value| *value.lock().unwrap())
    }

    fn total(&self) -> u64 {
        self.pin().iter().map(|(_, value)| sum(&value.lock().unwrap())).sum()
    }
}

/// Times updates of a map that has all keys; gives the number of updates.
fn measure(
    criterion: &mut Criterion,
    group: &str,
    name: &str,
    distribution: Distribution,
    map: &mut impl Map,
) -> u64 {
    let mut draws = Draws { distribution, random: 1 };
    let mut keys = Vec::with_capacity(WINDOW);
    let mut updates = 0;
    let mut group = criterion.benchmark_group(format!("host_map/{group}"));
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(UPDATES as u64));
    group.bench_function(BenchmarkId::new(name, format!("{distribution:?}")), |b| {
        b.iter_custom(|rounds| {
            let start = ThreadTime::now();
            for _ in 0..rounds * (UPDATES / WINDOW) as u64 {
                draws.window(&mut keys);
                map.update(&keys);
            }
            updates += rounds * UPDATES as u64;
            start.elapsed()
        });
    });
    group.finish();
    updates
}

/// Makes every channel; gives the number of updates.
fn fill(map: &mut impl Map) -> u64 {
    let numbers: Vec<u32> = (0..1 << KEYS_LOG2).collect();
    for window in numbers.chunks(WINDOW) {
        let keys: Vec<ChannelKey> = window.iter().map(|number| key(*number)).collect();
        map.update(&keys);
    }
    KEYS as u64
}

/// Measures a map that only its writer uses. No update may be lost.
fn alone(criterion: &mut Criterion, name: &str, map: &mut impl Map) -> u64 {
    let mut updates = fill(map);
    for distribution in [Distribution::Uniform, Distribution::Zipf] {
        updates += measure(criterion, "alone", name, distribution, map);
    }
    assert_eq!(map.total(), updates * sum_of_change());
    updates
}

/// Measures a map alone, and with a reader that copies entries. No update may be lost, no key be missed.
fn shared(criterion: &mut Criterion, name: &str, mut map: impl Shared) {
    let mut updates = alone(criterion, name, &mut map);
    for distribution in [Distribution::Uniform, Distribution::Zipf] {
        let (stop, found) = (AtomicBool::new(false), AtomicBool::new(true));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut draws = Draws { distribution, random: 2 };
                while !stop.load(Ordering::Relaxed) {
                    let value = black_box(map.read(&key(draws.next())));
                    found.fetch_and(value.is_some(), Ordering::Relaxed);
                }
            });
            updates += measure(criterion, "with a reader", name, distribution, &mut Beside(&map));
            stop.store(true, Ordering::Relaxed);
        });
        assert!(found.into_inner());
    }
    assert_eq!(Shared::total(&map), updates * sum_of_change());
}

fn sum_of_change() -> u64 {
    let mut value = [0; 32];
    change(&mut value);
    sum(&value)
}

fn bench(criterion: &mut Criterion) {
    let hasher = || Seed::REPLAY.hasher();
    let bounded = || Bounded(BoundedMap::new(KEYS, Seed::REPLAY));
    alone(criterion, "BoundedMap", &mut bounded());
    alone(criterion, "hashbrown", &mut Plain(HashMap::with_capacity_and_hasher(KEYS, hasher())));
    shared(criterion, "BoundedMap, one RwLock", BoundedLocked(RwLock::new(bounded())));
    shared(criterion, "hashbrown, 64 Mutexes", Sharded::new());
    shared(
        criterion,
        "DashMap",
        DashMap::with_capacity_and_hasher_and_shard_amount(KEYS * 5 / 4, hasher(), SHARDS),
    );
    shared(criterion, "scc::HashMap", scc::HashMap::with_capacity_and_hasher(KEYS, hasher()));
    shared(criterion, "papaya", papaya::HashMap::with_capacity_and_hasher(KEYS, hasher()));
}

criterion_group!(benches, bench);
criterion_main!(benches);
