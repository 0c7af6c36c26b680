//! Moving the interface of a connected namespace to one that is the machine's.
//!
//! The program that connects root's networks needs all rights over the namespace that it makes its interface
//! in, and so has made that in a user namespace of its own. Whoever has the user id that made such a user
//! namespace has all rights there as well, without any capability, and a command of root can become any user.
//! So the namespace that commands are put into belongs to the machine's own users, where nothing but a
//! capability that commands lack gives rights over it.

use std::os::fd::OwnedFd;

use nix::sched::{CloneFlags, setns};
use rustix::io::Errno;

use super::netlink::{Attribute, Message, Netlink, Subject};
use crate::error::{Error, Operation};

/// `IFA_F_PERMANENT` and so on are 32 bits there, 8 in the body.
const KEPT_OF_ADDRESSES: [u16; 6] = [
    libc::IFA_ADDRESS,
    libc::IFA_LOCAL,
    libc::IFA_LABEL,
    libc::IFA_BROADCAST,
    libc::IFA_CACHEINFO,
    8, // IFA_FLAGS
];

const KEPT_OF_ROUTES: [u16; 7] = [
    libc::RTA_DST,
    libc::RTA_OIF,
    libc::RTA_GATEWAY,
    libc::RTA_PRIORITY,
    libc::RTA_PREFSRC,
    libc::RTA_METRICS,
    libc::RTA_TABLE,
];

/// An interface with what belongs to it.
struct Interface {
    index: u32,
    name: Vec<u8>,
    addresses: Vec<Message>,
    routes: Vec<Message>,
}

/// Moves the one interface of `from` that leads outside to `to`, which has nothing but its loopback interface.
pub(super) fn relocate(from: &OwnedFd, to: &OwnedFd) -> Result<(), Error> {
    let inside = |namespace: &OwnedFd| {
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .map_err(|error| Errno::from_raw_os_error(error as i32))
    };
    let work = || {
        inside(from)?;
        let interface = Interface::find(&Netlink::new()?)?;
        interface.leave(&Netlink::new()?, to)?;
        inside(to)?;
        interface.arrive(&Netlink::new()?)
    };
    // A thread of its own, as who joins a namespace stays in it.
    let done = std::thread::scope(|scope| {
        let mover = std::thread::Builder::new().spawn_scoped(scope, work);
        mover.map(|mover| mover.join().unwrap_or(Err(Errno::CANCELED)))
    });
    done.map_err(fail())?.map_err(fail())
}

fn fail<E: Into<crate::error::Errno>>() -> impl FnOnce(E) -> Error {
    Error::system(Operation::Configure, "a network namespace")
}

impl Interface {
    fn find(netlink: &Netlink) -> Result<Self, Errno> {
        let leads_outside = |link: &Message| {
            let flags = link.word(8).cast_signed();
            flags & libc::IFF_UP != 0 && flags & libc::IFF_LOOPBACK == 0
        };
        let links = netlink.list(Subject::Link)?;
        let link = links.into_iter().find(leads_outside).ok_or(Errno::NODEV)?;
        let index = link.word(4);
        let name = link.attribute(libc::IFLA_IFNAME).ok_or(Errno::NODEV)?.to_vec();
        let addresses = netlink.list(Subject::Address)?;
        let addresses = addresses.into_iter().filter(|address| is_of(address, index));
        let routes = netlink.list(Subject::Route)?;
        let mut routes: Vec<Message> =
            routes.into_iter().filter(|route| is_told(route, index)).map(kept_route).collect();
        // A gateway has to be known to be reached.
        routes.sort_by_key(|route| route.attribute(libc::RTA_GATEWAY).is_some());
        Ok(Self { index, name, addresses: addresses.map(kept_address).collect(), routes })
    }

    /// Goes to another namespace, and loses its addresses and routes.
    fn leave(&self, netlink: &Netlink, to: &OwnedFd) -> Result<(), Errno> {
        let namespace = Attribute { kind: libc::IFLA_NET_NS_FD, value: Netlink::number(to) };
        netlink.put(&Message::new(Subject::Link, link(self.index, 0), vec![namespace]))
    }

    /// Gets them back; everything is up then.
    fn arrive(&self, netlink: &Netlink) -> Result<(), Errno> {
        let links = netlink.list(Subject::Link)?;
        let is_it = |link: &&Message| link.attribute(libc::IFLA_IFNAME) == Some(&self.name);
        let index = links.iter().find(is_it).ok_or(Errno::NODEV)?.word(4);
        let loopback =
            links.iter().find(|link| link.word(8).cast_signed() & libc::IFF_LOOPBACK != 0);
        for index in loopback.map(|link| link.word(4)).into_iter().chain([index]) {
            let up = Message::new(Subject::Link, link(index, libc::IFF_UP), Vec::new());
            netlink.put(&up)?;
        }
        for message in self.addresses.iter().chain(&self.routes) {
            netlink.put(&at(message.clone(), index))?;
        }
        Ok(())
    }
}

/// An `ifinfomsg` that sets these flags.
fn link(index: u32, flags: i32) -> Vec<u8> {
    let flags = flags.to_ne_bytes();
    [&[0; 4][..], &index.to_ne_bytes(), &flags, &flags].concat()
}

/// Whether it is an address of the interface that the kernel does not give by itself.
fn is_of(address: &Message, index: u32) -> bool {
    let is_link_local =
        i32::from(address.byte(0)) == libc::AF_INET6 && address.byte(3) == libc::RT_SCOPE_LINK;
    address.word(4) == index && !is_link_local
}

/// Whether it is a route over the interface that somebody set.
fn is_told(route: &Message, index: u32) -> bool {
    let over = route.attribute(libc::RTA_OIF) == Some(&index.to_ne_bytes());
    let (protocol, kind) = (route.byte(5), route.byte(7));
    over && protocol != libc::RTPROT_KERNEL && kind == libc::RTN_UNICAST
}

fn kept_address(mut address: Message) -> Message {
    address.attributes.retain(|attribute| KEPT_OF_ADDRESSES.contains(&attribute.kind));
    address
}

fn kept_route(mut route: Message) -> Message {
    route.attributes.retain(|attribute| KEPT_OF_ROUTES.contains(&attribute.kind));
    // What is behind the type are flags that the kernel tells and does not take.
    for byte in route.body.iter_mut().skip(8) {
        *byte = 0;
    }
    route
}

/// The same on an interface with this index.
fn at(mut message: Message, index: u32) -> Message {
    let bytes = index.to_ne_bytes();
    let is_address = message.body.len() == 8;
    let own = message.body.get_mut(4..8).filter(|_| is_address);
    let way = message.attributes.iter_mut().find(|attribute| attribute.kind == libc::RTA_OIF);
    match own {
        Some(own) => own.copy_from_slice(&bytes),
        None => way.into_iter().for_each(|way| way.value = bytes.to_vec()),
    }
    message
}
