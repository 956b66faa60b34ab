//! Capabilities, and the promise never to get new ones.

use caps::CapSet;
use caps::errors::CapsError;

use super::Protection;

/// Sets `no_new_privs`.
pub(super) fn no_new_privileges() -> Protection {
    match rustix::thread::set_no_new_privs(true) {
        Ok(()) => Protection::On,
        Err(error) => Protection::Off(error.to_string()),
    }
}

/// Drops every capability of the thread.
pub(super) fn drop_capabilities() -> Protection {
    // The bounding set can be cleared by those alone who may set capabilities. With no new privileges it is of no use to the
    // others either.
    let _ = caps::clear(None, CapSet::Bounding);
    let clear = || -> Result<(), CapsError> {
        caps::clear(None, CapSet::Ambient)?;
        caps::clear(None, CapSet::Inheritable)?;
        caps::clear(None, CapSet::Effective)?;
        caps::clear(None, CapSet::Permitted)
    };
    match clear() {
        Ok(()) => Protection::On,
        Err(error) => Protection::Off(error.to_string()),
    }
}
