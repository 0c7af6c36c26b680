//! Connections, kept and reused.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::unversioned::transport::DefaultConnector;

use crate::policy::{Checked, Policy};
use crate::proxy::{InvalidProxy, Proxy};
use crate::tls::Tls;
use crate::url::Origin;

/// Idle connections kept in all and for each host.
const MAX_IDLE: usize = 32;
const MAX_IDLE_PER_HOST: usize = 8;

/// How connections are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who is reached through somebody else.
    pub proxy: Proxy,
    /// Who is not connected to.
    pub policy: Arc<Policy>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// The `User-Agent`.
    pub user_agent: String,
}

/// How long to wait for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For its address, a connection and TLS.
    pub connect: Duration,
    /// For the beginning of an answer.
    pub response: Duration,
    /// For the next bytes of an answer, also the first ones.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(60),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            proxy: Proxy::default(),
            policy: Arc::default(),
            timeouts: Timeouts::default(),
            user_agent: concat!("lapstrake/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Connections to hosts that have the system's certificate roots, directly or through a proxy. Can
/// be used from many threads at once.
#[derive(Debug)]
pub struct Agents {
    direct: Agent,
    http_proxied: Option<Agent>,
    https_proxied: Option<Agent>,
    proxy: Proxy,
    policy: Arc<Policy>,
}

impl Agents {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When a proxy's URL is none.
    pub fn new(settings: &Settings) -> Result<Self, InvalidProxy> {
        let through = |proxy| agent(settings, &Tls::default(), Some(proxy));
        Ok(Self {
            direct: agent(settings, &Tls::default(), None),
            http_proxied: settings.proxy.for_plain()?.map(through),
            https_proxied: settings.proxy.for_tls()?.map(through),
            proxy: settings.proxy.clone(),
            policy: settings.policy.clone(),
        })
    }

    /// What requests to `origin` are sent with.
    ///
    /// # Errors
    /// When the policy denies a host that would be asked for at a proxy. One that is reached directly is
    /// checked when a connection to it is made, which fails with [`crate::denied`].
    pub fn of(&self, origin: &Origin) -> Result<&Agent, ureq::Error> {
        let proxied = if origin.tls { &self.https_proxied } else { &self.http_proxied };
        match proxied {
            Some(proxied) if !self.proxy.bypasses(&origin.host) => {
                let denied = |denied| ureq::Error::Other(Box::new(denied));
                self.policy.check_name(&origin.host).map_err(denied)?;
                Ok(proxied)
            }
            _ => Ok(&self.direct),
        }
    }
}

/// An agent that follows no redirects, takes every status for an answer and asks for bodies as they
/// are. Behind a proxy the caller checks names against the policy.
pub fn agent(settings: &Settings, tls: &Tls, proxy: Option<ureq::Proxy>) -> Agent {
    let is_direct = proxy.is_none();
    let timeouts = &settings.timeouts;
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .tls_config(tls.config())
        .proxy(proxy)
        .user_agent(settings.user_agent.as_str())
        .accept_encoding("identity")
        .timeout_resolve(Some(timeouts.connect))
        .timeout_connect(Some(timeouts.connect))
        .timeout_recv_response(Some(timeouts.response))
        .timeout_per_read(Some(timeouts.idle.max(Duration::from_millis(1))))
        .timeout_per_write(Some(timeouts.idle.max(Duration::from_millis(1))))
        .max_idle_connections(MAX_IDLE)
        .max_idle_connections_per_host(MAX_IDLE_PER_HOST);
    match is_direct && !settings.policy.is_empty() {
        true => {
            let resolver = Checked::new(settings.policy.clone());
            Agent::with_parts(agent.build(), DefaultConnector::default(), resolver)
        }
        false => agent.build().into(),
    }
}
