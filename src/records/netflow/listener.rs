//! UDP sockets that exports come to: a thread each, and the bounded queue between them and whoever collects.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::thread::join;

/// Bytes of the largest datagram.
const DATAGRAM_MAX: usize = 65_535;
/// Datagrams that may wait, and their bytes.
const WAITING_MAX: usize = 1 << 14;
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Longest wait for a datagram: how soon the end is seen.
const WAIT: Duration = Duration::from_millis(100);

/// A socket that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for NetFlow and IPFIX at {address}: {source}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Sockets that are open: all that may need a right.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<UdpSocket>,
}

/// A datagram as it came.
#[derive(Debug)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// Its payload.
    pub bytes: Vec<u8>,
}

/// Sockets that are listened to.
#[derive(Debug)]
pub struct Datagrams {
    waiting: Receiver<Datagram>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopping: AtomicBool,
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

impl Listener {
    /// Opens sockets at these addresses. The kernel is asked for so many bytes of memory for each, and may give less
    /// (`net.core.rmem_max`).
    ///
    /// # Errors
    /// Where an address is taken, or the process may not listen at it.
    pub fn bind(addresses: &[SocketAddr], buffer_bytes: usize) -> Result<Self, ListenError> {
        let open = |address: &SocketAddr| {
            let socket = UdpSocket::bind(address)?;
            socket.set_read_timeout(Some(WAIT))?;
            set_socket_recv_buffer_size(&socket, buffer_bytes)?;
            Ok(socket)
        };
        let sockets = addresses
            .iter()
            .map(|address| open(address).map_err(|source| ListenError { address: *address, source }));
        Ok(Self { sockets: sockets.collect::<Result<_, _>>()? })
    }

    /// The addresses that are listened at.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(UdpSocket::local_addr).collect()
    }

    /// Starts a thread for each socket.
    ///
    /// # Errors
    /// Where a thread cannot be started.
    pub fn start(self) -> io::Result<Datagrams> {
        let (sender, waiting) = sync_channel(WAITING_MAX);
        let mut datagrams = Datagrams { waiting, shared: Arc::default(), threads: Vec::new() };
        for socket in self.sockets {
            let (sender, shared) = (sender.clone(), Arc::clone(&datagrams.shared));
            let thread = std::thread::Builder::new().name("netflow".to_owned());
            datagrams.threads.push(thread.spawn(move || receive(&socket, &sender, &shared))?);
        }
        Ok(datagrams)
    }
}

impl Datagrams {
    /// The next datagram. Nothing where none comes in the time given.
    pub fn next(&self, timeout: Duration) -> Option<Datagram> {
        let datagram = match self.waiting.recv_timeout(timeout) {
            Ok(datagram) => datagram,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        };
        self.shared.bytes.fetch_sub(datagram.bytes.len(), Ordering::Relaxed);
        Some(datagram)
    }

    /// Datagrams that found no room to wait.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Listens no more. What has come can be taken with [`Self::next`].
    pub fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(join);
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread of a socket. An error of a socket is that of one datagram (such as ICMP's "port unreachable"): the next one may come.
fn receive(socket: &UdpSocket, sender: &SyncSender<Datagram>, shared: &Shared) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    while !shared.stopping.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if shared.bytes.load(Ordering::Relaxed) + length > WAITING_BYTES_MAX {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        shared.bytes.fetch_add(length, Ordering::Relaxed);
        match sender.try_send(Datagram { from, bytes }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                shared.bytes.fetch_sub(length, Ordering::Relaxed);
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Err(TrySendError::Disconnected(_)) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn datagrams_of_all_sockets_come_until_it_is_stopped() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(&[any, any], 1 << 20).unwrap();
        let addresses = listener.addresses().unwrap();
        let mut datagrams = listener.start().unwrap();
        let sender = UdpSocket::bind(any).unwrap();
        for address in &addresses {
            sender.send_to(b"export", address).unwrap();
            let datagram = datagrams.next(LONG).unwrap();
            assert_eq!(
                (datagram.bytes.as_slice(), datagram.from),
                (&b"export"[..], sender.local_addr().unwrap())
            );
        }
        datagrams.stop();
        assert!(datagrams.next(Duration::ZERO).is_none());
        assert_eq!((datagrams.dropped(), datagrams.shared.bytes.load(Ordering::Relaxed)), (0, 0));
        drop(datagrams);
        let again = Listener::bind(&addresses, 1 << 20);
        assert!(again.is_ok(), "{again:?}");
    }

    #[test]
    fn an_address_that_is_taken_is_named() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let message = Listener::bind(&[address], 1 << 20).unwrap_err().to_string();
        assert!(message.contains(&address.to_string()), "{message}");
    }
}
