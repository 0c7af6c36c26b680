//! Which network commands get that do not say which.
//!
//! One of their own where a program is installed that connects it, else the host's, which is said once; what
//! publishes ports gets one of its own or none.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lapstrake_executor::{Cancel, Connector, ConnectorKind, Error, Network, TUN};
use serde::Deserialize;

use crate::args::Host;
use crate::environment::search_path;
use crate::failure::Failure;
use crate::session;

/// The file of the store that says which program was seen to work.
const PROOF: &str = "connector";

/// The network that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// One of its own, or an error.
    Private,
    /// The host's.
    Host,
}

/// Why there is no network of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Lack {
    /// It cannot be had on this machine.
    #[error("there is no private network: {reason}; {remedy}, or write network.mode = \"host\"")]
    Lasting { reason: String, remedy: String },
    /// It cannot be had now, which is no reason to go without.
    #[error(transparent)]
    Passing(Error),
}

impl Lack {
    fn none_installed() -> Self {
        Self::Lasting {
            reason: "neither pasta nor slirp4netns is installed".to_owned(),
            remedy: format!("install passt or slirp4netns, with a {TUN} that lap can open"),
        }
    }

    /// Why the last of those that are installed is of no use.
    fn of(error: Error, installed: &[Connector]) -> Self {
        if error.is_passing() {
            return Self::Passing(error);
        }
        let has = |kind: ConnectorKind| installed.iter().any(|connector| connector.kind == kind);
        let other = ConnectorKind::ALL.into_iter().find(|kind| !has(*kind));
        let remedy = match (
            matches!(&error, Error::System { subject, .. } if **subject == *TUN.as_bytes()),
            other,
        ) {
            (true, _) => format!("it takes a {TUN} that lap can open"),
            (false, Some(other)) => {
                format!("mend that, or install {} as well", other.package())
            }
            (false, None) => "mend that".to_owned(),
        };
        Self::Lasting { reason: chain(&error), remedy }
    }

    /// As whoever builds takes it; of what passes the error itself, which knows its remedy.
    fn boxed(self) -> Box<dyn std::error::Error + Send + Sync> {
        match self {
            Self::Passing(error) => Box::new(error),
            lasting @ Self::Lasting { .. } => Box::new(lasting),
        }
    }
}

/// The default network of one command line.
#[derive(Debug)]
pub(crate) struct DefaultNetwork {
    mode: Option<Mode>,
    store: PathBuf,
    /// The name of a host that is to be this machine.
    gateway: Option<String>,
    /// What ends the wait for a program.
    cancel: Option<Cancel>,
    found: OnceLock<Result<Network, Lack>>,
}

impl DefaultNetwork {
    /// As the configuration says, and `mode` before it. `hosts` are those that commands are to know, `store` is
    /// the store's folder.
    pub(crate) fn new(mode: Option<Mode>, hosts: &[Host], store: &Path) -> Result<Self, Failure> {
        let mode = match mode {
            Some(mode) => Some(mode),
            None => session::config()?.network.mode,
        };
        let gateway = hosts.iter().find(|host| host.is_gateway).map(|host| host.name.clone());
        Ok(Self { mode, store: store.to_owned(), gateway, cancel: None, found: OnceLock::new() })
    }

    /// The same, and nobody waits for a program once `cancel` says so.
    pub(crate) fn until(self, cancel: &Cancel) -> Self {
        Self { cancel: Some(cancel.clone()), ..self }
    }

    /// The network; found by the first call, which may take a moment. `warn` is told, once, when it is the
    /// host's for want of a better one, and when it is not and a command expects to find the host in it.
    pub(crate) fn get(
        &self,
        warn: &dyn Fn(String),
    ) -> Result<Network, Box<dyn std::error::Error + Send + Sync>> {
        let choose = || match self.mode {
            Some(Mode::Host) => Ok(Network::Host),
            Some(Mode::Private) => self.connected(),
            None => match self.connected() {
                // Whoever has stopped it wants no network.
                Err(Lack::Lasting { reason, remedy }) if !self.is_cancelled() => {
                    warn(format!("commands use the host's network: {reason}; {remedy}"));
                    Ok(Network::Host)
                }
                found => found,
            },
        };
        let find = || {
            let network = choose()?;
            if let (Network::Private(_), Some(name)) = (&network, &self.gateway) {
                warn(format!(
                    "{name}:host-gateway leads nowhere: a private network does not reach this machine; \
                     --network host does"
                ));
            }
            Ok(network)
        };
        self.found.get_or_init(find).clone().map_err(Lack::boxed)
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }

    /// The first program that works.
    fn connected(&self) -> Result<Network, Lack> {
        let installed = Connector::installed(&search_path());
        let mut lack = Lack::none_installed();
        for connector in &installed {
            match connector.prepare(&self.store, &self.store.join(PROOF), self.cancel.as_ref()) {
                Ok(()) => return Ok(Network::Private(connector.clone())),
                Err(error) => lack = Lack::of(error, &installed),
            }
        }
        Err(lack)
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
