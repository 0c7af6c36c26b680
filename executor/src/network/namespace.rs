//! Network namespaces that nothing connects yet.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::error::{Error, Operation};
use crate::sys;

/// The lowest port that users other than root may listen on; Docker's is 0, as nobody else has ports
/// there.
const LOWEST_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// A namespace without anybody in it, whose loopback interface is up. A thread of its own makes it, as who
/// makes one is in it.
pub(crate) fn new_namespace() -> Result<OwnedFd, Error> {
    fn fail<E: Into<crate::error::Errno>>() -> impl FnOnce(E) -> Error {
        Error::system(Operation::Create, "a network namespace")
    }
    let make = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).map_err(fail())?;
        // Where it cannot be set, as in some containers, root alone listens there.
        let _ = fs::write(LOWEST_PORT, "0");
        raise_loopback()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::open("/proc/thread-self/ns/net", flags, Mode::empty()).map_err(fail())
    };
    std::thread::scope(|scope| {
        let maker = std::thread::Builder::new().spawn_scoped(scope, make).map_err(fail())?;
        maker.join().unwrap_or_else(|_| Err(fail()(Errno::CANCELED)))
    })
}

/// Of this thread's namespace.
pub(crate) fn raise_loopback() -> Result<(), Error> {
    let fail = || Error::system(Operation::RaiseInterface, "lo");
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
    sys::raise_loopback(socket.map_err(fail())?.as_fd())
        .map_err(Error::system(Operation::RaiseInterface, "lo"))
}
