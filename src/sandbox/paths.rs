//! Landlock: which files can be opened and which TCP ports used (landlock(7)).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, path_beneath_rules,
};

use super::{Policy, Protection};

/// The newest set of rights that is asked for; older kernels give what they have. It has those over files as of Linux 6.10, and
/// over TCP.
const RIGHTS: ABI = ABI::V5;

/// What the program itself reads: counters of interfaces, its own memory, processors.
const SYSTEM: [&str; 4] = ["/sys/class/net", "/sys/devices", "/proc/self", "/proc/net"];

/// Leaves the thread with the paths and ports of the policy.
pub(super) fn restrict(policy: &Policy) -> Protection {
    match try_restrict(policy) {
        Ok(RulesetStatus::FullyEnforced) => Protection::On,
        Ok(RulesetStatus::PartiallyEnforced) => {
            Protection::Partly("the kernel knows only older rights".to_owned())
        }
        Ok(RulesetStatus::NotEnforced) => Protection::Off("the kernel has none".to_owned()),
        Err(error) => Protection::Off(error.to_string()),
    }
}

fn try_restrict(policy: &Policy) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write: BitFlags<AccessFs> = AccessFs::from_all(RIGHTS) & !AccessFs::Execute;
    let port = |port: &u16| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::BindTcp));
    let peer = |port: &u16| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(folders(&policy.readable), read))?
        .add_rules(path_beneath_rules(folders(&policy.writable), write))?
        .add_rules(policy.tcp_ports.iter().map(port))?
        .add_rules(policy.tcp_peers.iter().map(peer))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// The folders that the paths are or lie in.
fn folders(paths: &[PathBuf]) -> impl Iterator<Item = &Path> {
    paths.iter().map(|path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.is_dir() { path } else { parent }
    })
}
