//! What other logs say of a connection: joined to `conn.log` by the connection's UID.

use std::sync::Arc;

use foldhash::quality::SeedableRandomState;
use hashbrown::{HashMap, HashSet};

use super::column::Column;
use super::kind::LogKind;
use super::row::{BadLine, Row};
use crate::decode::app::{AppInfo, Service};
use crate::flow::FlowKey;
use crate::flow::{uid_from_text, uid_of};
use crate::seed::Seed;
use crate::time::Timestamp;

/// Connections of a generation whose names are remembered.
const GENERATION: usize = 1 << 19;
/// Distinct names and services that share their memory.
const SHARED_MAX: usize = 1 << 16;

/// A name that a line of a log gives a connection.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) at: Timestamp,
    pub(super) uid: u128,
    pub(super) info: AppInfo,
}

/// The UID of a text: itself where it is one of Zeek's, a hash of it otherwise.
pub(super) fn uid(text: &str, seed: Seed) -> u128 {
    uid_from_text(text).unwrap_or_else(|| {
        let hash = i64::from_ne_bytes(seed.hash_of(&text).to_ne_bytes());
        uid_of(seed, &FlowKey::default(), Timestamp::from_nanos(hash))
    })
}

/// Reads a line of `ssl.log`, `quic.log` or `http.log`.
pub(super) fn named(kind: LogKind, row: &Row<'_>, seed: Seed) -> Result<Named, BadLine> {
    let name = |column| row.text(column).and_then(host_name);
    let info = if kind == LogKind::Http {
        AppInfo {
            service: Service::Http,
            name: name(Column::Host),
            name_port: row.text(Column::Host).and_then(host_port),
            method: row.text(Column::Method).filter(|method| method.len() <= METHOD_MAX).map(Arc::from),
            ..AppInfo::default()
        }
    } else {
        let name = name(Column::ServerName);
        // A line without a version or cipher is of a handshake of which too little was seen.
        let answered = row.text(Column::Version).or(row.text(Column::Cipher)).is_some();
        AppInfo {
            service: if kind == LogKind::Quic { Service::Quic } else { Service::Tls },
            hello_without_sni: name.is_none() && answered,
            name,
            ja4: row.text(Column::Ja4).filter(|ja4| ja4.len() <= JA4_MAX).map(Arc::from),
            ..AppInfo::default()
        }
    };
    Ok(Named { at: row.time(Column::Ts)?, uid: uid(row.required(Column::Uid)?, seed), info })
}

/// Bytes of a request method that is kept.
const METHOD_MAX: usize = 32;
/// Bytes of a JA4 fingerprint: 36 in its usual form.
const JA4_MAX: usize = 64;
/// Bytes of a name (RFC 1035).
const NAME_MAX: usize = 255;

/// A host name as the decode stage keeps it: lower case, without port, printable ASCII.
fn host_name(text: &str) -> Option<Arc<str>> {
    let host = match text.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => text.split(':').next()?,
    };
    let host = host.trim_end_matches('.');
    let fits = !host.is_empty() && host.len() <= NAME_MAX && host.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| host.to_ascii_lowercase().into())
}

/// The port beside a host name.
fn host_port(text: &str) -> Option<u16> {
    host_name(text)?;
    text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'))?.1.parse().ok()
}

/// What connections are called, until their line in `conn.log` comes. Two generations bound it: when the young one is full it becomes
/// the old one, and what the old one held is forgotten.
#[derive(Debug)]
pub(super) struct Names {
    young: HashMap<u128, Arc<AppInfo>, SeedableRandomState>,
    old: HashMap<u128, Arc<AppInfo>, SeedableRandomState>,
    shared: HashSet<Arc<AppInfo>, SeedableRandomState>,
    generation: usize,
    forgotten: u64,
}

