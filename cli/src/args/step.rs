//! Flags of `lap build` about what RUN may use.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use lapstrake_executor::Resource;
use lapstrake_parser::{csv, size};

#[derive(Args, Debug)]
pub(crate) struct Step {
    /// What RUN may do beyond its sandbox: network.host, security.insecure; or device, though none can
    /// be given yet
    #[arg(long = "allow", value_name = "ENTITLEMENT")]
    pub(crate) allowed: Vec<Allow>,
    /// A secret for RUN --mount=type=secret: id=ID, with src=FILE or env=VARIABLE; cache=digest
    /// runs what reads it again when its value changed
    #[arg(long = "secret", value_name = "id=ID[,src=FILE|,env=VARIABLE][,cache=digest]")]
    pub(crate) secrets: Vec<Secret>,
    /// Let RUN leave secrets that it is given in the image; such a step is not cached
    #[arg(long)]
    pub(crate) allow_secret_in_layer: bool,
    /// An ssh agent for RUN --mount=type=ssh: the running one, the one at a socket, or one with
    /// the keys of these files
    #[arg(long = "ssh", value_name = "default|ID[=SOCKET|=KEYFILE,...]")]
    pub(crate) agents: Vec<Ssh>,
    /// Room in /dev/shm, the shared memory of each RUN, such as 128m [default: 64m]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) shm_size: Option<ByteSize>,
    /// Limit on a resource of RUN, such as nofile=1024:4096; -1 is no limit; above the
    /// hard limit that lap has only where it may raise that
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]")]
    pub(crate) limits: Vec<Ulimit>,
}

/// `--allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allow {
    NetworkHost,
    SecurityInsecure,
    /// Devices, of which none can be given yet: RUN --device says so.
    Device,
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=').map_or(text, |(name, _)| name) {
            "device" => Ok(Self::Device),
            _ if text == "network.host" => Ok(Self::NetworkHost),
            _ if text == "security.insecure" => Ok(Self::SecurityInsecure),
            _ => Err("the entitlements are network.host, security.insecure and device".into()),
        }
    }
}

/// `--secret`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) id: String,
    pub(crate) source: SecretSource,
    /// Whether steps that read it run again when its value changed.
    pub(crate) counts: bool,
}

/// Where the value of a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    File(PathBuf),
    Variable(String),
    /// The variable that is called like the secret, else the file.
    Either,
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields = csv::values(text).ok_or("it is no list of key=value")?;
        let (mut id, mut kind, mut file, mut variable, mut cache) = (None, None, None, None, None);
        for field in fields {
            let (key, value) = field
                .split_once('=')
                .ok_or_else(|| format!("{field} is not of the form key=value"))?;
            let slot = match key.to_ascii_lowercase().as_str() {
                "id" => &mut id,
                "type" => &mut kind,
                "src" | "source" => &mut file,
                "env" => &mut variable,
                "cache" => &mut cache,
                _ => {
                    return Err(format!("a secret has id, type, src, env and cache, but no {key}"));
                }
            };
            *slot = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        let id = id.ok_or("the secret has no id")?;
        match kind.as_deref() {
            None | Some("file") => {}
            Some("env") => variable = variable.or(file.take()),
            Some(other) => return Err(format!("the type is file or env, not {other}")),
        }
        let source = match (variable, file) {
            (Some(variable), _) => SecretSource::Variable(variable),
            (None, Some(file)) => SecretSource::File(file.into()),
            (None, None) => SecretSource::Either,
        };
        let counts = match cache.as_deref() {
            None | Some("none") => false,
            Some("digest") => true,
            Some(other) => return Err(format!("cache is digest or none, not {other}")),
        };
        Ok(Self { id, source, counts })
    }
}

/// `--ssh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ssh {
    pub(crate) id: String,
    /// A socket, or files with keys; the running agent when there are none.
    pub(crate) paths: Vec<PathBuf>,
}

impl FromStr for Ssh {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, paths) = text.split_once('=').unwrap_or((text, ""));
        let id = if id.is_empty() { "default" } else { id };
        let paths = paths.split(',').filter(|path| !path.is_empty());
        Ok(Self { id: id.to_owned(), paths: paths.map(PathBuf::from).collect() })
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = size::parse(text).filter(|bytes| *bytes > 0);
        bytes
            .map(Self)
            .ok_or_else(|| "write a number of bytes above 0 with a unit, such as 128m".into())
    }
}

