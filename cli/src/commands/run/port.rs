//! `-p` and `-P`: ports of the command that can be reached on the host.

use lapstrake_executor::{Error, Listeners, Network, Publication, Published};
use lapstrake_oci::Config;

use crate::args::{Run, exposed};
use crate::failure::Failure;
use crate::output;

/// Listens on the ports that the command line publishes; says which it chose.
pub(super) fn listen(run: &Run, config: &Config, network: &Network) -> Result<Listeners, Failure> {
    if !run.publishes() {
        return Ok(Listeners::default());
    }
    match network {
        Network::Private(_) => {}
        Network::Host => return Ok(discarded("has the host's network")),
        Network::None => return Ok(discarded("has no network")),
    }
    let mut publications: Vec<Publication> = run.publish.iter().flat_map(|p| p.0.clone()).collect();
    if run.publish_all {
        add_exposed(&mut publications, config)?;
    }
    let listeners = Listeners::bind(&publications).map_err(refused)?;
    listeners.published().iter().filter(|published| published.is_chosen).for_each(say);
    Ok(listeners)
}

/// Docker's warning.
fn discarded(why: &str) -> Listeners {
    output::stderr(&format!("warning: published ports are discarded: the command {why}\n"));
    Listeners::default()
}

fn say(published: &Published) {
    let outside: Vec<String> = published.outside.iter().map(ToString::to_string).collect();
    let Published { inside, protocol, .. } = published;
    output::stderr(&format!("port {inside}/{protocol} is published on {}\n", outside.join(", ")));
}

fn refused(error: Error) -> Failure {
    let Error::Port { source, .. } = &error else { return error.into() };
    let help = match nix::errno::Errno::from_raw(source.raw()) {
        nix::errno::Errno::EADDRINUSE => {
            "another program listens there: write another port in front of the colon, or none for one \
             that is free"
        }
        nix::errno::Errno::EACCES => {
            "ordinary users listen on ports from net.ipv4.ip_unprivileged_port_start on, which is \
             usually 1024"
        }
        nix::errno::Errno::EADDRNOTAVAIL => "write an address that this machine has",
        _ => return error.into(),
    };
    Failure::from(error).help(help)
}

/// The ports that the image exposes and that are not among these.
fn add_exposed(publications: &mut Vec<Publication>, config: &Config) -> Result<(), Failure> {
    let given: Vec<_> = publications.iter().map(|one| (one.inside, one.protocol)).collect();
    for text in config.exposed_ports.keys() {
        let ports = exposed(text).map_err(|fault| {
            Failure::new(format!("the image exposes the port {text:?}: {fault}"))
                .help("leave -P out, and publish ports with -p")
        })?;
        publications
            .extend(ports.iter().filter(|one| !given.contains(&(one.inside, one.protocol))));
    }
    Ok(())
}
