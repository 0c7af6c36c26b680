//! The user's configuration.
//!
//! ```toml
//! [registry."docker.io"]
//! mirrors = ["http://127.0.0.1:5000"]   # asked first, in this order
//! insecure = false                      # plain HTTP, and certificates that nobody vouches for
//!
//! [network]
//! mode = "private"                      # of commands that do not say which; or "host"
//! deny = ["169.254.0.0/16", "*.internal"]  # what lap itself does not ask, whatever sends it there
//! allow = ["169.254.7.7"]               # exceptions from that
//!
//! [store]
//! max-size = "20g"                      # room that it may take while something is built; 0 for any
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use lapstrake_registry::Rule;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::args::Size;
use crate::bounded;
use crate::failure::Failure;
use crate::network;
use crate::paths::ConfigFiles;

/// What the configuration files say together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// By the name that images are written with.
    pub(crate) registry: BTreeMap<String, Registry>,
    pub(crate) network: Network,
    pub(crate) store: Store,
}

/// The network of commands that do not say which, and what is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Network {
    /// The best that there is where it is not told.
    pub(crate) mode: Option<network::Mode>,
    /// Hosts that nothing is fetched from.
    #[serde(deserialize_with = "rules")]
    pub(crate) deny: Vec<Rule>,
    /// Exceptions.
    #[serde(deserialize_with = "rules")]
    pub(crate) allow: Vec<Rule>,
}

/// What holds for the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Store {
    /// Bytes on disk that it may take while something is built.
    #[serde(deserialize_with = "size")]
    pub(crate) max_size: Option<u64>,
}

/// How a registry is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Registry {
    /// URLs, or hosts.
    pub(crate) mirrors: Vec<String>,
    /// Whether plain HTTP and unknown certificates will do.
    pub(crate) insecure: bool,
}

/// Reads the files. What two files name is as the later one says; what they deny and allow adds up.
pub(crate) fn load(files: &ConfigFiles) -> Result<Config, Failure> {
    match files {
        ConfigFiles::Named(path) => read(path)?.ok_or_else(|| {
            Failure::new(format!("the configuration file {} is not there", path.display()))
                .help("LAPSTRAKE_CONFIG names it")
        }),
        ConfigFiles::Usual(paths) => {
            let mut config = Config::default();
            for path in paths {
                let Config { registry, network, store } = read(path)?.unwrap_or_default();
                config.registry.extend(registry);
                config.network.mode = network.mode.or(config.network.mode);
                config.network.deny.extend(network.deny);
                config.network.allow.extend(network.allow);
                config.store.max_size = store.max_size.or(config.store.max_size);
            }
            Ok(config)
        }
    }
}

/// `None` when there is no such file.
fn read(path: &Path) -> Result<Option<Config>, Failure> {
    match bounded::text(path) {
        Ok(text) => parse(path, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("cannot read the configuration file {}", path.display());
            Err(Failure::new(message).because(&error))
        }
    }
}

fn parse(path: &Path, text: &str) -> Result<Config, Failure> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let (line, column) = place(text, start);
        let path = path.display();
        Failure::new(format!("{path}:{line}:{column}: {}", error.message()))
    })
}

fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let size: Size = text.parse().map_err(D::Error::custom)?;
    Ok(Some(size.0))
}

/// Line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn parsed(text: &str) -> Result<Config, String> {
        parse(Path::new("/etc/c.toml"), text).map_err(|failure| failure.text())
    }

    #[test]
    fn registries_are_read() {
        let config = parsed(
            "[registry.\"docker.io\"]\nmirrors = [\"http://127.0.0.1:5000\"]\n\
             [registry.\"r.example:5000\"]\ninsecure = true\n",
        );
        let config = config.unwrap();
        assert_eq!(config.registry["docker.io"].mirrors, ["http://127.0.0.1:5000"]);
        assert!(!config.registry["docker.io"].insecure);
        assert!(config.registry["r.example:5000"].insecure);
        assert_eq!(parsed(""), Ok(Config::default()));
    }

    #[test]
    fn the_room_of_the_store_is_read() {
        let room = |text| parsed(text).map(|config| config.store.max_size);
        assert_eq!(room("[store]\nmax-size = \"20g\"\n"), Ok(Some(20 << 30)));
        assert_eq!(room("[store]\n"), Ok(None));
        let folder = tempfile::tempdir().unwrap();
        let files = ["system", "user"].map(|name| folder.path().join(name));
        fs::write(&files[0], "[store]\nmax-size = \"1g\"\n").unwrap();
        let usual = ConfigFiles::Usual(files.to_vec());
        assert_eq!(load(&usual).unwrap().store.max_size, Some(1 << 30));
        fs::write(&files[1], "[store]\nmax-size = \"2g\"\n").unwrap();
        assert_eq!(load(&usual).unwrap().store.max_size, Some(2 << 30));
    }

    #[test]
    fn what_is_denied_adds_up() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["system", "user"].map(|name| folder.path().join(name));
        fs::write(&files[0], "[network]\ndeny = [\"10.0.0.0/8\"]\n").unwrap();
        fs::write(&files[1], "[network]\ndeny = [\"*.corp\"]\nallow = [\"10.0.0.7\"]\n").unwrap();
        let network = load(&ConfigFiles::Usual(files.to_vec())).unwrap().network;
        let texts = |rules: &[Rule]| rules.iter().map(Rule::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&network.deny), ["10.0.0.0/8", "*.corp"]);
        assert_eq!(texts(&network.allow), ["10.0.0.7/32"]);
    }

    #[test]
    fn faults_name_file_place_and_key() {
        for (text, fault) in [
            (
                "[registry.\"docker.io\"]\nmirror = []\n",
                "/etc/c.toml:2:1: unknown field `mirror`, expected `mirrors` or `insecure`",
            ),
            (
                "[registrys.x]\n",
                "/etc/c.toml:1:2: unknown field `registrys`, expected one of `registry`, `network`, `store`",
            ),
            (
                "[network]\nmode = \"bridge\"\n",
                "/etc/c.toml:2:8: unknown variant `bridge`, expected `private` or `host`",
            ),
            (
                "[network]\ndeny = [\"10.0.0.0/8\", \"10.0.0.0/99\"]\n",
                "/etc/c.toml:2:8: \"10.0.0.0/99\" is no rule for hosts: write 10.0.0.0/8, an address, \
                 a host name, *.internal or *",
            ),
            (
                "[store]\nmax-size = \"much\"\n",
                "/etc/c.toml:2:12: write a number of bytes with a unit, such as 10g",
            ),
            (
                "[registry.x]\ninsecure = \"yes\"\n",
                "/etc/c.toml:2:12: invalid type: string \"yes\", expected a boolean",
            ),
        ] {
            assert_eq!(parsed(text), Err(format!("error: {fault}\n")));
        }
    }

    #[test]
    fn a_named_file_has_to_be_there() {
        let named = ConfigFiles::Named("/nonexistent/lap.toml".into());
        let text = load(&named).unwrap_err().text();
        assert!(text.contains("/nonexistent/lap.toml is not there"), "{text}");
        let usual = ConfigFiles::Usual(vec!["/nonexistent/lap.toml".into()]);
        assert_eq!(load(&usual), Ok(Config::default()));
    }
}