impl Names {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            young: HashMap::with_hasher(seed.hasher()),
            old: HashMap::with_hasher(seed.hasher()),
            shared: HashSet::with_hasher(seed.hasher()),
            generation: GENERATION,
            forgotten: 0,
        }
    }

    /// Remembers a name. Of several requests in one connection the last one's host stays, as RITA has it.
    pub(super) fn learn(&mut self, named: Named) {
        let known = self.young.get(&named.uid).or_else(|| self.old.get(&named.uid));
        let info = match known {
            Some(_) if named.info.name.is_none() => return,
            Some(known) if known.name.is_some() && named.info.service != Service::Http => return,
            // QUIC has a line in each of two logs.
            Some(known) => AppInfo { service: known.service, ..named.info },
            None => named.info,
        };
        if self.young.len() >= self.generation {
            std::mem::swap(&mut self.young, &mut self.old);
            self.forgotten += self.young.len() as u64;
            self.young.clear();
        }
        let info = self.share(info);
        self.young.insert(named.uid, info);
    }

    /// What a connection that ended is called; forgets it.
    pub(super) fn take(&mut self, uid: u128) -> Option<Arc<AppInfo>> {
        let old = self.old.remove(&uid);
        self.young.remove(&uid).or(old)
    }

    /// Connections whose names were forgotten before they ended.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// One copy of what many connections have in common.
    pub(super) fn share(&mut self, info: AppInfo) -> Arc<AppInfo> {
        if let Some(known) = self.shared.get(&info) {
            return Arc::clone(known);
        }
        if self.shared.len() >= SHARED_MAX {
            self.shared.clear();
        }
        let info = Arc::new(info);
        self.shared.insert(Arc::clone(&info));
        info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(uid: u128, name: Option<&str>) -> Named {
        let info = AppInfo { service: Service::Tls, name: name.map(Arc::from), ..AppInfo::default() };
        Named { at: Timestamp::default(), uid, info }
    }

    #[test]
    fn host_names_are_kept_without_port_and_case() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(host_name(text).as_deref(), expected);
        check("WWW.Example.com:8080", Some("www.example.com"));
        check("example.com.", Some("example.com"));
        check("[2001:db8::1]:80", Some("2001:db8::1"));
        check("", None);
        check("a b", None);
        check(&"x".repeat(256), None);
    }

    #[test]
    fn ports_stand_beside_host_names() {
        let check = |text: &str, expected: Option<u16>| assert_eq!(host_port(text), expected, "{text}");
        check("www.example.com:8080", Some(8080));
        check("[2001:db8::1]:80", Some(80));
        check("[2001:db8::1]", None);
        check("2001:db8::1", None);
        check("example.com", None);
        check("example.com:", None);
        check("example.com:99999", None);
        check(":80", None);
    }

    #[test]
    fn a_handshake_has_one_name_and_requests_have_their_last() {
        let mut names = Names::new(Seed(1));
        names.learn(tls(7, None));
        names.learn(tls(7, Some("a.example")));
        names.learn(tls(7, Some("b.example")));
        assert_eq!(names.take(7).unwrap().name.as_deref(), Some("a.example"));
        assert_eq!(names.take(7), None);
        for name in [Some("a.example"), Some("b.example"), None] {
            let mut request = tls(8, name);
            request.info.service = Service::Http;
            names.learn(request);
        }
        assert_eq!(names.take(8).unwrap().name.as_deref(), Some("b.example"));
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_counted() {
        let mut names = Names { generation: 10, ..Names::new(Seed(1)) };
        for uid in 0..35 {
            names.learn(tls(uid, Some("a.example")));
        }
        assert_eq!((names.young.len(), names.old.len(), names.forgotten()), (5, 10, 20));
        assert!(names.take(25).is_some() && names.take(19).is_none());
        assert_eq!(names.shared.len(), 1);
    }

    #[test]
    fn uids_that_are_none_of_zeeks_are_told_apart_all_the_same() {
        assert_ne!(uid("flow-1", Seed(1)), uid("flow-2", Seed(1)));
        assert_eq!(uid("flow-1", Seed(1)), uid("flow-1", Seed(1)));
    }
}
