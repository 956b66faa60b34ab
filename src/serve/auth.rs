//! Basic authentication (RFC 7617) against bcrypt hashes. A hash takes some 60 ms to check, so that passwords that were right once
//! are remembered, as a keyed digest; nothing about a wrong one can be learnt from the time that it takes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// Logins that are remembered, at most: those of a few scrapers and people.
const REMEMBERED_MAX: usize = 100;
/// Passwords that are checked at a time: guessing must not take all processors.
const CHECKS_AT_A_TIME: usize = 2;
/// What the password of a user who does not exist is checked against, so that it takes as long.
const NOBODY: &str = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze";

type Digest = [u8; 32];

/// Who may ask.
#[derive(Debug)]
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    key: Digest,
    remembered: Mutex<Vec<Digest>>,
    checks: Semaphore,
}

impl Users {
    /// These users; everybody may where there are none. The key is random, and new with each start.
    pub(super) fn new(hashes: BTreeMap<String, String>, key: Digest) -> Self {
        Self { hashes, key, remembered: Mutex::default(), checks: Semaphore::new(CHECKS_AT_A_TIME) }
    }

    /// Whether an `Authorization` header is that of a user.
    pub(super) async fn admit(&self, authorization: Option<&str>) -> bool {
        if self.hashes.is_empty() {
            return true;
        }
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        let known = self.hashes.get(&user);
        let hash = known.map_or(NOBODY, String::as_str).to_owned();
        let digest = self.digest(&user, &password, &hash);
        if self.is_remembered(&digest) {
            return true;
        }
        let Ok(_turn) = self.checks.acquire().await else { return false };
        let checked = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let right = known.is_some() && matches!(checked, Ok(Ok(true)));
        if right {
            self.remember(digest);
        }
        right
    }

    fn digest(&self, user: &str, password: &str, hash: &str) -> Digest {
        // HMAC takes keys of any length (RFC 2104, section 3).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return self.key };
        for part in [user, password, hash] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    fn is_remembered(&self, digest: &Digest) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // All are looked at: how many were remembered before the right one stays unknown.
        remembered.iter().fold(false, |found, known| found | bool::from(known.ct_eq(digest)))
    }

    fn remember(&self, digest: Digest) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.remove(0);
        }
        remembered.push(digest);
    }
}

/// User and password of an `Authorization` header.
fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(login: &str) -> String {
        format!("Basic {}", STANDARD.encode(login))
    }

    fn admitted(users: &Users, header: Option<&str>) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(users.admit(header))
    }

    #[test]
    fn only_users_with_their_password_are_admitted() {
        let hash = bcrypt::hash("wonder:land", 4).unwrap();
        let users = Users::new(BTreeMap::from([("alice".to_owned(), hash)]), [7; 32]);
        for _ in 0..2 {
            assert!(admitted(&users, Some(&header("alice:wonder:land"))));
            for wrong in ["alice:", "alice:wonder", "bob:wonder:land", ":", "alice"] {
                assert!(!admitted(&users, Some(&header(wrong))), "{wrong}");
            }
        }
        assert!(!admitted(&users, None));
        assert!(!admitted(&users, Some("Bearer alice:wonder:land")));
        assert!(!admitted(&users, Some("Basic %%%")));
        assert_eq!(users.remembered.lock().unwrap().len(), 1);
    }

    #[test]
    fn without_users_everybody_is() {
        assert!(admitted(&Users::new(BTreeMap::new(), [0; 32]), None));
    }

    #[test]
    fn the_password_of_nobody_can_be_checked() {
        assert!(!bcrypt::verify("guess", NOBODY).unwrap());
    }
}
