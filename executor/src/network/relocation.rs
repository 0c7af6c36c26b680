//! Moving the interface of a connected namespace to one that is the machine's.
//!
//! The program that connects root's networks needs all rights over the namespace that it makes its interface
//! in, and so has made that in a user namespace of its own. Whoever has the user id that made such a user
//! namespace has all rights there as well, without any capability, and a command of root can become any user.
//! So the namespace that commands are put into belongs to the machine's own users, where nothing but a
//! capability that commands lack gives rights over it.

use std::os::fd::{AsRawFd as _, OwnedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteType,
};
use nix::sched::{CloneFlags, setns};
use rustix::io::Errno;

use super::netlink::Netlink;
use crate::error::{Error, Operation};

/// An interface with what belongs to it.
struct Interface {
    index: u32,
    name: String,
    addresses: Vec<AddressMessage>,
    routes: Vec<RouteMessage>,
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
        let leads_outside = |link: &LinkMessage| {
            let flags = link.header.flags;
            flags.contains(LinkFlags::Up) && !flags.contains(LinkFlags::Loopback)
        };
        let link = links(netlink)?.into_iter().find(leads_outside).ok_or(Errno::NODEV)?;
        let index = link.header.index;
        let name = name(&link).ok_or(Errno::NODEV)?.to_owned();
        let addresses = addresses(netlink)?.into_iter().filter(|address| is_of(address, index));
        let routes = routes(netlink)?.into_iter().filter(|route| is_told(route, index));
        let mut routes: Vec<_> = routes.map(kept_route).collect();
        // A gateway has to be known to be reached.
        let gateway = |one: &RouteAttribute| matches!(one, RouteAttribute::Gateway(_));
        routes.sort_by_key(|route| route.attributes.iter().any(gateway));
        Ok(Self { index, name, addresses: addresses.map(kept_address).collect(), routes })
    }

    /// Goes to another namespace, and loses its addresses and routes.
    fn leave(&self, netlink: &Netlink, to: &OwnedFd) -> Result<(), Errno> {
        let mut link = LinkMessage::default();
        link.header.index = self.index;
        link.attributes = vec![LinkAttribute::NetNsFd(to.as_raw_fd())];
        netlink.put(RouteNetlinkMessage::NewLink(link))
    }

    /// Gets them back; everything is up then.
    fn arrive(self, netlink: &Netlink) -> Result<(), Errno> {
        let links = links(netlink)?;
        let found = links.iter().find(|link| name(link) == Some(&self.name));
        let index = found.ok_or(Errno::NODEV)?.header.index;
        let loopback = links.iter().find(|link| link.header.flags.contains(LinkFlags::Loopback));
        for index in loopback.map(|link| link.header.index).into_iter().chain([index]) {
            netlink.put(RouteNetlinkMessage::NewLink(up(index)))?;
        }
        for mut address in self.addresses {
            address.header.index = index;
            netlink.put(RouteNetlinkMessage::NewAddress(address))?;
        }
        for route in self.routes {
            netlink.put(RouteNetlinkMessage::NewRoute(over(route, index)))?;
        }
        Ok(())
    }
}

fn links(netlink: &Netlink) -> Result<Vec<LinkMessage>, Errno> {
    let all = netlink.list(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    let link = |one| match one {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    };
    Ok(all.into_iter().filter_map(link).collect())
}

fn addresses(netlink: &Netlink) -> Result<Vec<AddressMessage>, Errno> {
    let all = netlink.list(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
    let address = |one| match one {
        RouteNetlinkMessage::NewAddress(address) => Some(address),
        _ => None,
    };
    Ok(all.into_iter().filter_map(address).collect())
}

fn routes(netlink: &Netlink) -> Result<Vec<RouteMessage>, Errno> {
    let all = netlink.list(RouteNetlinkMessage::GetRoute(RouteMessage::default()))?;
    let route = |one| match one {
        RouteNetlinkMessage::NewRoute(route) => Some(route),
        _ => None,
    };
    Ok(all.into_iter().filter_map(route).collect())
}

fn name(link: &LinkMessage) -> Option<&String> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name),
        _ => None,
    })
}

/// What brings an interface up.
fn up(index: u32) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link
}

/// Whether it is an address of the interface that the kernel does not give by itself.
fn is_of(address: &AddressMessage, index: u32) -> bool {
    let is_version_6 = address.header.family == netlink_packet_route::AddressFamily::Inet6;
    let is_link_local = is_version_6 && address.header.scope == AddressScope::Link;
    address.header.index == index && !is_link_local
}

/// Whether it is a route over the interface that somebody set.
fn is_told(route: &RouteMessage, index: u32) -> bool {
    route.attributes.contains(&RouteAttribute::Oif(index))
        && route.header.protocol != RouteProtocol::Kernel
        && route.header.kind == RouteType::Unicast
}

/// Without what the kernel tells and does not take.
fn kept_address(mut address: AddressMessage) -> AddressMessage {
    address.attributes.retain(|attribute| {
        use AddressAttribute::{Address, Broadcast, CacheInfo, Flags, Label, Local};
        matches!(
            attribute,
            Address(_) | Local(_) | Label(_) | Broadcast(_) | CacheInfo(_) | Flags(_)
        )
    });
    address
}

/// Without what the kernel tells and does not take.
fn kept_route(mut route: RouteMessage) -> RouteMessage {
    route.attributes.retain(|attribute| {
        use RouteAttribute::{Destination, Gateway, Metrics, Oif, PrefSource, Priority, Table};
        matches!(
            attribute,
            Destination(_)
                | Oif(_)
                | Gateway(_)
                | Priority(_)
                | PrefSource(_)
                | Metrics(_)
                | Table(_)
        )
    });
    route.header.flags = RouteFlags::empty();
    route
}

/// The same over an interface with this index.
fn over(mut route: RouteMessage, index: u32) -> RouteMessage {
    for attribute in &mut route.attributes {
        if let RouteAttribute::Oif(interface) = attribute {
            *interface = index;
        }
    }
    route
}
