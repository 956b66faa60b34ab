//! seccomp: which system calls the thread can make (seccomp(2)).
//!
//! What is not listed fails with `EPERM`, as if the process had no right to it: a library that tries something new does
//! without it, or reports an error, and the sensor lives on. Nothing that is listed runs a program, traces or loads anything,
//! makes memory executable, or changes who the process is.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::Protection;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Refused = seccompiler::Error;

/// Calls allowed whatever their arguments.
const ALLOWED: &[c_long] = &[
    // Files.
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fchmod,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_getcwd,
    libc::SYS_umask,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Threads and time.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_getcpu,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_restart_syscall,
    // Signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_signalfd4,
    // Sockets that are there, and connections to them.
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    // Waiting.
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // What the process is.
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_capget,
];

/// The older forms of calls of the list, which newer processors never had.
#[cfg(target_arch = "x86_64")]
const ALLOWED_OLD: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_dup2,
    libc::SYS_pipe,
];
#[cfg(target_arch = "aarch64")]
const ALLOWED_OLD: &[c_long] = &[libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ALLOWED_OLD: &[c_long] = &[];

/// `prctl` operations: the name of a thread, and that of a piece of memory.
const PRCTL: [i32; 2] = [libc::PR_SET_NAME, libc::PR_SET_VMA];

/// Address families that a socket may be opened of. Netlink without capabilities only tells which interfaces there are.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// `ioctl` requests: whether a descriptor is a terminal, blocks, has something to read.
const IOCTL: [u64; 4] = [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONBIO, libc::FIONREAD];
/// The group of requests that ask for interfaces (`SIOC*`). Changing one takes a capability.
const IOCTL_INTERFACES: (u64, u64) = (0xff00, 0x8900);

/// Leaves the thread with the listed calls.
pub(super) fn restrict() -> Protection {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Protection::Off(format!("no filter for {}", std::env::consts::ARCH));
    };
    let apply = |filter: Result<BpfProgram, Refused>| filter.and_then(|program| apply_filter(&program));
    match apply(no_clone3(arch)).and_then(|()| apply(listed(arch))) {
        Ok(()) => Protection::On,
        Err(error) => Protection::Off(error.to_string()),
    }
}

/// Allows what is listed.
fn listed(arch: TargetArch) -> Result<BpfProgram, Refused> {
    let always = ALLOWED.iter().chain(ALLOWED_OLD).map(|call| (*call, Vec::new()));
    let mut rules: Rules = always.collect();
    let exec = Op::MaskedEq(libc::PROT_EXEC.cast_unsigned().into());
    let thread = Op::MaskedEq(libc::CLONE_THREAD.cast_unsigned().into());
    rules.insert(libc::SYS_mmap, vec![rule(2, exec.clone(), 0)?]);
    rules.insert(libc::SYS_mprotect, vec![rule(2, exec, 0)?]);
    rules.insert(libc::SYS_clone, vec![rule(0, thread, libc::CLONE_THREAD.cast_unsigned().into())?]);
    // The first filter answers this one; both must let it pass.
    rules.insert(libc::SYS_clone3, Vec::new());
    // Limits may be asked for, not set.
    let no_new_limit = SeccompCondition::new(2, Len::Qword, Op::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![no_new_limit])?]);
    rules.insert(libc::SYS_prctl, one_of(0, PRCTL.map(|op| op.cast_unsigned().into()))?);
    rules.insert(libc::SYS_socket, one_of(0, FAMILIES.map(|family| family.cast_unsigned().into()))?);
    rules.insert(libc::SYS_socketpair, one_of(0, [libc::AF_UNIX.cast_unsigned().into()])?);
    let (mask, interfaces) = IOCTL_INTERFACES;
    let mut ioctl = one_of(1, IOCTL)?;
    ioctl.push(rule(1, Op::MaskedEq(mask), interfaces)?);
    rules.insert(libc::SYS_ioctl, ioctl);
    filter(rules, SeccompAction::Errno(libc::EPERM.cast_unsigned()), SeccompAction::Allow, arch)
}

/// Has `clone3` look like a call that the kernel lacks: its flags lie in memory, out of a filter's sight, and the C library
/// then makes threads with `clone`.
fn no_clone3(arch: TargetArch) -> Result<BpfProgram, Refused> {
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    filter(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.cast_unsigned()), arch)
}

fn filter(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
    arch: TargetArch,
) -> Result<BpfProgram, Refused> {
    Ok(BpfProgram::try_from(SeccompFilter::new(rules, otherwise, matched, arch)?)?)
}

/// A rule on the low half of one argument.
fn rule(argument: u8, op: Op, value: u64) -> Result<SeccompRule, Refused> {
    Ok(SeccompRule::new(vec![SeccompCondition::new(argument, Len::Dword, op, value)?])?)
}

fn one_of<const N: usize>(argument: u8, values: [u64; N]) -> Result<Vec<SeccompRule>, Refused> {
    values.into_iter().map(|value| rule(argument, Op::Eq, value)).collect()
}
