//! What an image runs on: operating system, architecture and its variant.

mod normal;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, excerpt};
use crate::json::{Extra, is_default, null_as_default};

use normal::{is_known_architecture, is_known_os, normal_architecture, normal_os};

/// What an image runs on. Spelled as it came; [`Platform::normalized`] and `parse` give the one
/// spelling that texts and comparisons use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// Go's name of the architecture: `amd64`, `arm64`, …
    #[serde(default)]
    pub architecture: String,
    /// Go's name of the operating system: `linux`, …
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
    /// The variant of the architecture: `v7`, …
    #[serde(default, skip_serializing_if = "is_default")]
    pub variant: String,
    /// Fields not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Why a text is no platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlatform {
    /// Not one to three parts.
    #[error("expected os/architecture or os/architecture/variant")]
    Parts,
    /// A character that no part has.
    #[error("the parts consist of letters, digits, '_', '-' and '.'")]
    Characters,
    /// One part that is neither a system nor an architecture.
    #[error(
        "it is neither a known operating system nor a known architecture, write os/architecture"
    )]
    Unknown,
}

impl Platform {
    /// A normalized platform.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (architecture, variant) = normal_architecture(architecture, variant);
        Self { architecture, os: normal_os(os), variant, ..Self::default() }
    }

    /// What this program was built for. Variants of amd64 are not looked for: it is the baseline.
    pub fn host() -> Self {
        Self::new("linux", host_architecture(), "")
    }

    /// Reads `os/architecture[/variant]`, or only one of the first two, and normalizes it.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|reason| Error::Platform { text: excerpt(text), reason })
    }

    /// The same platform in its usual spelling: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` is
    /// `arm/v7`; an empty operating system or architecture is the host's.
    pub fn normalized(&self) -> Self {
        let (architecture, variant) = normal_architecture(&self.architecture, &self.variant);
        Self { architecture, variant, os: normal_os(&self.os), ..self.clone() }
    }

    /// How well an image for `offered` serves where `self` is wanted: 0 is exact, `None` not at all.
    ///
    /// An older variant of the same architecture serves less well; then come 32-bit programs on
    /// arm64 and amd64. Same order as containerd's `Only`. An image that needs a feature of the
    /// operating system that is not wanted does not serve.
    pub fn rank(&self, offered: &Self) -> Option<usize> {
        let (wanted, offered) = (self.normalized(), offered.normalized());
        if wanted.os != offered.os || !wanted.serves_version(&offered) || !wanted.has_all(&offered)
        {
            return None;
        }
        let choices = normal::compatible(&wanted.architecture, &wanted.variant);
        let is_offered = |(architecture, variant): &(String, String)| {
            *architecture == offered.architecture && *variant == offered.variant
        };
        choices.iter().position(is_offered)
    }

    /// An image for `offered` can be used where `self` is wanted.
    pub fn accepts(&self, offered: &Self) -> bool {
        self.rank(offered).is_some()
    }

    fn has_all(&self, offered: &Self) -> bool {
        offered.os_features.iter().all(|feature| self.os_features.contains(feature))
    }

    fn serves_version(&self, offered: &Self) -> bool {
        self.os_version.is_empty()
            || offered.os_version.is_empty()
            || self.os_version == offered.os_version
    }
}

/// Go's name of the architecture that this was compiled for.
fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        other => other,
    }
}

fn parse(text: &str) -> Result<Platform, InvalidPlatform> {
    let parts: Vec<&str> = text.split('/').collect();
    let (system, rest) = parts.split_first().ok_or(InvalidPlatform::Parts)?;
    let (os, version) = split_version(system)?;
    if !rest.iter().chain([&os]).all(|part| is_part(part)) {
        return Err(if text.is_empty() {
            InvalidPlatform::Parts
        } else {
            InvalidPlatform::Characters
        });
    }
    let platform = match rest {
        [] => parse_single(os)?,
        [architecture] => Platform::new(os, architecture, ""),
        [architecture, variant] => Platform::new(os, architecture, variant),
        _ => return Err(InvalidPlatform::Parts),
    };
    Ok(Platform { os_version: version.to_owned(), ..platform })
}

fn parse_single(part: &str) -> Result<Platform, InvalidPlatform> {
    if is_known_os(&normal_os(part)) {
        return Ok(Platform::new(part, host_architecture(), ""));
    }
    let (architecture, variant) = normal_architecture(part, "");
    if is_known_architecture(&architecture) {
        return Ok(Platform::new("linux", &architecture, &variant));
    }
    Err(InvalidPlatform::Unknown)
}

/// `windows(10.0.17763)` → `windows`, `10.0.17763`.
fn split_version(system: &str) -> Result<(&str, &str), InvalidPlatform> {
    let Some((os, rest)) = system.split_once('(') else {
        return Ok((system, ""));
    };
    let version = rest.strip_suffix(')').ok_or(InvalidPlatform::Characters)?;
    if !version.is_empty() && !is_part(version) {
        return Err(InvalidPlatform::Characters);
    }
    Ok((os, version))
}

fn is_part(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !part.is_empty() && part.bytes().all(allowed)
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.os.clone();
        if !self.os_version.is_empty() {
            text = format!("{text}({})", self.os_version);
        }
        text = format!("{text}/{}", self.architecture);
        if !self.variant.is_empty() {
            text = format!("{text}/{}", self.variant);
        }
        formatter.pad(&text)
    }
}

#[cfg(test)]
mod tests;
