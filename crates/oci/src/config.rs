//! The config of an image: how to run it, what its layers are, how it came to be.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::document::MAX_LAYERS;
use crate::error::{DocumentKind, Error};
use crate::json::{self, Extra, is_default, null_as_default};
use crate::platform::Platform;

/// An image config (image-spec, config.md) with Docker's additions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made, RFC 3339; kept as it is spelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub author: String,
    /// Go's name of the architecture.
    #[serde(default)]
    pub architecture: String,
    /// Go's name of the operating system.
    #[serde(default)]
    pub os: String,
    /// The version of Windows.
    #[serde(rename = "os.version", default, skip_serializing_if = "is_default")]
    pub os_version: String,
    /// What it needs of the operating system.
    #[serde(
        rename = "os.features",
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// The variant of the architecture.
    #[serde(default, skip_serializing_if = "is_default")]
    pub variant: String,
    /// How to run it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: Config,
    /// What its layers are.
    pub rootfs: RootFs,
    /// How it came to be, oldest first.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// Fields not known here (Docker's `docker_version`, `container_config`, …).
    #[serde(flatten)]
    pub extra: Extra,
}

/// The defaults for running an image. Docker's fields beside OCI's: `Hostname`, `Domainname`,
/// `Healthcheck`, `OnBuild`, `Shell`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    /// Host name of its containers.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub hostname: String,
    /// Domain name of its containers.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub domainname: String,
    /// `user`, `uid`, `user:group`, …; empty for root.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub user: String,
    /// `port/protocol`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `NAME=value`, in order.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The command, or the part of it that arguments do not replace.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The arguments, or the command where there is no entrypoint.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Paths in the image that become volumes.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Empty>,
    /// Where the command starts; empty for `/`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub working_dir: String,
    /// Labels.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal that stops it; empty for `SIGTERM`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub stop_signal: String,
    /// The command is one escaped line (Windows).
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub args_escaped: bool,
    /// How to tell that it is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Instructions for images built from it.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    /// What runs shell forms; empty for `/bin/sh -c`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
    /// Fields not known here (`AttachStdin`, `Image`, `Tty`, …).
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `{}` behind a port or a volume. Reads as Go's `struct{}`: whatever stands there is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Empty {}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self {})
    }
}

/// Docker's health check. Durations in nanoseconds; 0 means that they are inherited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// Empty: inherited. `NONE`. `CMD` and arguments. `CMD-SHELL` and a line.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(skip_serializing_if = "is_default")]
    pub interval: i64,
    /// For one check.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: i64,
    /// During which failures do not count.
    #[serde(skip_serializing_if = "is_default")]
    pub start_period: i64,
    /// Between two checks during the start period.
    #[serde(skip_serializing_if = "is_default")]
    pub start_interval: i64,
    /// How many failures in a row make it unhealthy.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: i64,
    /// Fields not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What the layers of an image are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The diff ids, bottom first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
    /// Fields not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RootFs {
    /// A root file system of these layers, bottom first.
    pub fn new(diff_ids: Vec<Digest>) -> Self {
        Self { kind: "layers".to_owned(), diff_ids, extra: Extra::new() }
    }
}

impl Default for RootFs {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// One step of how an image came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When, RFC 3339; kept as it is spelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub created_by: String,
    /// By whom.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub author: String,
    /// A note.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_default")]
    pub comment: String,
    /// It made no layer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub empty_layer: bool,
    /// Fields not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ImageConfig {
    /// A config for `platform` with nothing in it.
    pub fn new(platform: &Platform) -> Self {
        Self {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            os_version: platform.os_version.clone(),
            os_features: platform.os_features.clone(),
            variant: platform.variant.clone(),
            ..Self::default()
        }
    }

    /// Reads a config.
    ///
    /// # Errors
    /// When it is too large, no JSON, lacks `rootfs`, or its root file system is not made of layers.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let document = DocumentKind::Config;
        json::check_size(document, bytes)?;
        let config: Self = json::read(document, bytes)?;
        if config.rootfs.kind != "layers" {
            return Err(Error::RootFs { kind: crate::error::excerpt(&config.rootfs.kind) });
        }
        json::check_count(document, "diff ids", config.rootfs.diff_ids.len(), MAX_LAYERS)?;
        Ok(config)
    }

    /// What it runs on, normalized.
    pub fn platform(&self) -> Platform {
        let platform = Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
            variant: self.variant.clone(),
            extra: Extra::new(),
        };
        platform.normalized()
    }

    /// Says that it is for `platform`, in its usual spelling.
    pub fn set_platform(&mut self, platform: &Platform) {
        let platform = platform.normalized();
        self.architecture = platform.architecture;
        self.os = platform.os;
        self.os_version = platform.os_version;
        self.os_features = platform.os_features;
        self.variant = platform.variant;
    }

    /// Compact JSON, fields in the order of the specification, empty ones left out.
    ///
    /// # Errors
    /// Never in practice: the fields are texts, numbers and JSON values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        json::write(DocumentKind::Config, self)
    }
}
