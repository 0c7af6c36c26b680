//! What everything here that speaks HTTP has in common: URLs, proxies, connections.
//!
//! It follows no redirects, knows no credentials and decides nothing about answers: its users, the
//! registry client and the fetching of remote sources, have rules of their own for that. It reads
//! no environment: proxies come in as data.
//!
//! Start at [`Agents`]. In reading order: `url`, `host`, `policy`, `proxy`, `tls`, `agent`.

mod agent;
mod host;
mod policy;
mod proxy;
mod tls;
mod url;

pub use agent::{Agents, Settings, Timeouts, agent};
pub use host::is_loopback;
pub use policy::{Denied, InvalidRule, Policy, Rule, denied};
pub use proxy::{InvalidProxy, Proxy};
pub use tls::{InvalidCertificate, Tls};
pub use url::{InvalidUrl, Origin, Url, encode};
