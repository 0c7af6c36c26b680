//! What the commands of one call have in common. Nothing is opened before a command asks for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use lapstrake_cache::{Error, Room, Store};
use lapstrake_registry::{ClientConfig, Policy, Proxy, RegistryConfig};

use crate::environment::variable;
use crate::failure::Failure;
use crate::{certificates, config, credentials, paths, rootless, signal};

/// The store and the way to registries.
pub(crate) struct Session {
    root: Option<PathBuf>,
    place: OnceLock<PathBuf>,
    store: OnceLock<Store>,
    heeds_signals: bool,
}

impl Session {
    /// `root` is what the command line says. A command that heeds signals itself says so.
    pub(crate) fn new(root: Option<PathBuf>, heeds_signals: bool) -> Self {
        Self { root, place: OnceLock::new(), store: OnceLock::new(), heeds_signals }
    }

    /// A session on a store that is open.
    pub(crate) fn with(store: Store) -> Self {
        let (place, store) = (OnceLock::new(), OnceLock::from(store));
        Self { root: None, place, store, heeds_signals: true }
    }

    /// The store, opened by the first call.
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        self.opened(Store::open(self.place()?))
    }

    /// The store, for somebody who lets go of it before the command ends.
    pub(crate) fn open_store(&self) -> Result<Store, Failure> {
        self.checked(Store::open(self.place()?))
    }

    /// The same for somebody who removes things, so that there is a way also on a full disk.
    pub(crate) fn store_to_remove(&self) -> Result<&Store, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        self.opened(Store::open_to_remove(self.place()?))
    }

    /// The same for somebody who only looks: a store that cannot be written is read as it is.
    pub(crate) fn store_to_read(&self) -> Result<&Store, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let place = self.place()?;
        match Store::open(place) {
            Err(error @ (Error::Full { .. } | Error::ReadOnly { .. })) => {
                match Store::look(place) {
                    Ok(Some(store)) => Ok(self.store.get_or_init(|| store)),
                    _ => self.opened(Err(error)),
                }
            }
            opened => self.opened(opened),
        }
    }

    /// The same; `None` where there is no store, and none is made.
    pub(crate) fn store_to_read_if_there(&self) -> Result<Option<&Store>, Failure> {
        match Store::is_there(self.place()?) {
            true => self.store_to_read().map(Some),
            false => Ok(None),
        }
    }

    fn opened(&self, store: Result<Store, Error>) -> Result<&Store, Failure> {
        if !self.heeds_signals {
            signal::leave_nothing()?;
        }
        self.checked(store).map(|store| self.store.get_or_init(|| store))
    }

    fn checked(&self, store: Result<Store, Error>) -> Result<Store, Failure> {
        let store = store.map_err(|error| self.not_opened(&error))?;
        lapstrake_executor::remove_stale_groups(&store.groups());
        Ok(store)
    }

    fn not_opened(&self, error: &Error) -> Failure {
        let failure = match (error, self.place.get()) {
            // These alone do not say of which store.
            (Error::Database { .. }, Some(place)) => {
                Failure::new(format!("cannot open the store {}", place.display())).because(error)
            }
            _ => Failure::of(error),
        };
        failure.help(remedy(error))
    }

    /// A failure for want of room, with how much the store's disk has.
    pub(crate) fn with_room(&self, failure: Failure) -> Failure {
        let place = self.place.get().filter(|_| failure.lacks_room());
        let room = place.and_then(|place| Room::of(place).ok());
        match room {
            Some(room) => failure.add_help(&format!(
                "a disk is full: that of the store, {room} now; lap cache prune makes room, and so \
                 does removing files beside the store"
            )),
            None => failure,
        }
    }

    /// Where the store is or will be. From the first call on this process is root, if only of a user namespace.
    pub(crate) fn place(&self) -> Result<&Path, Failure> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let is_root = rustix::process::geteuid().is_root();
        let place = paths::store_root(self.root.as_deref(), &variable, is_root)?;
        rootless::enter()?;
        Ok(self.place.get_or_init(|| place))
    }

    /// How a command on the same store begins, for a shell.
    pub(crate) fn command(&self) -> String {
        let root =
            self.root.as_deref().map(|root| std::path::absolute(root).unwrap_or(root.into()));
        root.map_or("lap".to_owned(), |root| format!("lap --root {}", quoted(&root)))
    }

    /// The store, if there is one already, for somebody who only looks: it is neither made nor written, the
    /// user does not change, and nothing is held.
    pub(crate) fn existing(&self) -> Option<Store> {
        let is_root = rustix::process::geteuid().is_root();
        let root = paths::store_root(self.root.as_deref(), &variable, is_root).ok()?;
        Store::look(&root).ok().flatten()
    }
}

