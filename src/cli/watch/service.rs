//! What a service manager wants to know (`sd_notify(3)`): that the sensor is up, alive, reloading, on its way out. Without a manager that
//! asks, nothing is said.

use sd_notify::NotifyState;

/// All is open and captured from.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The packet thread is alive.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The end was asked for.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Where the manager cannot be reached it will find out by itself.
    let _ = sd_notify::notify(states);
}