/// `--ulimit`; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ulimit {
    pub(crate) resource: Resource,
    pub(crate) soft: Option<u64>,
    pub(crate) hard: Option<u64>,
}

impl FromStr for Ulimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, values) = text.split_once('=').ok_or("write NAME=SOFT:HARD")?;
        let resource = Resource::ALL.into_iter().find(|resource| resource.name() == name);
        let resource = resource.ok_or_else(|| {
            let names: Vec<&str> = Resource::ALL.into_iter().map(Resource::name).collect();
            format!("the limits are {}", names.join(", "))
        })?;
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        let (soft, hard) = (limit(soft)?, limit(hard)?);
        match (soft, hard) {
            (None, Some(_)) => Err("the soft limit is above the hard one".into()),
            (Some(soft), Some(hard)) if soft > hard => {
                Err("the soft limit is above the hard one".into())
            }
            _ => Ok(Self { resource, soft, hard }),
        }
    }
}

fn limit(text: &str) -> Result<Option<u64>, String> {
    match text {
        "-1" => Ok(None),
        number => number.parse().map(Some).map_err(|_| format!("{number:?} is no limit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_a_file_or_a_variable() {
        let source = |text: &str| text.parse::<Secret>().map(|secret| (secret.id, secret.source));
        let file = |path: &str| SecretSource::File(path.into());
        let variable = |name: &str| SecretSource::Variable(name.into());
        for (text, expected) in [
            ("id=a", SecretSource::Either),
            ("id=a,src=f", file("f")),
            ("type=file,source=f,ID=a", file("f")),
            ("id=a,env=V", variable("V")),
            ("id=a,type=env,src=V", variable("V")),
            ("id=a,type=env", SecretSource::Either),
            ("id=a,src=f,env=V", variable("V")),
            ("id=a,\"src=f,g\"", file("f,g")),
        ] {
            assert_eq!(source(text), Ok(("a".to_owned(), expected)), "{text}");
        }
        for text in [
            "",
            "id=",
            "src=f",
            "a",
            "id=a,type=x",
            "id=a,target=/x",
            "id=a,\"src",
            "id=a,cache=yes",
        ] {
            assert!(source(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_count_when_it_is_said() {
        let counts = |text: &str| text.parse::<Secret>().map(|secret| secret.counts);
        assert_eq!(counts("id=a,src=f"), Ok(false));
        assert_eq!(counts("id=a,src=f,cache=none"), Ok(false));
        assert_eq!(counts("id=a,cache=digest,env=V"), Ok(true));
    }

    #[test]
    fn agents_have_an_id_and_perhaps_paths() {
        let parsed = |text: &str| text.parse::<Ssh>().map(|ssh| (ssh.id, ssh.paths));
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(parsed("default"), Ok(("default".into(), paths(&[]))));
        assert_eq!(parsed("git=/a,/b"), Ok(("git".into(), paths(&["/a", "/b"]))));
        assert_eq!(parsed("=/a"), Ok(("default".into(), paths(&["/a"]))));
    }

    #[test]
    fn limits_are_soft_and_hard() {
        let parsed = |text: &str| {
            let limit = text.parse::<Ulimit>()?;
            Ok::<_, String>((limit.resource.name(), limit.soft, limit.hard))
        };
        assert_eq!(parsed("nofile=1024:4096"), Ok(("nofile", Some(1024), Some(4096))));
        assert_eq!(parsed("core=0"), Ok(("core", Some(0), Some(0))));
        assert_eq!(parsed("nproc=5:-1"), Ok(("nproc", Some(5), None)));
        for text in ["nofile", "nofile=", "files=1", "nofile=2:1", "nofile=-1:5", "nofile=1:2:3"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entitlements_and_sizes() {
        assert_eq!("network.host".parse(), Ok(Allow::NetworkHost));
        assert_eq!("security.insecure".parse(), Ok(Allow::SecurityInsecure));
        assert_eq!("device=vendor/gpu".parse(), Ok(Allow::Device));
        for text in ["", "network", "network.host=1", "all"] {
            assert!(text.parse::<Allow>().is_err(), "{text}");
        }
        assert_eq!("128m".parse(), Ok(ByteSize(128 << 20)));
        assert!("0".parse::<ByteSize>().is_err() && "much".parse::<ByteSize>().is_err());
    }
}