/// The path as one word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,:@%=".contains(letter);
    match text.chars().all(is_plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// What to do about a store that cannot be opened.
fn remedy(error: &Error) -> &'static str {
    match error {
        Error::Newer { .. } | Error::Version { .. } => {
            "use the lap that wrote it, or a later one; or another directory for the store, with \
             --root or LAPSTRAKE_ROOT. Nothing in it was changed"
        }
        Error::Owner { .. } => {
            "run lap as that user (sudo -E and a sudo that keeps HOME leave the user's store in place); or name \
             another directory for the store with --root or LAPSTRAKE_ROOT. Nothing in it was changed"
        }
        Error::Ids { .. } => {
            "give the user these ids again: in /etc/subuid and /etc/subgid, with newuidmap installed, and as the group \
             that lap is started with (newgrp and sg change it); or have root remove the store, or name another \
             directory for it with --root or LAPSTRAKE_ROOT. Nothing in it was changed"
        }
        Error::Link { .. } => {
            "put the folder itself there, or remove the link: an empty one is made anew; or name another directory \
             for the store with --root or LAPSTRAKE_ROOT. Nothing in it was changed"
        }
        Error::Open { .. } => {
            "what anybody put there would be trusted. chmod o-w takes the right away; or name another directory for the \
             store with --root or LAPSTRAKE_ROOT. Nothing in it was changed"
        }
        Error::Full { .. } => {
            "lap cache prune makes room, for which some is kept, and so does lap rmi; else remove files beside \
             the store, or name one on another disk with --root or LAPSTRAKE_ROOT"
        }
        Error::ReadOnly { .. } => {
            "mount it so that it can be written, or become its owner; or name another directory for the store \
             with --root or LAPSTRAKE_ROOT"
        }
        _ => "name another directory for the store with --root or LAPSTRAKE_ROOT",
    }
}

/// The user's configuration, read by the first call.
pub(crate) fn config() -> Result<&'static config::Config, Failure> {
    static CONFIG: OnceLock<Result<config::Config, Failure>> = OnceLock::new();
    let read = || config::load(&paths::config_files(&variable));
    CONFIG.get_or_init(read).as_ref().map_err(Clone::clone)
}

/// Who is not connected to, as the configuration says.
pub(crate) fn policy() -> Result<Arc<Policy>, Failure> {
    let config::Network { deny, allow, .. } = &config()?.network;
    Ok(Arc::new(Policy { deny: deny.clone(), allow: allow.clone() }))
}

/// How registries are reached, as the configuration says.
pub(crate) fn registries() -> Result<ClientConfig, Failure> {
    let config = config()?.clone();
    let registry = |(name, registry): (String, config::Registry)| {
        let registry = RegistryConfig { mirrors: registry.mirrors, insecure: registry.insecure };
        (name, registry)
    };
    Ok(ClientConfig {
        registries: config.registry.into_iter().map(registry).collect(),
        credentials: credentials::source(paths::docker_config(&variable)),
        certificates: certificates::source(paths::certificates(&variable)),
        proxy: proxy(),
        policy: policy()?,
        ..ClientConfig::default()
    })
}

/// How remote sources are reached.
pub(crate) fn sources() -> Result<lapstrake_source::Config, Failure> {
    let mut config = lapstrake_source::Config::default();
    config.http.proxy = proxy();
    config.http.policy = policy()?;
    if let Some(path) = variable("PATH") {
        config.git.path = path;
    }
    Ok(config)
}

/// The proxies that the environment names; lower case first, as curl and Go read them.
pub(crate) fn proxy() -> Proxy {
    let named = |names: [&str; 2]| {
        let value = names.iter().find_map(|name| variable(name));
        value.map(|value| value.to_string_lossy().into_owned())
    };
    let bypass = named(["no_proxy", "NO_PROXY"]).unwrap_or_default();
    let bypass = bypass.split(',').map(str::trim).filter(|host| !host.is_empty());
    Proxy {
        http: named(["http_proxy", "HTTP_PROXY"]),
        https: named(["https_proxy", "HTTPS_PROXY"]),
        bypass: bypass.map(str::to_owned).collect(),
    }
}

/// The host's resolv.conf, and the one of systemd-resolved where it is the host's resolver.
pub(crate) struct ResolvConf {
    pub(crate) host: Vec<u8>,
    pub(crate) resolved: Option<Vec<u8>>,
}

impl ResolvConf {
    /// Reads both; one that is missing is empty.
    pub(crate) fn read() -> Self {
        let resolved = Path::new("/run/systemd/resolve/resolv.conf");
        Self {
            host: fs::read("/etc/resolv.conf").unwrap_or_default(),
            resolved: fs::read(resolved).ok(),
        }
    }
}
