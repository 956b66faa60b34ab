//! The system calls of `AF_PACKET` that no crate wraps (packet(7), <https://docs.kernel.org/networking/packet_mmap.html>).
#![expect(unsafe_code, reason = "packet sockets have no safe interface")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "constants and sizes of structures, which C keeps in smaller types"
)]

use std::ffi::c_int;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::ring::Ring;

/// `setsockopt` takes arguments as the plain C structures that they are.
///
/// # Safety
/// The type has no padding and no pointer, and every bit pattern is a value of it.
unsafe trait Plain: Copy {}
// SAFETY: an integer.
unsafe impl Plain for c_int {}
// SAFETY: seven integers of 32 bits.
unsafe impl Plain for libc::tpacket_req3 {}
// SAFETY: three integers of 32 bits.
unsafe impl Plain for libc::tpacket_stats_v3 {}
// SAFETY: one of 32 bits, two of 16, eight bytes.
unsafe impl Plain for libc::packet_mreq {}

/// A packet socket. It receives nothing before it is bound.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// A socket with its ring not yet made. Needs `CAP_NET_RAW`, and nothing after it does.
    pub(super) fn open() -> io::Result<Self> {
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was opened here, and nobody else has it.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        socket.set(libc::PACKET_VERSION, libc::tpacket_versions::TPACKET_V3 as c_int)?;
        Ok(socket)
    }

    /// Makes the ring: `blocks` blocks of `block_bytes`, handed over when full or after `retire_ms`.
    pub(super) fn ring(&self, block_bytes: u32, blocks: u32, retire_ms: u32) -> io::Result<Ring> {
        // Frames have no fixed size in version 3; the kernel only checks that the product fits.
        const FRAME_BYTES: u32 = 2048;
        self.set(
            libc::PACKET_RX_RING,
            libc::tpacket_req3 {
                tp_block_size: block_bytes,
                tp_block_nr: blocks,
                tp_frame_size: FRAME_BYTES,
                tp_frame_nr: block_bytes / FRAME_BYTES * blocks,
                tp_retire_blk_tov: retire_ms,
                tp_sizeof_priv: 0,
                tp_feature_req_word: 0,
            },
        )?;
        Ring::map(self.0.as_fd(), block_bytes as usize, blocks as usize)
    }

    /// Receives all protocols from an interface from now on.
    pub(super) fn bind(&self, index: u32) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: index.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address lives over the call, and its length is its own.
        result(unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), len) })
    }

    /// Takes frames that are not for this machine, for as long as the socket is open and the interface there.
    pub(super) fn promiscuous(&self, index: u32) -> io::Result<()> {
        let mr_type = libc::PACKET_MR_PROMISC as u16;
        let request =
            libc::packet_mreq { mr_ifindex: index.cast_signed(), mr_type, mr_alen: 0, mr_address: [0; 8] };
        self.set(libc::PACKET_ADD_MEMBERSHIP, request)
    }

    /// Joins a fanout group that deals frames by the hash of their flow. Group zero makes a new one. Gives the
    /// group.
    pub(super) fn join(&self, group: u16) -> io::Result<u16> {
        let unique = if group == 0 { libc::PACKET_FANOUT_FLAG_UNIQUEID } else { 0 };
        let kind = libc::PACKET_FANOUT_HASH | unique;
        self.set(libc::PACKET_FANOUT, (kind << 16 | u32::from(group)).cast_signed())?;
        let joined: c_int = self.get(libc::PACKET_FANOUT, 0)?;
        Ok(joined.cast_unsigned() as u16)
    }

    /// Runs a classic BPF program on each frame in the kernel; replaces the one before it in one step.
    pub(super) fn filter(&self, program: &[libc::sock_filter]) -> io::Result<()> {
        let len = u16::try_from(program.len()).map_err(io::Error::other)?;
        let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
        let (fd, size) = (self.0.as_raw_fd(), size_of::<libc::sock_fprog>() as libc::socklen_t);
        let argument = (&raw const program).cast();
        // SAFETY: the kernel reads `len` instructions from the slice, which lives over the call, and writes none.
        result(unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, argument, size) })
    }

    /// Frames that came to the socket since the last call, and those of them that the ring had no room for.
    pub(super) fn take_statistics(&self) -> io::Result<(u32, u32)> {
        let none = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        let stats = self.get(libc::PACKET_STATISTICS, none)?;
        Ok((stats.tp_packets, stats.tp_drops))
    }

    /// Takes the error that the socket holds, as when its interface goes down.
    pub(super) fn take_error(&self) -> io::Result<()> {
        rustix::net::sockopt::socket_error(&self.0)?.map_err(io::Error::from)
    }

    /// Whether an interface is up, and its hardware type (`ARPHRD_*`).
    pub(super) fn link(&self, interface: &str) -> io::Result<Link> {
        let name = rustix::net::netdevice::name_to_index(&self.0, interface)?;
        let flags = self.interface_request(interface, libc::SIOCGIFFLAGS)?;
        let hardware = self.interface_request(interface, libc::SIOCGIFHWADDR)?;
        // SAFETY: SIOCGIFFLAGS filled this field of the union; all its bit patterns are integers.
        let flags = unsafe { flags.ifr_ifru.ifru_flags };
        // SAFETY: SIOCGIFHWADDR filled this field of the union; all its bit patterns are integers.
        let hardware = unsafe { hardware.ifr_ifru.ifru_hwaddr.sa_family };
        Ok(Link { index: name, up: c_int::from(flags) & libc::IFF_UP != 0, hardware })
    }

    fn interface_request(&self, interface: &str, request: libc::Ioctl) -> io::Result<libc::ifreq> {
        // SAFETY: integers and arrays of them: zeroes are a value.
        let mut argument: libc::ifreq = unsafe { std::mem::zeroed() };
        // The last byte stays zero: it ends the name.
        let room = argument.ifr_name.iter_mut().rev().skip(1).rev();
        for (to, from) in room.zip(interface.bytes()) {
            *to = from.cast_signed();
        }
        // SAFETY: both requests read and write one `ifreq`, which lives over the call.
        result(unsafe { libc::ioctl(self.0.as_raw_fd(), request, &raw mut argument) }).map(|()| argument)
    }

    fn set<T: Plain>(&self, option: c_int, value: T) -> io::Result<()> {
        let (fd, size) = (self.0.as_raw_fd(), size_of::<T>() as libc::socklen_t);
        // SAFETY: the kernel reads at most the size of the value, which lives over the call.
        result(unsafe { libc::setsockopt(fd, libc::SOL_PACKET, option, (&raw const value).cast(), size) })
    }

    fn get<T: Plain>(&self, option: c_int, mut value: T) -> io::Result<T> {
        let (fd, mut size) = (self.0.as_raw_fd(), size_of::<T>() as libc::socklen_t);
        let (to, len) = ((&raw mut value).cast(), &raw mut size);
        // SAFETY: the kernel writes at most the size of the value; whatever it writes is a value of the type.
        result(unsafe { libc::getsockopt(fd, libc::SOL_PACKET, option, to, len) }).map(|()| value)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What an interface is at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Its number, which it keeps until it is removed.
    pub(super) index: u32,
    /// Whether it is up.
    pub(super) up: bool,
    /// Hardware type (`ARPHRD_*`).
    pub(super) hardware: u16,
}

fn result(returned: c_int) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
